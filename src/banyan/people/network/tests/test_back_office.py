"""The lists of this street in a real session: who opens them, what they show, what the actions do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from banyan.kernel import clock, ids
from banyan.people.conftest import START
from banyan.people.distributors import queries as distributors
from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role
from banyan.people.network import commands as network
from banyan.people.network import queries as network_queries
from banyan.people.network.types import BindRequest, BindSource, Joining

PASSWORD = "a long enough passphrase"
LISTS = (
    "identity/user", "identity/token", "identity/loginattempt", "identity/visit", "distributors/distributor",
    "distributors/statusfact", "distributors/tierfact", "network/member", "network/sponsorship", "network/bindingrow",
    "network/bindingsettingsrow",
)  # fmt: skip


@pytest.fixture
def office(tenant: Any, make_users: Any, make_distributors: Any) -> dict[str, Any]:
    with tenant.enter():
        identity.register_users([NewUser(role.value, PASSWORD, "王小明", "13800138000", (role,)) for role in Role])
        members = make_distributors(4)
        network.join([Joining(member, members[0] if member != members[0] else None, START) for member in members])
        (consumer,) = make_users(1)
        network.bind([BindRequest(consumer, members[1], BindSource.LINK, START)])
        network.move(members[2], members[1], START + timedelta(days=1), "test")
    return {"tenant": tenant, "members": members, "consumer": consumer}


def session(office: dict[str, Any], role: Role) -> Client:
    client = Client()
    account = {"shop": office["tenant"].slug, "username": role.value, "password": PASSWORD}
    assert client.post("/console/login/", account).status_code == 302
    return client


@pytest.mark.parametrize("path", LISTS)
def test_lists_open_for_staff_who_may_and_for_nobody_else(office: Any, path: str) -> None:
    assert session(office, Role.OPERATOR).get(f"/console/{path}/").status_code == 200
    assert Client().get(f"/console/{path}/").status_code == 302
    assert session(office, Role.WAREHOUSE).get(f"/console/{path}/").status_code == 403


@pytest.mark.parametrize("path", LISTS)
def test_lists_do_not_ask_per_row(office: Any, path: str, make_distributors: Any, make_users: Any) -> None:
    client = session(office, Role.AUDITOR)
    with CaptureQueriesContext(connection) as few:
        assert client.get(f"/console/{path}/").status_code == 200
    with office["tenant"].enter():
        more = make_distributors(12)
        network.join([Joining(member, office["members"][0], START) for member in more])
        for member in more:
            network.bind([BindRequest(make_users(1)[0], member, BindSource.LINK, START)])
    with CaptureQueriesContext(connection) as many:
        assert client.get(f"/console/{path}/").status_code == 200
    assert len(many) <= len(few) + 1


def test_names_and_phones_are_masked_and_a_whole_number_finds_them(office: Any) -> None:
    client = session(office, Role.OPERATOR)
    page = client.get("/console/identity/user/").content.decode()
    assert "王小明" not in page
    assert "13800138000" not in page
    assert "王**" in page
    assert client.get("/console/identity/user/?q=138-0013-8000").content.decode().count("王**") == len(Role)
    assert "王**" not in client.get("/console/identity/user/?q=13800138001").content.decode()


def act(client: Client, path: str, action: str, rows: list[int], **more: str) -> str:
    data = {"action": action, "_selected_action": [str(row) for row in rows], **more}
    return client.post(f"/console/{path}/", data, follow=True).content.decode()


def test_decisions_on_distributors_call_the_commands(office: Any) -> None:
    client, members = session(office, Role.OPERATOR), office["members"]
    act(client, "distributors/distributor", "freeze", members[:2])
    with office["tenant"].enter():
        assert distributors.get_distributor(members[0]).status == "active"  # no reason, no freeze
    act(client, "distributors/distributor", "freeze", members[:2], reason="complaint")
    act(client, "distributors/distributor", "tier_gold", members[2:], reason="sales")
    with office["tenant"].enter():
        found = distributors.list_distributors_by_ids(members)
        assert [found[m].status for m in members] == ["frozen", "frozen", "active", "active"]
        assert [found[m].tier for m in members] == ["bronze", "bronze", "gold", "gold"]
    auditor = session(office, Role.AUDITOR)
    act(auditor, "distributors/distributor", "unfreeze", members[:2], reason="nice try")
    with office["tenant"].enter():
        assert distributors.get_distributor(members[0]).status == "frozen"
    assert client.get(f"/console/distributors/distributor/{members[0]}/change/").status_code == 200
    code = found[members[0]].code
    assert code in client.get(f"/console/distributors/distributor/?q={code.lower()}").content.decode()
    assert code in client.get(f"/console/network/member/?q={ids.public('dst', members[0])}").content.decode()


def test_releasing_and_making_roots_by_hand(office: Any) -> None:
    client, members = session(office, Role.OPERATOR), office["members"]
    with office["tenant"].enter():
        row_id = network_queries.list_bound_consumers(members[1], clock.now())[0][0]
    act(client, "network/bindingrow", "release", [row_id], reason="asked")
    act(client, "network/member", "make_root", [members[3]], reason="asked")
    with office["tenant"].enter():
        assert network_queries.referrers_at([office["consumer"]], clock.now()) == {}
        assert network_queries.get_member(members[3]).sponsor_id is None
    assert office["tenant"].verify() == []


def test_users_are_switched_off_and_nobody_does_it_to_himself(office: Any) -> None:
    client = session(office, Role.OPERATOR)
    with office["tenant"].enter():
        from banyan.people.identity import queries

        me, finance = (queries.find_user_by_login(login) for login in ("operator", "finance"))
        assert me is not None
        assert finance is not None
    page = act(client, "identity/user", "deactivate", [me.id, finance.id])
    assert "1" in page
    with office["tenant"].enter():
        assert queries.get_user(me.id).active
        assert not queries.get_user(finance.id).active
    assert client.get("/console/identity/user/").status_code == 200


def test_no_form_adds_or_changes_facts(office: Any) -> None:
    client = session(office, Role.OPERATOR)
    for path in LISTS:
        assert client.get(f"/console/{path}/add/").status_code == 403
    target = f"/console/distributors/distributor/{office['members'][0]}"
    assert client.post(f"{target}/change/", {"status": "closed"}).status_code == 403
    assert client.post(f"{target}/delete/", {"post": "yes"}).status_code == 403
    assert office["tenant"].verify() == []
