"""Fixtures of this street: people in numbers."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

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
