"""Regional partners through the screen: appointed now or from a day on, ended, refused in words; and periods of a plan that cross
each other."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from banyan.console.tests.asking import post
from banyan.console.tests.conftest import Staffed
from banyan.console.tests.making import MONTHS, code_of, make_distributors
from banyan.console.tests.screens import World
from banyan.earnings.commission import queries
from banyan.earnings.commission.types import RegionalPartner
from banyan.kernel import clock, ids, tenancy
from banyan.people.identity.types import Role

PAGE, APPOINT = "/console/regional-partners/", "/console/regional-partners/appoint"


def _held(staffed: Staffed) -> list[RegionalPartner]:
    with staffed.shop.enter():
        return queries.list_partners()


def _end(partner: RegionalPartner) -> str:
    return f"{PAGE}{ids.public('rpt', partner.partner_id)}/end"


def test_a_partner_is_appointed_and_ended_through_the_screen(staffed: Staffed) -> None:
    first, second = make_distributors(staffed, None, None)
    code = code_of(staffed, first)
    operator = staffed.client(Role.OPERATOR)
    assert "还没有人持有地区" in operator.get(PAGE).content.decode()
    told = post(operator, APPOINT, region="4403", distributor=code)
    assert "已任命" in told and "深圳市" in told and code in told
    (held,) = _held(staffed)
    assert (held.region_code, held.distributor_id, held.valid_to) == ("4403", first, None)
    taken = post(operator, APPOINT, region="4403", distributor=ids.public("dst", second))
    assert "已有代理" in taken and "先结束" in taken and f'value="{ids.public("dst", second)}"' in taken  # what was typed stays
    assert "已结束" in post(operator, _end(held))
    assert _held(staffed)[0].valid_to is not None
    assert _end(held) not in operator.get(PAGE).content.decode()
    post(operator, APPOINT, region="4403", distributor=ids.public("dst", second))
    assert [each.distributor_id for each in _held(staffed)] == [second, first]


def test_a_partner_may_be_appointed_from_midnight_of_a_day_in_the_shops_zone(staffed: Staffed) -> None:
    (first,) = make_distributors(staffed, None)
    operator, of = staffed.client(Role.OPERATOR), ids.public("dst", first)
    day = (clock.now() + timedelta(days=40)).date()
    assert "待生效" in post(operator, APPOINT, region="44", distributor=of, day=day.isoformat())
    (held,) = _held(staffed)
    with staffed.shop.enter():
        zone = tenancy.get_tenant(staffed.shop.id).zone
    at = held.valid_from.astimezone(zone)
    assert (at.date(), at.hour, at.minute) == (day, 0, 0)
    post(operator, _end(held))
    assert _held(staffed)[0].valid_to == held.valid_from  # ended before it began: it never counted


@pytest.mark.parametrize(
    ("region", "of", "words"),
    [("330", "", "地区代码为 2、4 或 6 位数字"), ("3304", "NOBODY", "没有此推广码或编号的分销商"), ("", "", "")],
    ids=["three-digits", "nobody", "empty"],
)
def test_what_is_no_region_or_nobody_is_refused_beside_the_form(staffed: Staffed, region: str, of: str, words: str) -> None:
    (first,) = make_distributors(staffed, None)
    told = post(staffed.client(Role.OPERATOR), APPOINT, region=region, distributor=of or ids.public("dst", first))
    assert words in told
    assert _held(staffed) == []


@pytest.mark.parametrize("role", [Role.FINANCE, Role.AUDITOR, Role.WAREHOUSE])
def test_who_may_not_write_plans_appoints_and_ends_nobody(staffed: Staffed, role: Role) -> None:
    (first,) = make_distributors(staffed, None)
    post(staffed.client(Role.OPERATOR), APPOINT, region="4403", distributor=ids.public("dst", first))
    (held,) = _held(staffed)
    client = staffed.client(role)
    assert client.post(APPOINT, {"region": "44", "distributor": ids.public("dst", first)}).status_code == 403
    assert client.post(_end(held)).status_code == 403
    assert "<form" not in re.sub(r"(?s)^.*<div class=\"bn\">(.*?)<dialog.*$", r"\1", client.get(PAGE).content.decode())
    assert _held(staffed) == [held]


def test_periods_that_cross_each_other_are_refused_where_they_could_pay_more_than_the_cap(staff: Any) -> None:
    """A week lies over the end of a month: each of the two closes would take the whole cap of the days that they share."""
    staffed: Staffed = staff(jurisdiction="sandbox")
    operator = staffed.client(Role.OPERATOR)

    def plan(rate_bp: int) -> str:
        rules = [
            {"key": period, "pays": {"to": "member", "period": period}, "amount": {"kind": "rate", "rate_bp": rate_bp}}
            for period in ("week", "month")
        ]
        return json.dumps({**MONTHS, "caps": {"total_bp": 1000}, "rules": rules})

    said = post(operator, "/console/plans/new", document=plan(800), act="draft")
    assert "单笔销售佣金合计上限" in said and "有部分日子重叠" in said
    with staffed.shop.enter():
        assert queries.list_versions() == []
    post(operator, "/console/plans/new", document=plan(500), act="draft")
    with staffed.shop.enter():
        assert [each.status for each in queries.list_versions()] == ["draft"]


@pytest.mark.screen
@pytest.mark.slow
def test_the_screen_asks_before_an_appointment_ends(tab: Any, world: World) -> None:
    from banyan.kernel import sql

    with tenancy.enter(world.tenant_id, actor="screens"):
        ((number, code),) = sql.fetch("SELECT id, code FROM distributors WHERE status = 'active' ORDER BY id LIMIT 1")
    one = tab("operator")
    page = one.open(PAGE)
    page.fill("[name=region]", "330402")
    page.fill("[name=distributor]", code)
    with page.expect_navigation():
        page.click("form[action$='/appoint'] button")
    assert "嘉兴" in page.inner_text("#main tbody")
    one.keep("partners-held")
    page.locator("form[action$='/end'] button").first.click()
    page.wait_for_selector("dialog[open]")
    page.click("dialog button[value=no]")
    with tenancy.enter(world.tenant_id, actor="screens"):
        assert queries.list_partners(region_code="330402")[0].valid_to is None
    page.locator("form[action$='/end'] button").first.click()
    with page.expect_navigation():
        page.click("dialog button[value=yes]")
    one.fits()
    with tenancy.enter(world.tenant_id, actor="screens"):
        (held,) = queries.list_partners(region_code="330402")
    assert held.distributor_id == number and held.valid_to is not None
