"""What operators and the warehouse do in the console: each act calls its command, each refusal is said in words."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from banyan.console.tests.conftest import Staffed
from banyan.kernel import clock, ids, sql
from banyan.people.identity.types import NewUser, Role


def _page(client: Any, address: str) -> str:
    return str(client.get(address).content.decode())


def _post(client: Any, address: str, **form: Any) -> Any:
    return client.post(address, form, follow=True)


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


def _people(staffed: Staffed, *sponsors: int | None, drain: bool = True) -> list[int]:
    """Approved distributors; each number is the position of the sponsor among those before, None a root."""
    from banyan.people.distributors import commands, queries
    from banyan.people.distributors.types import Application
    from banyan.people.identity import commands as identity

    made: list[int] = []
    for sponsor in sponsors:
        with staffed.shop.enter():
            code = queries.get_distributor(made[sponsor]).code if sponsor is not None else None  # type: ignore[arg-type]
            (user,) = identity.register_users([NewUser(f"d{ids.next_id()}", None, "某人", None, (Role.CONSUMER,))])
            (applied,) = commands.apply([Application(user, code, clock.now())])
            commands.approve([applied.distributor_id], clock.now())  # type: ignore[union-attr]
            made.append(int(applied.distributor_id))  # type: ignore[union-attr]
        if drain:
            staffed.shop.drain()
    return made


def _code(staffed: Staffed, distributor_id: int) -> str:
    from banyan.people.distributors import queries

    with staffed.shop.enter():
        return queries.get_distributor(distributor_id).code  # type: ignore[arg-type]


def test_the_warehouse_ships_and_moves_orders_in_no_other_way(staffed: Staffed) -> None:
    from banyan.trade.orders import queries
    from banyan.trade.orders.types import OrderState
    from banyan.trade.returns.tests.making import place_paid

    (order,) = place_paid(staffed.shop, [(1000, 1)])
    warehouse = staffed.client(Role.WAREHOUSE)
    listing = "/console/orders/order/"
    page = _page(warehouse, listing)
    assert 'value="ship"' in page
    assert 'value="cancel"' not in page and 'value="receive"' not in page

    def state() -> OrderState:
        with staffed.shop.enter():
            return queries.get_order(order.order_id).state

    staffed.client(Role.FINANCE).post(listing, {"action": "ship", "_selected_action": [order.order_id]})
    assert state() is OrderState.PAID
    asked = warehouse.post(listing, {"action": "ship", "_selected_action": [order.order_id]})
    assert state() is OrderState.PAID  # nothing leaves without carrier and tracking number: another page asks for them
    assert order.number in _page(warehouse, asked["Location"])
    warehouse.post("/console/send/", {"lines": f"{order.number}\t顺丰"})
    assert state() is OrderState.PAID
    assert staffed.client(Role.FINANCE).post("/console/send/", {"lines": f"{order.number} 顺丰 SF1"}).status_code == 403
    warehouse.post("/console/send/", {"lines": f"{order.number}\t顺丰\tSF1234567\t850"})
    assert state() is OrderState.SHIPPED
    warehouse.post(listing, {"action": "receive", "_selected_action": [order.order_id]})
    assert state() is OrderState.SHIPPED


def test_goods_that_come_back_are_inspected_by_the_warehouse_and_accepted_by_the_operator(staffed: Staffed) -> None:
    from banyan.goods.inventory import queries as stock
    from banyan.trade.returns import queries
    from banyan.trade.returns.tests.making import ask, claim, deliver, place_paid
    from banyan.trade.returns.types import ReturnStatus

    (order,) = place_paid(staffed.shop, [(1000, 3)])
    deliver(staffed.shop, [order])
    with staffed.shop.enter():
        return_id = ask(claim(order, [(0, 3, 0)]))
        before = stock.available([order.lines[0].sku.sku_id])[order.lines[0].sku.sku_id]
    address, line = f"/console/returns/{ids.public('ret', return_id)}/", ids.public("oln", order.lines[0].line_id)
    operator, warehouse = staffed.client(Role.OPERATOR), staffed.client(Role.WAREHOUSE)
    assert address in _page(warehouse, "/console/returns/returnrow/")
    assert f"restock_{line}" not in _page(warehouse, address)  # not approved yet: nothing is awaited
    assert warehouse.post(f"{address}decide", {"decision": "approve"}).status_code == 403
    assert "已通过" in _post(operator, f"{address}decide", decision="approve").content.decode()
    assert f"restock_{line}" in _page(warehouse, address)
    assert f"restock_{line}" not in _page(staffed.client(Role.FINANCE), address)
    for role in (Role.FINANCE, Role.AUDITOR):
        assert staffed.client(role).post(f"{address}receive", {f"restock_{line}": "3"}).status_code == 403
    wrong = _post(warehouse, f"{address}receive", **{f"restock_{line}": "1", f"scrap_{line}": "1"})
    assert "入库与报废件数之和与退货件数不符" in wrong.content.decode()
    assert "件数须为整数" in _post(warehouse, f"{address}receive", **{f"restock_{line}": "-3"}).content.decode()
    received = _post(warehouse, f"{address}receive", **{f"restock_{line}": "2", f"scrap_{line}": "1"})
    assert "已收货质检" in received.content.decode()
    again = _post(warehouse, f"{address}receive", **{f"restock_{line}": "3"})
    assert "这份退货当前状态：已收货" in again.content.decode()
    _post(operator, f"{address}decide", decision="accept")
    with staffed.shop.enter():
        found = queries.get_return(return_id)
        after = stock.available([order.lines[0].sku.sku_id])[order.lines[0].sku.sku_id]
    assert found.status in (ReturnStatus.ACCEPTED, ReturnStatus.REFUNDED)
    assert (found.lines[0].restock_quantity, found.lines[0].scrap_quantity) == (2, 1)
    assert after == before + 2
    staffed.shop.drain()
    assert staffed.shop.verify() == []


def test_the_warehouse_cannot_decide_in_the_list_either(staffed: Staffed) -> None:
    from banyan.trade.returns import queries
    from banyan.trade.returns.tests.making import ask, claim, deliver, place_paid
    from banyan.trade.returns.types import ReturnStatus

    (order,) = place_paid(staffed.shop, [(1000, 1)])
    deliver(staffed.shop, [order])
    with staffed.shop.enter():
        return_id = ask(claim(order, [(0, 1, 0)]))
    staffed.client(Role.WAREHOUSE).post("/console/returns/returnrow/", {"action": "approve", "_selected_action": [return_id]})
    with staffed.shop.enter():
        assert queries.get_return(return_id).status is ReturnStatus.REQUESTED


def test_a_member_moves_with_the_team_after_a_look_at_what_would_happen(staffed: Staffed) -> None:
    from banyan.people.network import queries

    root, other, member, below = _people(staffed, None, None, 0, 2)
    public = ids.public("dst", member)
    address = f"/console/network/{public}/"
    operator = staffed.client(Role.OPERATOR)
    assert f"{address}sponsor" in _page(operator, address)
    preview = _page(operator, f"{address}sponsor?to={_code(staffed, other).lower()}")
    assert "<dd>2</dd>" in preview and f'value="{ids.public("dst", other)}"' in preview
    assert "不能形成环" in _page(operator, f"{address}sponsor?to={_code(staffed, below)}")
    assert "不能以自己为上级" in _page(operator, f"{address}sponsor?to={public}")
    assert "已在该上级之下" in _page(operator, f"{address}sponsor?to={_code(staffed, root)}")
    assert "没有此推广码或编号的分销商" in _page(operator, f"{address}sponsor?to=NOBODY99")
    circle = _post(operator, f"{address}move", to=ids.public("dst", below), reason="x")
    assert "不能形成环" in circle.content.decode()
    assert "请填写变更原因" in _post(operator, f"{address}move", to=_code(staffed, other), reason=" ").content.decode()
    assert staffed.client(Role.FINANCE).post(f"{address}move", {"to": "", "reason": "x"}).status_code == 403
    _post(operator, f"{address}move", to=_code(staffed, other), reason="上级离职")
    with staffed.shop.enter():
        assert queries.uplines([below])[below] == (member, other)  # type: ignore[index,list-item]
        assert queries.list_sponsorships(member)[-1].reason == "上级离职"  # type: ignore[arg-type]
    assert "清除上级" in _page(operator, f"{address}sponsor")
    _post(operator, f"{address}move", to="", reason="清除")
    with staffed.shop.enter():
        assert queries.uplines([below])[below] == (member,)  # type: ignore[index,list-item]
    assert staffed.shop.verify() == []


def test_a_refused_placing_is_found_listed_and_mended(staffed: Staffed) -> None:
    from banyan.people.network import queries

    placed, lost = _people(staffed, None, None)
    with staffed.shop.enter():  # as a joining that was refused leaves it: approved, the event read, no place
        sql.execute("DELETE FROM network_sponsorships WHERE distributor_id = %s", (lost,))
        sql.execute("DELETE FROM network_members WHERE id = %s", (lost,))
    public = ids.public("dst", lost)
    assert [(one.check, one.subject) for one in staffed.shop.verify()] == [("network.places", public)]
    operator = staffed.client(Role.OPERATOR)
    listed = _page(operator, "/console/sellers/?place=none")
    assert public in listed and ids.public("dst", placed) not in listed
    lonely = operator.get(f"/console/network/{public}/", follow=True)
    assert "尚未加入关系网" in lonely.content.decode()
    answer = _post(operator, f"/console/network/{public}/move", to=_code(staffed, placed))
    assert "已加入关系网" in answer.content.decode()
    with staffed.shop.enter():
        assert queries.uplines([lost])[lost] == (placed,)  # type: ignore[index,list-item]
    assert staffed.shop.verify() == []


def test_an_approval_that_no_reaction_has_read_is_no_finding(staffed: Staffed) -> None:
    (waiting,) = _people(staffed, None, drain=False)
    assert staffed.shop.verify() == []
    staffed.shop.drain()
    assert staffed.shop.verify() == []
    assert ids.public("dst", waiting) not in _page(staffed.client(Role.OPERATOR), "/console/sellers/?place=none")


def test_an_application_gets_no_place_by_hand(staffed: Staffed) -> None:
    from banyan.people.distributors import commands
    from banyan.people.distributors.types import Application
    from banyan.people.network import queries

    with staffed.shop.enter():
        (applied,) = commands.apply([Application(staffed.people[Role.CONSUMER], None, clock.now())])  # type: ignore[arg-type]
    public = ids.public("dst", applied.distributor_id)  # type: ignore[union-attr]
    answer = _post(staffed.client(Role.OPERATOR), f"/console/network/{public}/move", to="")
    assert "审核通过的分销商才能加入关系网" in answer.content.decode()
    with staffed.shop.enter():
        assert queries.list_roots() == []


def test_a_tier_is_given_with_a_reason_and_a_date(staffed: Staffed) -> None:
    from banyan.people.distributors import queries
    from banyan.people.distributors.types import Tier

    (one,) = _people(staffed, None)
    address = f"/console/network/{ids.public('dst', one)}/tier"
    operator = staffed.client(Role.OPERATOR)
    assert "请填写原因" in _post(operator, address, tier="gold", reason="").content.decode()
    assert "请选择等级" in _post(operator, address, tier="tin", reason="x").content.decode()
    for at in ("2999-01-01T00:00", "2026-13-99T00:00", "yesterday"):
        assert "请填写不晚于现在的时间" in _post(operator, address, tier="gold", reason="x", at=at).content.decode(), at
    backdated = _post(operator, address, tier="gold", reason="x", at="2001-01-01T00:00")
    assert "当前等级开始得更晚" in backdated.content.decode()
    assert staffed.client(Role.AUDITOR).post(address, {"tier": "gold", "reason": "x"}).status_code == 403
    _post(operator, address, tier="gold", reason="大促表现")
    with staffed.shop.enter():
        assert [(fact.value, fact.reason) for fact in queries.list_tier_history(one)][1:] == [(Tier.GOLD, "大促表现")]  # type: ignore[arg-type]


def _document(rate_bp: int = 500, **changes: Any) -> str:
    rules = [{"key": "seller", "pays": {"to": "seller"}, "amount": {"kind": "rate", "rate_bp": rate_bp}}]
    plan = {"format": 1, "title": "Spring", "unqualified": "breakage", "hold_days": 7, "caps": {"total_bp": 9000}, "rules": rules}
    return json.dumps({**plan, **changes})


def _versions(staffed: Staffed) -> list[Any]:
    from banyan.earnings.commission import queries

    with staffed.shop.enter():
        return queries.list_versions()


def test_a_plan_is_checked_drafted_revised_and_published_in_the_console(staffed: Staffed) -> None:
    operator, finance = staffed.client(Role.OPERATOR), staffed.client(Role.FINANCE)
    assert "&quot;format&quot;: 1" in _page(operator, "/console/plans/new")
    broken = _post(operator, "/console/plans/new", document='{"format": 1,\n "title": }', act="draft").content.decode()
    assert "第 2 行" in broken and "&quot;title&quot;: }" in broken  # what was typed is not lost
    for nonsense in ("[" * 100_000, '{"format": NaN}', "x" * 400_001, ""):
        assert _post(operator, "/console/plans/new", document=nonsense, act="draft").status_code == 200
    faulty = _post(operator, "/console/plans/new", document=_document(hold_days="7", extra=1), act="draft").content.decode()
    assert "hold_days" in faulty and "须为整数" in faulty and "extra" in faulty
    limits = _post(operator, "/console/plans/new", document=_document(hold_days=9999, unqualified="x"), act="check")
    assert "须不大于 3650" in limits.content.decode() and "须为以下之一：compression, breakage" in limits.content.decode()
    checked = _post(finance, "/console/plans/new", document=_document(), act="check").content.decode()
    assert "最多付给上级层数" in checked and "5%" in checked
    assert finance.post("/console/plans/new", {"document": _document(), "act": "draft"}).status_code == 403
    assert _versions(staffed) == []
    kept = _post(operator, "/console/plans/new", document=_document(), act="draft", name="春季")
    assert "草稿已保存" in kept.content.decode()
    (first,) = _versions(staffed)
    assert (first.name, first.number, first.status, first.title) == ("春季", 1, "draft", "Spring")
    assert first.drafted_by == ids.public("usr", staffed.people[Role.OPERATOR])
    address = f"/console/plans/{ids.public('plv', first.version_id)}/"
    taken = _post(operator, "/console/plans/new", document=_document(), act="draft", name="春季")
    assert "已有同名方案" in taken.content.decode()
    _post(operator, f"{address}edit", document=_document(600), act="revise")
    (revised,) = _versions(staffed)
    assert revised.document["rules"][0]["amount"]["rate_bp"] == 600
    assert finance.post(f"{address}publish").status_code == 403
    assert "同一人" in _post(operator, f"{address}approve").content.decode()  # never one's own
    assert "没有第二人审批" in _post(operator, f"{address}publish").content.decode()
    assert "已审批" in _post(finance, f"{address}approve", note="看过").content.decode()
    assert "已发布" in _post(operator, f"{address}publish").content.decode()
    _post(operator, f"{address}edit", document=_document(700), act="draft")
    second, first = _versions(staffed)
    assert (second.number, second.status, second.plan_id, first.status) == (2, "draft", first.plan_id, "published")
    refused = _post(operator, f"{address}edit", document=_document(800), act="revise")
    assert "请起草新版本" in refused.content.decode()  # what is published stands
    assert "停用方案需要原因" in _post(operator, f"{address}retire", reason=" ").content.decode()
    _post(operator, f"{address}retire", reason="活动结束")
    assert _versions(staffed)[1].ended_reason == "活动结束"


def test_the_witness_of_a_plan_names_who_else_is_paid_and_what_the_sale_is(staffed: Staffed) -> None:
    operator = staffed.client(Role.OPERATOR)
    rules = [
        {"key": "seller", "pays": {"to": "seller"}, "amount": {"kind": "rate", "rate_bp": 500}},
        {"key": "own", "pays": {"to": "buyer", "min_tier": "gold"}, "amount": {"kind": "rate", "rate_bp": 300},
         "when": {"all": [{"channel": ["live"]}, {"first_order": True}, {"tag": ["spring"]}]}},
        {"key": "city", "pays": {"to": "regional_partner", "scope": "city"}, "amount": {"kind": "rate", "rate_bp": 100}},
    ]  # fmt: skip
    said = _post(operator, "/console/plans/verdict", document=_document(rules=rules)).content.decode()
    facts = dict(re.findall(r"<dt>([^<]*)</dt><dd>(.*?)</dd>", said, re.DOTALL))
    assert facts["已证明：单笔销售最多付"] == "9%"
    assert facts["买家本人（自购）"] == "黄金" and facts["区域代理 市"] == "青铜"
    assert (facts["销售渠道"], facts["买家首单"], facts["标签"]) == ("live", "是", "spring")
    rivals = [{**rules[0], "key": "second", "pays": {"to": "ancestor", "depth": 2}},
              {**rules[0], "key": "team", "pays": {"to": "path", "from_depth": 2, "to_depth": 2}}]  # fmt: skip
    skipping = _document(rules=rivals, unqualified="compression", reach=3, groups={"base": "max"})
    assert "非正常" in _post(operator, "/console/plans/verdict", document=skipping).content.decode()
    ladder = {"kind": "progressive", "by": "figure", "figure": "month_sales_minor",
              "bands": [{"from_minor": 0, "rate_bp": 900}, {"from_minor": 100, "rate_bp": 100}]}  # fmt: skip
    unproven = [{**rules[0], "amount": ladder}, {**rules[0], "key": "second", "amount": ladder}]
    unsaid = _post(operator, "/console/plans/verdict", document=_document(rules=unproven)).content.decode()
    assert "其中一条在末档之前最高" in unsaid


def test_the_law_refuses_a_draft_with_its_clauses_in_the_readers_language(staff: Any) -> None:
    staffed = staff(jurisdiction="cn")
    amount = {"kind": "rate", "rate_bp": 900}
    rules = [{"key": f"up{depth}", "pays": {"to": "ancestor", "depth": depth}, "amount": amount} for depth in (1, 2, 3)]
    operator = staffed.client(Role.OPERATOR)
    checked = _post(operator, "/console/plans/new", document=_document(rules=rules), act="check").content.decode()
    assert "不允许" in checked
    _post(operator, "/console/plans/new", document=_document(rules=rules), act="draft")
    (draft,) = _versions(staffed)
    address = f"/console/plans/{ids.public('plv', draft.version_id)}/"
    assert "方案违反" in _post(operator, f"{address}publish").content.decode()
    operator.cookies["django_language"] = "en"
    assert "The plan breaks" in _post(operator, f"{address}publish").content.decode()
    assert _versions(staffed)[0].status == "draft"


def test_goods_in_a_plan_are_named_by_public_id(staffed: Staffed) -> None:
    sku = ids.public("sku", 4711)
    rule = {"key": "seller", "pays": {"to": "seller"}, "amount": {"kind": "rate", "rate_bp": 100}, "when": {"sku": [sku]}}
    operator = staffed.client(Role.OPERATOR)
    _post(operator, "/console/plans/new", document=_document(rules=[rule]), act="draft")
    (draft,) = _versions(staffed)
    assert draft.document["rules"][0]["when"] == {"sku": [4711]}
    assert sku in _page(operator, f"/console/plans/{ids.public('plv', draft.version_id)}/edit")


def test_settings_show_what_holds_and_change_by_one_command_each(staffed: Staffed) -> None:
    from banyan.people.network import queries as network
    from banyan.people.network.types import BindingMode, BindingSettings
    from banyan.trade.attribution import queries as attribution
    from banyan.trade.fulfillment import queries as fulfillment
    from banyan.trade.fulfillment.types import Policy as FulfillmentPolicy
    from banyan.trade.orders import queries as orders
    from banyan.trade.returns import queries as returns
    from banyan.trade.returns.types import FreightRule, ReturnPolicy

    operator = staffed.client(Role.OPERATOR)
    terms = {"payment_window_seconds": "900", "receive_after_days": "12", "close_after_days": "5", "first_grams": "1000",
             "step_grams": "500", "base_minor": "8.50", "step_minor": "2", "free_from_minor": ""}  # fmt: skip
    changed = _post(operator, "/console/settings/binding", mode="overriding", protect_days="", validity_days="30")
    assert "已修改" in changed.content.decode()
    _post(operator, "/console/settings/attribution", self_purchase="on")
    _post(operator, "/console/settings/orders", **terms)
    _post(operator, "/console/settings/returns", days_after_receipt="15", freight_rule="never")
    _post(operator, "/console/settings/fulfillment", receive_after_days="3", pickup_days="5", sender_phone="0571-88888888")
    with staffed.shop.enter():
        assert network.get_binding_settings() == BindingSettings(BindingMode.OVERRIDING, None, 30)
        assert attribution.get_policy().self_purchase is True
        held = orders.get_policy()
        assert (held.payment_window_seconds, held.receive_after_days, held.close_after_days) == (900, 12, 5)
        assert (held.tariff.base_minor, held.tariff.step_minor, held.tariff.free_from_minor) == (850, 200, None)
        assert returns.get_policy() == ReturnPolicy(15, FreightRule.NEVER)
        assert fulfillment.get_policy() == FulfillmentPolicy(3, 5, "0571-88888888")
    page = _page(operator, "/console/settings/")
    assert 'value="8.50"' in page and 'value="30"' in page
    _post(operator, "/console/settings/attribution")
    wrong = _post(operator, "/console/settings/orders", **{**terms, "base_minor": "-1", "step_grams": "0"}).content.decode()
    assert wrong.count("bn-fault") == 2
    days = {"receive_after_days": "91", "pickup_days": "0", "sender_phone": "ring me"}
    assert _post(operator, "/console/settings/fulfillment", **days).content.decode().count("bn-fault") == 3
    with staffed.shop.enter():
        assert attribution.get_policy().self_purchase is False
        assert orders.get_policy().tariff.base_minor == 850
    assert operator.post("/console/settings/nonsense").status_code == 404
    reader = _page(staffed.client(Role.AUDITOR), "/console/settings/")
    assert "<fieldset disabled>" in reader and "<fieldset>" not in reader


def test_settlement_policies_are_opened_and_retired_by_form(staffed: Staffed) -> None:
    from banyan.earnings.settlement import queries
    from banyan.earnings.settlement.types import Cycle, Lane, Scope

    (one,) = _people(staffed, None)
    finance = staffed.client(Role.FINANCE)
    form = {"scope": "tenant", "tier": "", "distributor": "", "cycle": "weekly", "weekday": "2", "month_day": "1",
            "lane": "reviewed", "channel": "wechat_pay", "attempt_count": "3", "minimum_minor": "10", "review_minor": "",
            "four_eyes_minor": "5000.00"}  # fmt: skip
    address = "/console/settlement-policies/"
    assert staffed.client(Role.AUDITOR).post(f"{address}open", form).status_code == 403
    assert "已启用" in _post(finance, f"{address}open", **form).content.decode()
    _post(finance, f"{address}open", **{**form, "scope": "tier", "tier": "gold", "lane": "automatic"})
    _post(finance, f"{address}open", **{**form, "scope": "distributor", "distributor": _code(staffed, one)})
    assert "请选择等级" in _post(finance, f"{address}open", **{**form, "scope": "tier"}).content.decode()
    assert "没有此推广码或编号的分销商" in _post(finance, f"{address}open", **{**form, "scope": "distributor"}).content.decode()
    assert "起结金额至少为" in _post(finance, f"{address}open", **{**form, "minimum_minor": "0"}).content.decode()
    with staffed.shop.enter():
        found = {policy.scope: policy for policy in queries.list_policies()}
    assert len(found) == 3
    shop_wide, rhythm = found[Scope.TENANT], found[Scope.TENANT].terms.rhythm
    assert (rhythm.cycle, rhythm.weekday, shop_wide.terms.lane) == (Cycle.WEEKLY, 2, Lane.REVIEWED)
    assert (shop_wide.terms.minimum_minor, shop_wide.terms.review_minor, shop_wide.terms.four_eyes_minor) == (1000, None, 500_000)
    assert shop_wide.opened_by == staffed.people[Role.FINANCE]
    assert found[Scope.DISTRIBUTOR].subject == str(one)
    _post(finance, f"{address}{ids.public('spo', shop_wide.policy_id)}/retire")
    with staffed.shop.enter():
        assert {policy.scope for policy in queries.list_policies()} == {Scope.TIER, Scope.DISTRIBUTOR}


def test_the_list_of_distributors_counts_orders_amounts_consumers_and_payouts_in_one_query(
    staffed: Staffed, monkeypatch: pytest.MonkeyPatch
) -> None:
    from banyan.console import figures
    from banyan.people.identity import commands as identity
    from banyan.people.network import commands as network
    from banyan.people.network.types import BindRequest, BindSource
    from banyan.trade.returns.tests.making import place_paid

    first, second = _people(staffed, None, 0)
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
    page = _page(client, "/console/sellers/")
    assert "¥740.70" in page
    link = re.search(r'href="(/console/attribution/referral/[^"]+)"', page)
    assert link is not None and client.get(link.group(1)).status_code == 200
    with _statements(monkeypatch) as few:
        client.get("/console/sellers/")
    _people(staffed, None, None, None)
    with _statements(monkeypatch) as many:
        client.get("/console/sellers/")
    assert len(many) == len(few) > 1


@pytest.mark.parametrize(
    "address",
    ["returns/ret_zzzzzzzzzzzzz/", "network/dst_zzzzzzzzzzzzz/sponsor", "plans/plv_zzzzzzzzzzzzz/", "plans/x/edit", "plans/%00/",
     "network/dst_%00/sponsor"],
)  # fmt: skip
def test_ids_of_the_new_pages_that_name_nothing_are_not_found(staffed: Staffed, address: str) -> None:
    assert staffed.client(Role.OPERATOR).get(f"/console/{address}").status_code == 404


def test_the_filters_of_lists_say_their_choices_in_words(staffed: Staffed) -> None:
    page = _page(staffed.client(Role.OPERATOR), "/console/orders/order/")
    assert 'title="已支付"' in page and 'title="paid"' not in page


def test_the_menu_has_settlement_policies_incidents_and_settings(staffed: Staffed) -> None:
    page = _page(staffed.client(Role.FINANCE), "/console/law/")
    for address in ("/console/settlement-policies/", "/console/payments/incidentrow/", "/console/settings/", "/console/plans/"):
        assert f'href="{address}"' in page, address


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_a_record_is_headed_and_told_in_words(staffed: Staffed, language: str) -> None:
    """A distributor's history of statuses: no code word of a row, neither above it nor in it."""
    from banyan.people.distributors import commands
    from banyan.people.distributors.models import StatusFact
    from banyan.people.distributors.types import Application

    with staffed.shop.enter():
        commands.apply([Application(staffed.people[Role.CONSUMER], None, clock.now())])
        fact = StatusFact.objects.select_related("distributor").get()
    client = staffed.client(Role.OPERATOR)
    client.cookies["django_language"] = language
    status, reason = ("applied", "with the application") if language == "en" else ("待审核", "随申请")
    for address in (f"statusfact/{fact.pk}/change/", f"distributor/{fact.distributor_id}/change/"):
        text = client.get(f"/console/distributors/{address}").content.decode()
        assert re.search(rf"<title>\s*{fact.distributor.code} ", text), address
        words = [each.strip() for each in re.sub(r"<[^>]+>", "\n", text).splitlines() if each.strip()]
        assert status in words, address
        assert reason in words, address
        assert language == "en" or "applied" not in words, address


@pytest.mark.parametrize(("language", "title"), [("zh-hans", "新分佣方案"), ("en", "New commission plan")])
def test_a_new_plan_begins_without_a_fault(staffed: Staffed, language: str, title: str) -> None:
    from banyan.earnings.commission import queries as plans

    client = staffed.client(Role.OPERATOR)
    client.cookies["django_language"] = language
    page = client.get("/console/plans/new").content.decode()
    begun = re.search(r'<textarea[^>]*id="document"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    assert begun is not None
    document = json.loads(html.unescape(begun.group(1)))
    assert document["title"] == title
    with staffed.shop.enter():
        report = plans.check_document(document, clock.now())
    assert (report.faults, report.legal) == ((), True)
