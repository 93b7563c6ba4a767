"""Distributors in the console: their place and tier change by one command each, and their list is read in one query."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from banyan.console.tests.asking import page_of, post
from banyan.console.tests.conftest import Staffed
from banyan.console.tests.making import code_of, make_distributors
from banyan.kernel import clock, ids, sql
from banyan.people.identity.types import NewUser, Role


@contextmanager
def _statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The queries of the block, those of the short way through libpq too, which Django's own capture does not see."""
    asked: list[str] = []
    fetch = sql.fetch

    def counted(query: str, params: Any = ()) -> list[tuple[Any, ...]]:
        asked.append(query)
        return fetch(query, params)

    with monkeypatch.context() as patch, CaptureQueriesContext(connection) as captured:
        patch.setattr(sql, "fetch", counted)
        yield asked
        asked.extend(one["sql"] for one in captured.captured_queries)


def test_a_member_moves_with_the_team_after_a_look_at_what_would_happen(staffed: Staffed) -> None:
    from banyan.people.network import queries

    root, other, member, below = make_distributors(staffed, None, None, 0, 2)
    public = ids.public("dst", member)
    address = f"/console/network/{public}/"
    operator = staffed.client(Role.OPERATOR)
    assert f"{address}sponsor" in page_of(operator, address)
    preview = page_of(operator, f"{address}sponsor?to={code_of(staffed, other).lower()}")
    assert "<dd>2</dd>" in preview and f'value="{ids.public("dst", other)}"' in preview
    assert "不能形成环" in page_of(operator, f"{address}sponsor?to={code_of(staffed, below)}")
    assert "不能以自己为上级" in page_of(operator, f"{address}sponsor?to={public}")
    assert "已在该上级之下" in page_of(operator, f"{address}sponsor?to={code_of(staffed, root)}")
    assert "没有此推广码或编号的分销商" in page_of(operator, f"{address}sponsor?to=NOBODY99")
    circle = post(operator, f"{address}move", to=ids.public("dst", below), reason="x")
    assert "不能形成环" in circle
    assert "请填写变更原因" in post(operator, f"{address}move", to=code_of(staffed, other), reason=" ")
    assert staffed.client(Role.FINANCE).post(f"{address}move", {"to": "", "reason": "x"}).status_code == 403
    post(operator, f"{address}move", to=code_of(staffed, other), reason="上级离职")
    with staffed.shop.enter():
        assert queries.uplines([below])[below] == (member, other)  # type: ignore[index,list-item]
        assert queries.list_sponsorships(member)[-1].reason == "上级离职"  # type: ignore[arg-type]
    assert "清除上级" in page_of(operator, f"{address}sponsor")
    post(operator, f"{address}move", to="", reason="清除")
    with staffed.shop.enter():
        assert queries.uplines([below])[below] == (member,)  # type: ignore[index,list-item]
    assert staffed.shop.verify() == []


def test_a_refused_placing_is_found_listed_and_mended(staffed: Staffed) -> None:
    from banyan.people.network import queries

    placed, lost = make_distributors(staffed, None, None)
    with staffed.shop.enter():  # as a joining that was refused leaves it: approved, the event read, no place
        sql.execute("DELETE FROM network_sponsorships WHERE distributor_id = %s", (lost,))
        sql.execute("DELETE FROM network_members WHERE id = %s", (lost,))
    public = ids.public("dst", lost)
    assert [(one.check, one.subject) for one in staffed.shop.verify()] == [("network.places", public)]
    operator = staffed.client(Role.OPERATOR)
    listed = page_of(operator, "/console/sellers/?place=none")
    assert public in listed and ids.public("dst", placed) not in listed
    lonely = operator.get(f"/console/network/{public}/", follow=True)
    assert "尚未加入关系网" in lonely.content.decode()
    answer = post(operator, f"/console/network/{public}/move", to=code_of(staffed, placed))
    assert "已加入关系网" in answer
    with staffed.shop.enter():
        assert queries.uplines([lost])[lost] == (placed,)  # type: ignore[index,list-item]
    assert staffed.shop.verify() == []


