"""Fixtures of this street: a stocked shop with buyers and a line of distributors."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

START = datetime(2026, 1, 1, tzinfo=UTC)
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Team:
    """Distributors of one line, top first, with their users and codes."""

    ids: tuple[Any, ...]
    users: tuple[Any, ...]
    codes: tuple[str, ...]


@pytest.fixture
def make_buyers() -> Callable[[int], list[Any]]:
    """make_buyers(count): consumers; call it inside an entered tenant."""
    from banyan.people.identity import commands
    from banyan.people.identity.types import NewUser, Role

    def make(count: int) -> list[Any]:
        people = [NewUser(f"buyer{next(_numbers)}", None, "某人", None, (Role.CONSUMER,), START) for _ in range(count)]
        return list(commands.register_users(people))

    return make


@pytest.fixture
def make_team(make_buyers: Callable[[int], list[Any]]) -> Callable[..., Team]:
    """make_team(length): approved distributors, each the sponsor of the next; call it inside an entered tenant."""
    from banyan.people.distributors import commands, queries
    from banyan.people.distributors.types import Application, Applied
    from banyan.people.network import commands as network
    from banyan.people.network.types import Joining

    def make(length: int, at: datetime = START) -> Team:
        users = make_buyers(length)
        applied = [a for a in commands.apply([Application(user, None, at) for user in users]) if isinstance(a, Applied)]
        ids = [a.distributor_id for a in applied]
        assert all(outcome.done for outcome in commands.approve(ids, at))
        network.join([Joining(one, above, at) for one, above in zip(ids, [None, *ids], strict=False)])
        found = queries.list_distributors_by_ids(ids)
        return Team(tuple(ids), tuple(users), tuple(found[one].code for one in ids))

    return make


class Caller:
    """A client with one token."""

    def __init__(self, token: str | None = None) -> None:
        from django.test import Client

        self.token = token
        self.client = Client()

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        headers.setdefault("Idempotency-Key", f"k{next(_numbers)}")
        payload = json.dumps(body) if body is not None else ""
        response = self.client.generic(method, f"/api/v1{path}", payload, content_type="application/json", headers=headers)
        return response.status_code, json.loads(response.content) if response.content else None


@pytest.fixture
def call_as() -> Callable[..., Caller]:
    """call_as(role, user_id=None, scopes=None): a caller with a fresh token of that role, or of these scopes of it; call it
    inside an entered tenant."""
    from banyan.people.identity import commands
    from banyan.people.identity.types import NewUser, Role, scopes_of

    def make(role: str, user_id: Any = None, scopes: tuple[str, ...] | None = None) -> Caller:
        if user_id is None:
            (user_id,) = commands.register_users([NewUser(f"{role}{next(_numbers)}", None, "某人", None, (Role(role),), START)])
        return Caller(commands.issue_token(user_id, scopes or scopes_of([Role(role)]), "test"))

    return make
