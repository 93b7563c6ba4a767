"""What the access tests share: two lived shops, of which the one is a stranger to everybody of the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session", autouse=True)
def _quick_hashes() -> Iterator[None]:
    """Passwords of tests need no slow hash; what is tested here is who gets in, not how long guessing takes."""
    from django.test import override_settings

    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(scope="session")
def schema(database: None) -> dict[str, Any]:
    """The OpenAPI document."""
    from banyan.config.urls import api

    return api.get_openapi_schema()


@pytest.fixture(scope="session")
def shops(database: None, schema: dict[str, Any], _quick_hashes: None) -> tuple[Any, Any]:
    """Ours and theirs."""
    from tests.access import lived  # models load only after the database is there

    return lived.build("ours", schema), lived.build("theirs", schema)
