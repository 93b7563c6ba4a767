"""A shop with one person of each console role, and a signed-in client for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from banyan.people.identity.types import NewUser, Role

from .screens import browser, tab, world  # noqa: F401  for every test of the console

PASSWORD = "Correct-horse-9"
STAFF = (Role.OPERATOR, Role.FINANCE, Role.WAREHOUSE, Role.AUDITOR)


@dataclass(frozen=True)
class Staffed:
    """A shop and its people by role."""

    shop: Any
    people: dict[Role, int]

    def client(self, role: Role) -> Any:
        """A browser session of that person, signed in through the login page."""
        from django.test import Client

        client = Client()
        answer = client.post("/console/login/", {"shop": self.shop.slug, "username": str(role), "password": PASSWORD})
        assert answer.status_code == 302, answer.content.decode()[:2000]
        return client


@pytest.fixture(scope="session", autouse=True)
def _quick_hashes() -> Iterator[None]:
    """Passwords of tests need no slow hash; what is tested here is who gets in, not how long guessing takes."""
    from django.test import override_settings

    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture
def staff(make_shop: Callable[..., Any]) -> Callable[..., Staffed]:
    """A function that makes a staffed shop."""

    def make(**settings: Any) -> Staffed:
        from banyan.people.identity import commands as identity  # models load only after the database is there

        shop = make_shop(**settings)
        with shop.enter():
            ids = identity.register_users(
                [NewUser(str(role), PASSWORD, f"{role} person", None, (role,)) for role in (*STAFF, Role.CONSUMER)]
            )
        return Staffed(shop, dict(zip((*STAFF, Role.CONSUMER), ids, strict=True)))

    return make


@pytest.fixture
def staffed(staff: Callable[..., Staffed]) -> Staffed:
    """A staffed shop."""
    return staff()
