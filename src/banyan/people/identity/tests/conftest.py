"""HTTP for the tests of this house."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from django.test import Client, override_settings

_keys = itertools.count(1)


class Caller:
    """A client with one token."""

    def __init__(self, token: str | None = None) -> None:
        self.token = token
        self.client = Client()

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        headers.setdefault("Idempotency-Key", f"k{next(_keys)}")
        payload = json.dumps(body) if body is not None else ""
        response = self.client.generic(method, f"/api/v1{path}", payload, content_type="application/json", headers=headers)
        return response.status_code, json.loads(response.content) if response.content else None


@pytest.fixture
def caller() -> type[Caller]:
    """caller(token) → call(method, path, body)."""
    return Caller


@pytest.fixture(autouse=True)
def _quick_hashing() -> Any:
    """Real hashing takes a third of a second a piece; one test uses it."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield
