"""The return desk: what waits, many decided at once, the inspection with what is kept, the one page of what was turned back."""

from __future__ import annotations

from typing import Any

from banyan.console.showing import ground_of, ruling_step
from banyan.console.tests.asking import page_of, post
from banyan.console.tests.conftest import Staffed
from banyan.goods.catalog import queries as catalog
from banyan.kernel import ids
from banyan.people.distributors.types import Tier
from banyan.people.identity.types import Role
from banyan.trade.returns import commands, queries
from banyan.trade.returns.tests.making import ask, claim, deliver, place_paid, told
from banyan.trade.returns.tests.test_terms import JPEG
from banyan.trade.returns.types import Address, AddressRule, Mode, Reason, ReturnPolicy, ReturnStatus


def test_many_are_decided_at_once(staffed: Staffed) -> None:
    (order,) = place_paid(staffed.shop, [(1000, 3)])
    deliver(staffed.shop, [order])
    with staffed.shop.enter():
        found = [ask(claim(order, [(0, 1, 0)], key=str(number))) for number in range(3)]
    public = [ids.public("ret", one) for one in found]
    operator, warehouse = staffed.client(Role.OPERATOR), staffed.client(Role.WAREHOUSE)
    desk = page_of(operator, "/console/return-desk/")
    assert all(one in desk for one in public) and "新客" in desk and 'name="pick"' in desk
    assert 'name="pick"' not in page_of(warehouse, "/console/return-desk/")
    wish = {"decision": "approve", "tab": "requested", "pick": public[:2]}
    assert warehouse.post("/console/return-desk/decide", wish).status_code == 403
    post(operator, "/console/return-desk/decide", **wish)
    assert public[2] not in page_of(operator, "/console/return-desk/?tab=awaited")
    assert public[0] in page_of(operator, "/console/return-desk/?tab=awaited")
    post(operator, "/console/return-desk/decide", decision="reject", tab="requested", pick=public[2:], reason="已使用")
    with staffed.shop.enter():
        statuses = [queries.get_return(one).status for one in found]
    assert statuses == [ReturnStatus.APPROVED, ReturnStatus.APPROVED, ReturnStatus.REJECTED]


def test_the_inspection_keeps_something_and_the_page_says_everything(staffed: Staffed) -> None:
    (order,) = place_paid(staffed.shop, [(1000, 3)], shipping_minor=600)
    deliver(staffed.shop, [order])
    with staffed.shop.enter():
        photo = commands.keep_photo(JPEG, order.buyer_id)
        request = claim(order, [(0, 3, 0)], reason_code="defective", photo_ids=(photo.photo_id,))
        return_id = ask(request)
        told(commands.approve([return_id], 1)[0])
    address, line = f"/console/returns/{ids.public('ret', return_id)}/", ids.public("oln", order.lines[0].line_id)
    picture = f"/console/returns/photos/{ids.public('pho', photo.photo_id)}"
    warehouse, operator, finance = (staffed.client(role) for role in (Role.WAREHOUSE, Role.OPERATOR, Role.FINANCE))
    assert picture in page_of(warehouse, address)
    seen = warehouse.get(picture)
    assert (seen.content, seen["Content-Type"]) == (JPEG, "image/jpeg")
    form = {f"restock_{line}": "1", f"quarantine_{line}": "1", f"scrap_{line}": "1", f"deduct_{line}": "2.505"}
    assert "金额" in post(warehouse, f"{address}receive", **form, deduction_reason="磨损")
    form[f"deduct_{line}"] = "30.01"
    assert "扣款超过退货金额" in post(warehouse, f"{address}receive", **form, deduction_reason="磨损")
    form[f"deduct_{line}"] = "2.50"
    assert "须写明原因" in post(warehouse, f"{address}receive", **form)
    assert "已收货质检" in post(warehouse, f"{address}receive", **form, deduction_reason="磨损")
    post(operator, f"{address}decide", decision="accept")
    staffed.shop.drain()
    page = page_of(finance, address)
    assert "¥33.50" in page and "磨损" in page and "退款" in page
    with staffed.shop.enter():
        one = queries.get_return(return_id)
        assert (one.refund_minor, one.freight_minor, one.lines[0].deducted_minor) == (3350, 600, 250)
    assert staffed.shop.verify() == []


