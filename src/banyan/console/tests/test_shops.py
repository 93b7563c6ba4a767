"""The platform opens shops from its page; nobody else does."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from banyan.console.tests.conftest import PASSWORD, STAFF, Staffed
from banyan.people.identity.types import Role

FORM = {"name": "新店", "currency": "CNY", "timezone": "Asia/Shanghai", "jurisdiction": "CN", "login": "boss"}


@pytest.fixture
def root(staffed: Staffed) -> Client:
    """A browser session of a platform person."""
    from banyan.people.identity import commands as identity

    login = f"opener{staffed.shop.slug}"
    identity.found_platform(login, PASSWORD, "Root")
    client = Client()
    assert client.post("/console/login/", {"shop": "", "username": login, "password": PASSWORD}).status_code == 302
    return client


@pytest.mark.parametrize(("language", "said"), [("zh-hans", "店铺已开"), ("en", "The shop is open")])
def test_a_shop_is_opened_and_its_password_is_shown_once(root: Client, staffed: Staffed, language: str, said: str) -> None:
    root.post("/console/language", {"language": language, "next": "/console/"})
    slug = f"n{staffed.shop.slug}{language[:2]}"
    answer = root.post("/console/shops/", {**FORM, "slug": slug})
    page = answer.content.decode()
    assert (answer.status_code, said in page, answer["Cache-Control"]) == (200, True, "no-store")
    found = re.search(r"data-secret>([^<]+)<", page)
    assert found is not None
    again = root.get("/console/shops/").content.decode()
    assert found[1] not in again
    assert slug in again
    boss = Client()
    signed_in: Any = boss.post("/console/login/", {"shop": slug, "username": "boss", "password": found[1]})
    assert signed_in.status_code == 302
    assert boss.get("/console/law/").status_code == 200


def test_a_refusal_is_said_in_the_language_and_what_was_typed_stays(root: Client, staffed: Staffed) -> None:
    page = root.post("/console/shops/", {**FORM, "slug": staffed.shop.slug, "name": "另一家"}).content.decode()
    assert "此店铺代号已被使用。" in page
    assert 'value="另一家"' in page
    assert "data-secret" not in page


def test_nobody_else_opens_a_shop(staffed: Staffed) -> None:
    from banyan.kernel import tenancy

    slug = f"s{staffed.shop.slug}"
    for role in STAFF:
        assert staffed.client(role).post("/console/shops/", {**FORM, "slug": slug}).status_code == 403
    assert Client().post("/console/shops/", {**FORM, "slug": slug}).status_code == 302
    assert tenancy.find_tenant_by_slug(slug) is None
    assert Role.PLATFORM not in STAFF
