"""Bad input anywhere is a 4xx with a code and advice: schemathesis makes it from the OpenAPI document.

Both what the document allows and what it forbids is sent, to a shop that has lived, and half of the time with ids of rows that
are there: a request that names nothing ends too early to show anything.
"""

from __future__ import annotations

import os
import uuid
from collections import Counter
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from banyan.people.identity.types import Role
from tests.access import lived
from tests.access.openapi_requests import prefix_of

EXAMPLES = int(os.environ.get("BANYAN_FUZZ_EXAMPLES", "8"))
"""Per operation and mode in a test run; set it to hundreds for a long one."""


@pytest.fixture(scope="module")
def shop(database: None, schema: dict[str, Any]) -> lived.Shop:
    """One of its own: whoever may do everything spoils it for other tests."""
    return lived.build("fuzz", schema)


def _operations() -> list[Any]:
    """Every documented operation, read from the document as the application serves it."""
    from banyan.config.wsgi import application

    document = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", application)
    return [found.ok() for found in document.get_all_operations()]


class Caller:
    """Somebody with every scope, so that nothing is hidden behind a 403; comes again as somebody else when signed out."""

    def __init__(self, shop: lived.Shop) -> None:
        self.shop = shop
        self.token = lived.newcomer(shop, tuple(Role))
        self.statuses: Counter[int] = Counter()

    def send(self, case: Any) -> None:
        """Send one case and look at what comes back."""
        case.headers.pop("Authorization", None)  # made-up tokens are another test's business
        response = case.call(headers={"Authorization": f"Bearer {self.token}", "Idempotency-Key": uuid.uuid4().hex})
        self.statuses[response.status_code] += 1
        where = f"{case.method} {case.formatted_path} {case.query} {case.body!r:.600}: {response.status_code}"
        assert response.status_code < 500, f"{where} {response.text[:300]}"
        if response.status_code >= 400:
            error = response.json()["error"]
            assert error["code"] and error["message"], f"{where} {response.text[:300]}"
            assert error["advice"], f"{where} {error['code']} tells nobody what to do"
        if response.status_code == 401:
            self.token = lived.newcomer(self.shop, tuple(Role))


def _name_real_rows(case: Any, operation: Any, shop: lived.Shop, pick: int) -> None:
    """Put ids of rows that are there wherever the document asks for an id."""

    def real(prefix: str, otherwise: Any) -> Any:
        there = sorted(shop.ids.get(prefix, ()))
        return there[pick % len(there)] if there else otherwise

    def within(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: within(part) for key, part in value.items()}
        if isinstance(value, list):
            return [within(part) for part in value]
        if isinstance(value, str) and lived.PUBLIC_ID.fullmatch(value):
            return real(value.split("_", 1)[0], value)
        return value

    for parameter in operation.path_parameters:
        prefix = prefix_of(parameter.definition.get("schema", {}))
        if prefix:
            case.path_parameters[parameter.name] = real(prefix, case.path_parameters.get(parameter.name))
    case.query = within(case.query)
    case.body = within(case.body)


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("operation", _operations(), ids=lambda operation: operation.label)
def test_nothing_that_can_be_sent_is_a_500(operation: Any, mode: GenerationMode, shop: lived.Shop) -> None:
    caller = Caller(shop)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode), st.booleans(), st.integers(0, 10_000))
    def send(case: Any, real: bool, pick: int) -> None:
        if real:
            _name_real_rows(case, operation, shop, pick)
        caller.send(case)

    send()
    assert caller.statuses, "nothing was sent"


@pytest.mark.slow
def test_after_all_of_it_the_shop_is_whole(shop: lived.Shop) -> None:
    from banyan.kernel import events, tenancy, verification

    events.drain(shop.tenant_id)
    with tenancy.enter(shop.tenant_id, actor="test"):
        assert verification.run_checks()[0] == []