def test_less_is_granted_and_rejected_goods_are_handed_back(staffed: Staffed) -> None:
    (order,) = place_paid(staffed.shop, [(1000, 2)])
    deliver(staffed.shop, [order])
    with staffed.shop.enter():
        amount = ask(claim(order, [(0, 0, 500)], Mode.REFUND_ONLY, key="amount"))
        goods = ask(claim(order, [(0, 1, 0)], key="goods"))
        told(commands.approve([goods], 1)[0])
    operator, warehouse = staffed.client(Role.OPERATOR), staffed.client(Role.WAREHOUSE)
    line = ids.public("oln", order.lines[0].line_id)
    paths = [f"/console/returns/{ids.public('ret', one)}/" for one in (amount, goods)]
    post(operator, f"{paths[0]}decide", decision="approve", **{f"grant_{line}": "3.00"})
    post(operator, f"{paths[0]}decide", decision="accept")
    post(warehouse, f"{paths[1]}receive", **{f"restock_{line}": "1"})
    post(operator, f"{paths[1]}decide", decision="reject", reason="不是我们的商品")
    assert ids.public("ret", goods) in page_of(operator, "/console/return-desk/?tab=hand_back")
    assert staffed.client(Role.FINANCE).post(f"{paths[1]}hand-back", {"tracking_number": "SF1"}).status_code == 403
    post(warehouse, f"{paths[1]}hand-back", carrier="顺丰", tracking_number="SF1")
    with staffed.shop.enter():
        assert queries.get_return(amount).refund_minor == 300
        assert queries.get_return(goods).hand_back_number == "SF1"
    assert ids.public("ret", goods) not in page_of(operator, "/console/return-desk/?tab=hand_back")


def test_every_step_of_a_ruling_has_words() -> None:
    for step in ("risk:x", "gives_back_much:5000", "goodwill", "amount_without_goods:5", "tier:diamond", "newcomer:0", "small:1",
                 "ordinary", "word_alone"):  # fmt: skip
        assert ruling_step(step) != step
    assert "50%" in ruling_step("gives_back_much:5000")
    assert {ground_of(code) for code in ("policy", "tier")} & {"policy", "tier"} == set()
    assert "cn.return" in ground_of("cn.return.2014-03-15")


def test_the_terms_are_set_without_losing_the_others(staffed: Staffed) -> None:
    operator = staffed.client(Role.OPERATOR)
    with staffed.shop.enter():
        commands.set_policy(ReturnPolicy(days_by_tier=((Tier.GOLD, 30),)))
    page = page_of(operator, "/console/settings/")
    assert 'name="trusted_tier"' in page
    terms = {"days_after_receipt": "9", "freight_rule": "never", "trusted_tier": "platinum", "trusted_below_minor": "50"}
    assert "已修改" in post(operator, "/console/settings/returns", **terms, send_back_days="", newcomer_orders="5")
    with staffed.shop.enter():
        held = queries.get_policy()
    assert (held.days_after_receipt, held.days_by_tier, held.send_back_days) == (9, ((Tier.GOLD, 30),), 7)
    assert (held.review.automatic_tiers, held.review.trusted_below_minor) == ((Tier.PLATINUM, Tier.DIAMOND), 5000)
    assert held.review.newcomer_orders == 5
    post(operator, "/console/settings/returns", days_after_receipt="9", freight_rule="never", trusted_tier="nobody")
    with staffed.shop.enter():
        assert queries.get_policy().review.automatic_tiers == ()


TERMS = "/console/return-terms/"


def test_a_reason_is_changed_in_its_place_and_the_others_stay(staffed: Staffed) -> None:
    operator, warehouse = staffed.client(Role.OPERATOR), staffed.client(Role.WAREHOUSE)
    with staffed.shop.enter():
        before = queries.list_reasons()
    assert "运输破损" in page_of(warehouse, TERMS) and "/return-terms/reason" not in page_of(warehouse, TERMS)
    assert 'value="damaged"' in page_of(operator, f"{TERMS}?reason=damaged")
    wish = {"code": "damaged", "name_zh": "破损", "name_en": "Damaged", "fault": "merchant", "mode_damage_claim": "on"}
    assert warehouse.post(f"{TERMS}reason", wish).status_code == 403
    assert "已保存" in post(operator, f"{TERMS}reason", **wish)
    with staffed.shop.enter():
        held = queries.list_reasons()
    changed = Reason("damaged", "破损", "Damaged", "merchant", modes=("damage_claim",), is_active=False)
    assert held == [changed if one.code == "damaged" else one for one in before]
    post(operator, f"{TERMS}reason", code="late", name_zh="晚", name_en="Late", fault="merchant", position="1", is_active="on")
    assert "这个字段是必填项" in post(operator, f"{TERMS}reason", code="new", name_en="N", fault="buyer")
    with staffed.shop.enter():
        held = queries.list_reasons()
    assert held[0] == Reason("late", "晚", "Late", "merchant") and len(held) == len(before)