def test_an_approval_that_no_reaction_has_read_is_no_finding(staffed: Staffed) -> None:
    (waiting,) = make_distributors(staffed, None, drain=False)
    assert staffed.shop.verify() == []
    staffed.shop.drain()
    assert staffed.shop.verify() == []
    assert ids.public("dst", waiting) not in page_of(staffed.client(Role.OPERATOR), "/console/sellers/?place=none")


def test_an_application_gets_no_place_by_hand(staffed: Staffed) -> None:
    from banyan.people.distributors import commands
    from banyan.people.distributors.types import Application
    from banyan.people.network import queries

    with staffed.shop.enter():
        (applied,) = commands.apply([Application(staffed.people[Role.CONSUMER], None, clock.now())])  # type: ignore[arg-type]
    public = ids.public("dst", applied.distributor_id)  # type: ignore[union-attr]
    answer = post(staffed.client(Role.OPERATOR), f"/console/network/{public}/move", to="")
    assert "审核通过的分销商才能加入关系网" in answer
    with staffed.shop.enter():
        assert queries.list_roots() == []


def test_a_tier_is_given_with_a_reason_and_a_date(staffed: Staffed) -> None:
    from banyan.people.distributors import queries
    from banyan.people.distributors.types import Tier

    (one,) = make_distributors(staffed, None)
    address = f"/console/network/{ids.public('dst', one)}/tier"
    operator = staffed.client(Role.OPERATOR)
    assert "请填写原因" in post(operator, address, tier="gold", reason="")
    assert "请选择等级" in post(operator, address, tier="tin", reason="x")
    for at in ("2999-01-01T00:00", "2026-13-99T00:00", "yesterday"):
        assert "请填写不晚于现在的时间" in post(operator, address, tier="gold", reason="x", at=at), at
    backdated = post(operator, address, tier="gold", reason="x", at="2001-01-01T00:00")
    assert "当前等级开始得更晚" in backdated
    assert staffed.client(Role.AUDITOR).post(address, {"tier": "gold", "reason": "x"}).status_code == 403
    post(operator, address, tier="gold", reason="大促表现")
    with staffed.shop.enter():
        assert [(fact.value, fact.reason) for fact in queries.list_tier_history(one)][1:] == [(Tier.GOLD, "大促表现")]  # type: ignore[arg-type]


def test_the_list_of_distributors_counts_orders_amounts_consumers_and_payouts_in_one_query(
    staffed: Staffed, monkeypatch: pytest.MonkeyPatch
) -> None:
    from banyan.console import figures
    from banyan.people.identity import commands as identity
    from banyan.people.network import commands as network
    from banyan.people.network.types import BindRequest, BindSource
    from banyan.trade.returns.tests.making import place_paid

    first, second = make_distributors(staffed, None, 0)
    with staffed.shop.enter():
        (consumer,) = identity.register_users([NewUser("buyer1", None, "买家", None, (Role.CONSUMER,))])
        network.bind([BindRequest(consumer, first, BindSource.LINK, clock.now())])  # type: ignore[arg-type]
    place_paid(staffed.shop, [(12_345, 2)], count=3, buyer_id=consumer)
    with staffed.shop.enter():
        with _statements(monkeypatch) as asked:
            records = figures.records_of([first, second], clock.now())
        assert len(asked) == 1
    assert records[first] == figures.Record(3, 3 * 24_690, 1, 0, 0)
    assert records[second] == figures.Record()
    client = staffed.client(Role.OPERATOR)
    page = page_of(client, "/console/sellers/")
    assert "¥740.70" in page
    link = re.search(r'href="(/console/attribution/referral/[^"]+)"', page)
    assert link is not None and client.get(link.group(1)).status_code == 200
    with _statements(monkeypatch) as few:
        client.get("/console/sellers/")
    make_distributors(staffed, None, None, None)
    with _statements(monkeypatch) as many:
        client.get("/console/sellers/")
    assert len(many) == len(few) > 1
