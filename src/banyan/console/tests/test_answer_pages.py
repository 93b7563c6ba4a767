"""An order's answer and a distributor's moment: who opens them, and what they say when there is little to say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from banyan.console.tests.conftest import STAFF, Staffed
from banyan.kernel import clock, ids
from banyan.people.distributors import commands, queries
from banyan.people.distributors.types import Application, DistributorId
from banyan.people.identity.types import Role, UserId
from banyan.people.network import commands as network
from banyan.people.network.types import Joining
from banyan.trade.returns.tests.making import place_paid

MAY_READ = {Role.OPERATOR, Role.FINANCE, Role.AUDITOR}


@dataclass(frozen=True)
class Known:
    """A shop with one distributor without a sponsor, and an order that nobody referred."""

    staffed: Staffed
    distributor: str
    code: str
    order: str

    @property
    def answer(self) -> str:
        return f"/console/orders/{self.order}/answer"

    @property
    def moment(self) -> str:
        return f"/console/network/{self.distributor}/moment"


@pytest.fixture
def known(staffed: Staffed) -> Known:
    (order,) = place_paid(staffed.shop, [(1000, 3)])
    with staffed.shop.enter():
        commands.apply([Application(UserId(staffed.people[Role.CONSUMER]), None, clock.now())])
        (one,) = queries.list_distributors(None, 10)
        commands.approve([one.id], clock.now())
    return Known(staffed, ids.public("dst", one.id), one.code, ids.public("ord", order.order_id))


def _text(client: Any, address: str, **asked: str) -> str:
    answer = client.get(address, asked)
    assert answer.status_code == 200, (address, asked)
    return str(answer.content.decode())


def test_only_who_may_see_commissions_opens_them(known: Known) -> None:
    for role in STAFF:
        client = known.staffed.client(role)
        for address in (known.answer, f"{known.answer}?of={known.code}", known.moment):
            assert client.get(address).status_code == (200 if role in MAY_READ else 403), (role, address)
        links = client.get(f"/console/orders/{known.order}/money").content.decode()
        assert (known.answer in links) == (role in MAY_READ)


def test_another_shop_has_neither_the_order_nor_the_person(known: Known, make_shop: Any, staff: Any) -> None:
    other = staff()
    client = other.client(Role.AUDITOR)
    assert client.get(known.answer).status_code == 404
    assert client.get(known.moment).status_code == 404
    (order,) = place_paid(other.shop, [(1000, 1)])
    told = _text(client, f"/console/orders/{ids.public('ord', order.order_id)}/answer", of=known.distributor)
    assert "没有此推广码或编号的分销商" in told and 'id="answer"' not in told


def test_an_order_is_asked_about_somebody(known: Known) -> None:
    client = known.staffed.client(Role.FINANCE)
    unasked = _text(client, known.answer)
    assert "请填写分销商" in unasked and "本单没有推荐人" in unasked
    for nobody in ("no-such-code", "dst_0000000000000", "x" * 500):
        told = _text(client, known.answer, of=nobody)
        assert "没有此推广码或编号的分销商" in told and 'id="answer"' not in told
    known.staffed.shop.drain()
    told = _text(client, known.answer, of=known.distributor)
    assert "未得佣" in told and "付款时没有生效的方案，无人计佣。" in told and known.moment in told
    client.cookies["django_language"] = "en"
    assert "earned nothing" in _text(client, known.answer, of=known.code)


def test_a_moment_is_now_or_past(known: Known) -> None:
    client = known.staffed.client(Role.AUDITOR)
    assert 'id="moment"' in _text(client, known.moment)
    early = _text(client, known.moment, at="2001-01-01T08:00")
    assert "当时不是分销商" in early and "2001-01-01 08:00" in early and "分销商待结算" in early
    assert "2001-01-02 00:00" in _text(client, known.moment, at="2001-01-02")
    assert "2001-01-02 08:00" in _text(client, known.moment, at="2001-01-02T00:00:00+00:00")
    to_come = (clock.now() + timedelta(days=2)).isoformat()
    for wrong in (to_come, "yesterday", "2001-02-30", "0001-01-01T00:00", "9999-12-31T23:59:59-12:00", "2001-13-01T00:00"):
        told = _text(client, known.moment, at=wrong)
        assert "请填写不晚于现在的时间" in told and 'id="moment"' not in told, wrong


def test_the_place_in_the_network_leads_to_the_moment_and_back(known: Known) -> None:
    with known.staffed.shop.enter():
        network.join([Joining(DistributorId(ids.parse("dst", known.distributor)), None, clock.now())])
    client = known.staffed.client(Role.OPERATOR)
    place = f"/console/network/{known.distributor}/"
    assert known.moment in _text(client, place)
    assert f'href="{place}"' in _text(client, known.moment)
