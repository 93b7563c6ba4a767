"""Bad input anywhere is a 4xx with a code and advice: schemathesis makes it from the OpenAPI document."""

from __future__ import annotations

import os
import uuid
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode

from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role, scopes_of

EXAMPLES = int(os.environ.get("BANYAN_FUZZ_EXAMPLES", "12"))
"""Per operation in a test run; set it to hundreds for a long one."""


@pytest.fixture(scope="module")
def headers(database: None) -> dict[str, str]:
    """Somebody with every scope, so that nothing is hidden behind a 403."""
    from banyan.kernel import tenancy

    tenant_id = tenancy.create_tenant(f"fuzz{uuid.uuid4().hex[:8]}", "Fuzz")
    with tenancy.enter(tenant_id, actor="test"):
        (user_id,) = identity.register_users([NewUser("everybody", None, "测试", None, tuple(Role))])
        token = identity.issue_token(user_id, scopes_of(tuple(Role)), "fuzz")
    return {"Authorization": f"Bearer {token}"}


def _operations() -> list[Any]:
    """Every documented operation, read from the document as the application serves it."""
    from banyan.config.wsgi import application

    document = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", application)
    document.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
    return [found.ok() for found in document.get_all_operations()]


@pytest.mark.slow
@pytest.mark.parametrize("operation", _operations(), ids=lambda operation: operation.label)
def test_nothing_that_can_be_sent_is_a_500(operation: Any, headers: dict[str, str]) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy())
    def send(case: Any) -> None:
        response = case.call(headers={**headers, "Idempotency-Key": uuid.uuid4().hex})
        assert response.status_code < 500, f"{case.method} {case.formatted_path}: {response.status_code} {response.text[:300]}"
        if response.status_code >= 400:
            error = response.json()["error"]
            assert error["code"] and error["message"], response.text[:300]
            assert error["advice"], f"{error['code']} tells nobody what to do"

    send()
