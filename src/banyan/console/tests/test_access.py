"""Who may open what: the login, the menus by role, closed doors for strangers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from banyan.console.tests.conftest import PASSWORD, STAFF, Staffed
from banyan.people.identity.types import Role

PAGES = {
    "/console/set-aside/": {Role.OPERATOR, Role.FINANCE, Role.AUDITOR},
    "/console/audit/": {Role.AUDITOR},
    "/console/law/": {Role.OPERATOR, Role.FINANCE, Role.AUDITOR},
    "/console/law/cn/": {Role.OPERATOR, Role.FINANCE, Role.AUDITOR},
    "/console/network/": {Role.OPERATOR, Role.FINANCE, Role.AUDITOR},
    "/console/applications/": {Role.OPERATOR, Role.FINANCE, Role.AUDITOR},
    "/console/sellers/": {Role.OPERATOR, Role.FINANCE, Role.AUDITOR},
    "/console/sellers/?place=none": {Role.OPERATOR, Role.FINANCE, Role.AUDITOR},
    "/console/settings/": {Role.OPERATOR, Role.FINANCE, Role.AUDITOR},
    "/console/plans/": {Role.OPERATOR, Role.FINANCE, Role.AUDITOR},
    "/console/plans/new": {Role.OPERATOR, Role.FINANCE, Role.AUDITOR},
    "/console/closings/": {Role.OPERATOR, Role.FINANCE, Role.AUDITOR},
    "/console/regional-partners/": {Role.OPERATOR, Role.FINANCE, Role.AUDITOR},
    "/console/settlement-policies/": {Role.OPERATOR, Role.FINANCE, Role.AUDITOR},
    "/console/shops/": set(),
}


@pytest.mark.parametrize("role", STAFF)
def test_each_role_opens_its_pages_and_no_others(staffed: Staffed, role: Role) -> None:
    client = staffed.client(role)
    for address, roles in PAGES.items():
        assert client.get(address).status_code == (200 if role in roles else 403), (address, role)


def test_without_a_session_every_page_leads_to_the_login(staffed: Staffed) -> None:
    client = Client()
    for address in [*PAGES, "/console/"]:
        answer = client.get(address)
        assert answer.status_code == 302, address
        assert answer["Location"].startswith("/console/login/"), address


def test_a_consumer_cannot_open_the_console(staffed: Staffed) -> None:
    client = Client()
    answer = client.post("/console/login/", {"shop": staffed.shop.slug, "username": "consumer", "password": PASSWORD})
    assert answer.status_code == 200
    assert "_auth_user_id" not in client.session
    assert client.get("/console/law/").status_code == 302


def test_wrong_words_say_nothing_about_which_was_wrong(staffed: Staffed) -> None:
    wrong = []
    for shop, login, password in (
        (staffed.shop.slug, "operator", "Wrong-password-1"),
        (staffed.shop.slug, "nobody", PASSWORD),
        ("no-such-shop", "operator", PASSWORD),
    ):  # fmt: skip
        answer = Client().post("/console/login/", {"shop": shop, "username": login, "password": password})
        assert answer.status_code == 200
        wrong.append("店铺、账号或密码不正确" in answer.content.decode())
    assert wrong == [True, True, True]


def test_chinese_comes_first_whatever_the_browser_asks_for_and_the_switch_holds(staffed: Staffed) -> None:
    client = Client(headers={"accept-language": "en-US,en;q=0.9"})
    assert 'lang="zh-hans"' in client.get("/console/login/").content.decode()
    client.post("/console/language", {"language": "en", "next": "/console/login/"})
    assert 'lang="en"' in client.get("/console/login/").content.decode()
    client.post("/console/language", {"language": "xx", "next": "/console/login/"})
    assert 'lang="en"' in client.get("/console/login/").content.decode()


def test_the_session_of_one_shop_shows_nothing_of_another(staff: Callable[..., Staffed]) -> None:
    mine, other = staff(), staff()
    with other.shop.enter():
        from banyan.kernel import clock
        from banyan.people.distributors import commands as distributors
        from banyan.people.distributors.types import Application

        distributors.apply([Application(other.people[Role.CONSUMER], None, clock.now())])
    assert "console/people/usr_" in other.client(Role.OPERATOR).get("/console/applications/").content.decode()
    assert "console/people/usr_" not in mine.client(Role.OPERATOR).get("/console/applications/").content.decode()


def test_writing_needs_the_right_and_a_denied_request_changes_nothing(staffed: Staffed) -> None:
    from banyan.rules.compliance import queries

    for role in (Role.FINANCE, Role.WAREHOUSE, Role.AUDITOR):
        client = staffed.client(role)
        for address in (
            "/console/law/acknowledge",
            "/console/set-aside/decide",
            "/console/applications/decide",
            "/console/shops/enter",
            "/console/settings/binding",
            "/console/settings/attribution",
            "/console/settings/orders",
            "/console/settings/fulfillment",
            "/console/settings/returns",
            "/console/return-terms/reason",
            "/console/return-terms/exclusion",
            "/console/return-terms/address",
        ):
            assert client.post(address, {"reading": "practice", "agreed": "yes"}).status_code == 403, (role, address)
    with staffed.shop.enter():
        assert queries.list_acknowledgements() == []


def test_a_forged_post_without_its_token_is_refused(staffed: Staffed) -> None:
    client = Client(enforce_csrf_checks=True)
    client.cookies = staffed.client(Role.OPERATOR).cookies
    assert client.post("/console/law/withdraw", {"reason": "x"}).status_code == 403


def test_the_platform_enters_a_shop_with_a_reason_and_the_shop_can_see_it(staffed: Staffed, staff: Any) -> None:
    from banyan.kernel import sql, tenancy
    from banyan.kernel.tenancy.registry import PLATFORM_SLUG, create_tenant, find_tenant_by_slug
    from banyan.people.identity import commands as identity
    from banyan.people.identity.types import NewUser

    platform = find_tenant_by_slug(PLATFORM_SLUG)
    platform_id = platform.id if platform else create_tenant(PLATFORM_SLUG, "Platform")
    login = f"root{staffed.shop.slug}"
    with tenancy.enter(platform_id, actor="test"):
        identity.register_users([NewUser(login, PASSWORD, "Root", None, (Role.PLATFORM,))])
    client = Client()
    assert client.post("/console/login/", {"shop": "", "username": login, "password": PASSWORD}).status_code == 302
    assert client.get("/console/shops/").status_code == 200
    assert client.post("/console/shops/enter", {"shop": staffed.shop.slug, "reason": ""}).status_code == 302
    assert client.session["banyan_tenant_id"] == platform_id  # without a reason nothing happens
    client.post("/console/shops/enter", {"shop": staffed.shop.slug, "reason": "ticket 17"})
    assert client.session["banyan_tenant_id"] == staffed.shop.id
    assert client.get("/console/law/").status_code == 200
    with staffed.shop.enter():
        assert sql.fetch("SELECT visitor_login, reason, left_at FROM identity_visits") == [(login, "ticket 17", None)]
    client.post("/console/shops/leave")
    assert client.session["banyan_tenant_id"] == platform_id
    with staffed.shop.enter():
        assert sql.fetch("SELECT left_at IS NOT NULL FROM identity_visits") == [(True,)]


def test_the_own_password_changes_through_the_command(staffed: Staffed) -> None:
    client = staffed.client(Role.FINANCE)
    other = staffed.client(Role.FINANCE)
    wrong = client.post("/console/password_change/", {"present": "x", "new": "Another-horse-8", "again": "Another-horse-8"})
    assert "当前密码不正确" in wrong.content.decode()
    answer = client.post("/console/password_change/", {"present": PASSWORD, "new": "Another-horse-8", "again": "Another-horse-8"})
    assert answer.status_code == 302
    assert client.get("/console/law/").status_code == 200
    assert other.get("/console/law/").status_code == 302  # the other session ended
