"""Fixtures of this street: people in numbers, and HTTP."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client, override_settings

START = datetime(2026, 1, 1, tzinfo=UTC)
_numbers = itertools.count(1)

Make = Callable[..., list[Any]]


@pytest.fixture
def make_users() -> Make:
    """make_users(count, *roles): consumers by default; call it inside an entered tenant."""
    from banyan.people.identity import commands
    from banyan.people.identity.types import NewUser, Role

    def make(count: int, *roles: Role) -> list[Any]:
        people = [NewUser(f"user{next(_numbers)}", None, "某人", None, roles or (Role.CONSUMER,), START) for _ in range(count)]
        return list(commands.register_users(people))

    return make


@pytest.fixture
def make_distributors(make_users: Make) -> Make:
    """make_distributors(count, at=START): approved distributors without a place; call it inside an entered tenant."""
    from banyan.people.distributors import commands
    from banyan.people.distributors.types import Application, Applied

    def make(count: int, at: datetime = START) -> list[Any]:
        applied = commands.apply([Application(user, None, at) for user in make_users(count)])
        ids = [answer.distributor_id for answer in applied if isinstance(answer, Applied)]
        assert len(ids) == count
        assert all(outcome.done for outcome in commands.approve(ids, at))
        return ids

    return make


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


@pytest.fixture
def token_for(tenant: Any) -> Callable[..., str]:
    """token_for(user, *roles): a token with every scope of the roles (the user gets the roles)."""
    from banyan.people.identity import commands
    from banyan.people.identity.types import scopes_of

    def issue(user: Any, *roles: Any) -> str:
        with tenant.enter():
            commands.set_roles(user, roles)
            return str(commands.issue_token(user, scopes_of(roles), "test"))

    return issue