def test_categories_are_left_out_and_addresses_kept_row_by_row(staffed: Staffed, make_shop: Any) -> None:
    place_paid(staffed.shop, [(1000, 1)])
    with staffed.shop.enter():
        categories = [ids.public("cat", one.category_id) for one in catalog.list_categories()]
    with make_shop().enter():
        commands.set_address_rules([AddressRule(Address("别家仓", "1", "上海"))])
        foreign = ids.public("rad", queries.list_address_rules()[0].rule_id or 0)
    operator, warehouse = staffed.client(Role.OPERATOR), staffed.client(Role.WAREHOUSE)
    for kind in ("perishable", "custom_made"):  # the same category again: another ground
        post(operator, f"{TERMS}exclusion", category=categories[0], kind=kind)
    assert "定作商品" in page_of(operator, TERMS)
    with staffed.shop.enter():
        assert [one.kind.value for one in queries.list_exclusions()] == ["custom_made"]
    post(operator, f"{TERMS}exclusion", drop=categories[0])
    address = {"name": "退货仓", "phone": "021-1", "address": "上海市某路 1 号", "priority": "5"}
    assert "区划代码最多六位数字" in post(operator, f"{TERMS}address", **address, region_code="３３")
    for region in ("33", "31"):
        post(operator, f"{TERMS}address", **address, region_code=region)
    with staffed.shop.enter():
        _first, second = queries.list_address_rules()
        assert queries.list_exclusions() == []
    page = page_of(operator, f"{TERMS}?address={ids.public('rad', second.rule_id or 0)}")
    assert 'value="31"' in page and "修改该地址" in page and "退货仓" not in page_of(warehouse, TERMS)
    changed = {**address, "name": "新仓", "mode": "exchange", "rule": ids.public("rad", second.rule_id or 0)}
    assert "已保存" in post(operator, f"{TERMS}address", **changed)
    assert "该地址已不在列表中" in post(operator, f"{TERMS}address", **changed)  # a page that is no longer true
    assert "该地址已不在列表中" in post(operator, f"{TERMS}address", drop=foreign)
    with staffed.shop.enter():
        kept = queries.list_address_rules()
    assert [(one.address.name, one.mode, one.region_code) for one in kept] == [("退货仓", "", "33"), ("新仓", "exchange", "")]
    post(operator, f"{TERMS}address", drop=ids.public("rad", kept[0].rule_id or 0))
    with staffed.shop.enter():
        assert [one.address.name for one in queries.list_address_rules()] == ["新仓"]


def test_every_term_of_return_that_the_api_has_is_set_by_form(staffed: Staffed) -> None:
    operator, address = staffed.client(Role.OPERATOR), "/console/settings/returns"
    page = page_of(operator, "/console/settings/")
    assert 'name="risky_share_bp" value="50"' in page and 'name="risky_orders" value="4"' in page
    assert "填 0 则全部审核" in page and "黄金收货后天数" in page
    basics = {"days_after_receipt": "9", "freight_rule": "never"}
    terms = {"claims_below_minor": "20", "risky_share_bp": "33.5", "risky_orders": "6", "days_gold": "30", "days_diamond": "60"}
    assert "已修改" in post(operator, address, **basics, **terms, days_silver="")
    with staffed.shop.enter():
        held = queries.get_policy()
    assert held.days_by_tier == ((Tier.GOLD, 30), (Tier.DIAMOND, 60))
    assert (held.review.claims_below_minor, held.review.risky_share_bp, held.review.risky_orders) == (2_000, 3_350, 6)
    again = page_of(operator, "/console/settings/")
    assert 'name="risky_share_bp" value="33.5"' in again and 'name="days_gold" value="30"' in again
    post(operator, address, **basics, days_gold="", risky_share_bp="")
    with staffed.shop.enter():
        held = queries.get_policy()
    assert held.days_by_tier == ((Tier.DIAMOND, 60),)  # what was left empty is cleared, what was not sent stays
    assert held.review.risky_share_bp == 3_350
    for wrong in ({"days_gold": "9"}, {"days_gold": "0"}, {"risky_share_bp": "101"}, {"risky_share_bp": "-1"},
                  {"risky_orders": "0"}, {"claims_below_minor": "-1"}, {"claims_below_minor": "1.234"}):  # fmt: skip
        assert post(operator, address, **basics, **wrong).count("bn-fault") == 1, wrong
    with staffed.shop.enter():
        assert queries.get_policy() == held
