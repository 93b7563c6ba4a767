"""Returns through the commands: every stage, every refusal, the money to the cent, the stock to the piece."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from banyan.goods.inventory import queries as stock
from banyan.kernel import sql, verification
from banyan.kernel.values.errors import NotFound
from banyan.trade.orders import commands as orders
from banyan.trade.orders import queries as order_queries
from banyan.trade.orders.types import OrderState
from banyan.trade.returns import commands, queries
from banyan.trade.returns.engine.requests import BadInspection
from banyan.trade.returns.tests.making import ask, claim, complete_refunds, deliver, place_paid, take_back, told
from banyan.trade.returns.types import (
    Fault,
    FreightRule,
    GoodsReceipt,
    Grant,
    LineInspection,
    Mode,
    Rejection,
    ReturnPolicy,
    ReturnStatus,
)
from banyan.treasury.payments import queries as payments
from banyan.treasury.payments.types import RefundNoticeState


def refund_amounts(order: Any) -> list[int]:
    return sorted(one.amount_minor for one in payments.list_refunds(order_id=order.order_id))


def on_hand(order: Any, position: int = 0) -> int:
    return sum(one.on_hand for one in stock.stock_levels([order.lines[position].sku.sku_id]))


def accepted_events(order: Any) -> list[dict[str, Any]]:
    rows = sql.fetch("SELECT payload FROM outbox_events WHERE kind = 'returns.return_accepted' ORDER BY id")
    return [row[0] for row in rows if row[0]["order_id"] == order.order_id]


def test_thirds_after_receipt_add_up_and_freight_goes_with_the_latest(tenant: Any) -> None:
    (order,) = place_paid(tenant, [(3333, 3), (500, 1)], shipping_minor=800, discount_minor=100)
    deliver(tenant, [order])
    with tenant.enter():
        before = on_hand(order)
        refunds = [take_back(claim(order, [(0, 1, 0)], key=f"third-{i}")).refund_minor for i in range(3)]
        whole = take_back(claim(order, [(1, 1, 0)], key="the-other"))
        assert sum(refunds) == order.lines[0].payable_minor
        assert max(refunds) - min(refunds) <= 1
        assert (whole.refund_minor, whole.freight_minor) == (order.lines[1].payable_minor + 800, 800)
        assert sum(refund_amounts(order)) == order.total_minor
        assert on_hand(order) == before + 3
        assert [one["lines"][0][1] for one in accepted_events(order)] == [1, 1, 1, 1]
        assert order_queries.get_order(order.order_id).state is OrderState.RECEIVED
    complete_refunds(tenant, order.order_id)
    with tenant.enter():
        assert {one.status for one in queries.list_returns(order_id=order.order_id)} == {ReturnStatus.REFUNDED}
    assert tenant.verify() == []


def test_scrapped_goods_do_not_come_back_on_sale(tenant: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 5)])
    deliver(tenant, [order])
    with tenant.enter():
        before = on_hand(order)
        taken = take_back(claim(order, [(0, 4, 0)]), scrap=3)
        assert (taken.refund_minor, on_hand(order)) == (4000, before + 1)
    assert tenant.verify() == []


def test_before_shipping_a_part_is_released_and_the_whole_ends_the_order(tenant: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 3), (700, 2)], shipping_minor=300)
    with tenant.enter():
        take_back(claim(order, [(0, 2, 0)], Mode.UNSHIPPED, key="a"))
        level = stock.stock_levels([order.lines[0].sku.sku_id])[0]
        assert (level.allocated, level.on_hand) == (1, 1000)
        rest = take_back(claim(order, [(0, 1, 0), (1, 2, 0)], Mode.UNSHIPPED, key="b"))
        assert rest.refund_minor == 1000 + 1400 + 300
        assert order_queries.get_order(order.order_id).state is OrderState.CANCELLED
        assert stock.stock_levels([order.lines[1].sku.sku_id])[0].allocated == 0
        assert sum(refund_amounts(order)) == order.total_minor
    tenant.drain()
    assert tenant.verify() == []


def test_goods_shipped_meanwhile_are_not_refunded_as_unshipped(tenant: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 3)])
    with tenant.enter():
        return_id = ask(claim(order, [(0, 1, 0)], Mode.UNSHIPPED))
        commands.approve([return_id], 1)
    deliver(tenant, [order], receive=False)
    with tenant.enter():
        with pytest.raises(commands.ShippedMeanwhile):
            told(commands.accept([return_id])[0])
        told(commands.reject([Rejection(return_id, "已发货")], 1)[0])
        assert take_back(claim(order, [(0, 3, 0)])).refund_minor == 3000
    assert tenant.verify() == []


def test_an_amount_goes_back_without_goods_and_the_goods_give_the_rest(tenant: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 2)])
    deliver(tenant, [order])
    with tenant.enter():
        assert take_back(claim(order, [(0, 0, 301)], Mode.REFUND_ONLY)).refund_minor == 301
        with pytest.raises(commands.ExceedsPaid):
            ask(claim(order, [(0, 0, 1700)], Mode.REFUND_ONLY))
        first = take_back(claim(order, [(0, 1, 0)], key="1")).refund_minor
        second = take_back(claim(order, [(0, 1, 0)], key="2")).refund_minor
        assert (first, second) == (850, 849)
    assert tenant.verify() == []


@pytest.mark.parametrize(
    ("rule", "fault", "freight_minor"),
    [
        (FreightRule.LATEST_GOODS_OR_MERCHANT_FAULT, Fault.MERCHANT, 600),
        (FreightRule.LATEST_GOODS, Fault.MERCHANT, 0),
        (FreightRule.NEVER, Fault.MERCHANT, 0),
        (FreightRule.LATEST_GOODS_OR_MERCHANT_FAULT, Fault.BUYER, 0),
    ],
)
def test_freight_by_policy(tenant: Any, rule: FreightRule, fault: Fault, freight_minor: int) -> None:
    (order,) = place_paid(tenant, [(1000, 2)], shipping_minor=600)
    deliver(tenant, [order])
    with tenant.enter():
        commands.set_policy(ReturnPolicy(7, rule))
        assert take_back(claim(order, [(0, 1, 0)], fault=fault)).freight_minor == freight_minor
    assert tenant.verify() == []


def test_deadline_and_closed_orders_need_goodwill(tenant: Any, driven_clock: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 2)])
    deliver(tenant, [order])
    # Received on 1 March in Shanghai: the seven days count from the 2nd and end with the 8th, and an order that was closed
    # meanwhile does not shorten them.
    midnight = datetime(2026, 3, 9, tzinfo=ZoneInfo("Asia/Shanghai"))
    with tenant.enter():
        driven_clock(midnight - timedelta(seconds=1))
        orders.close_due()
        assert order_queries.get_order(order.order_id).state is OrderState.CLOSED
        ask(claim(order, [(0, 1, 0)], key="in time"))
        driven_clock(midnight)
        with pytest.raises(commands.OrderIsClosed) as late:
            ask(claim(order, [(0, 1, 0)], key="late"))
        assert late.value.advice
        assert take_back(claim(order, [(0, 1, 0)], key="goodwill", goodwill=True)).refund_minor == 1000
    assert tenant.verify() == []


def test_refusals_leave_the_rest_of_the_batch_alone(tenant: Any) -> None:
    good, other = place_paid(tenant, [(1000, 2)], count=2)
    deliver(tenant, [good])
    with tenant.enter():
        requests = [
            claim(good, [(0, 1, 0)], key="a"),
            claim(good, [(0, 2, 0)], key="too many after a"),
            claim(other, [(0, 1, 0)], key="not shipped"),
            claim(good, [(0, 0, 0)], key="nothing"),
            claim(good, [(0, 1, 5)], Mode.REFUND_ONLY, key="both"),
            claim(good, [(0, 1, 0)], key="a"),
        ]
        codes = [outcome.refusal.code if outcome.refusal else "" for outcome in commands.request_returns(requests)]
        assert codes == ["", "return_exceeds_sold", "order_not_returnable", "return_claims_nothing", "return_claims_nothing", ""]
        assert queries.open_returns([good.order_id, other.order_id]) == {good.order_id}
        (left,) = queries.list_left(order_queries.get_order(good.order_id))
        assert (left.quantity, left.amount_minor) == (1, 1000), "what another return asks back is not left"
    assert tenant.verify() == []


def test_open_returns_ask_for_at_most_what_is_left(tenant: Any) -> None:
    """Units and amounts together, in one batch and after one another; what was decided counts no more."""
    (order,) = place_paid(tenant, [(1000, 3)])
    deliver(tenant, [order])

    def codes(*wishes: Any) -> list[str]:
        return [outcome.refusal.code if outcome.refusal else "" for outcome in commands.request_returns(wishes)]

    def amount(minor: int, key: str) -> Any:
        return claim(order, [(0, 0, minor)], Mode.REFUND_ONLY, key=key)

    def left() -> tuple[int, int]:
        (line,) = queries.list_left(order_queries.get_order(order.order_id))
        return line.quantity, line.amount_minor

    with tenant.enter():
        assert codes(amount(700, "first"), amount(2301, "too much"), claim(order, [(0, 2, 0)], key="units")) == [
            "", "return_asked_already", "",
        ]  # fmt: skip
        assert left() == (0, 300), "a unit is worth 1000, and 300 are left"
        (refused,) = commands.request_returns([claim(order, [(0, 1, 0)], key="third unit")])
        assert isinstance(refused.refusal, commands.AskedAlready)
        assert (refused.refusal.code, refused.refusal.details) == ("return_asked_already", {"left_minor": 300})
        assert refused.refusal.advice
        assert codes(amount(301, "more"), amount(300, "all"), amount(300, "all")) == ["return_asked_already", "", ""]
        (first,) = (one for one in queries.list_returns(order_id=order.order_id) if one.lines[0].amount_minor == 700)
        told(commands.approve([first.return_id], 1, {first.return_id: [Grant(first.lines[0].line_id, 200)]})[0])
        assert left() == (0, 500), "what was not granted is left"
        told(commands.accept([first.return_id])[0])
        assert left() == (0, 632), "of 2800: 300 are asked, and two units of 1867, or of 1868 when they come back one by one"
        told(commands.withdraw([one.return_id for one in queries.list_returns(order_id=order.order_id)][:1], 1)[0])
    assert tenant.verify() == []


def test_the_same_key_is_one_return_and_another_content_is_refused(tenant: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 5)])
    deliver(tenant, [order])
    with tenant.enter():
        request = claim(order, [(0, 2, 0)], key="mine")
        first = commands.request_returns([request])[0]
        again = commands.request_returns([request])[0]
        assert again.repeated and again.return_id == first.return_id
        with pytest.raises(commands.RequestKeyReused):
            ask(claim(order, [(0, 1, 0)], key="mine"))
        assert len(queries.list_returns(order_id=order.order_id)) == 1


def test_rejected_and_withdrawn_units_can_be_claimed_again(tenant: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 1)])
    deliver(tenant, [order])
    with tenant.enter():
        first = ask(claim(order, [(0, 1, 0)], key="1"))
        with pytest.raises(commands.ExceedsSold):
            ask(claim(order, [(0, 1, 0)], key="2"))
        with pytest.raises(commands.ReasonMissing):
            told(commands.reject([Rejection(first, "  ")], 1)[0])
        told(commands.reject([Rejection(first, "已使用")], 1)[0])
        second = ask(claim(order, [(0, 1, 0)], key="3"))
        told(commands.withdraw([second], 7)[0])
        assert queries.open_returns([order.order_id]) == set()
        assert take_back(claim(order, [(0, 1, 0)], key="4")).refund_minor == 1000
        with pytest.raises(commands.ExceedsSold):
            ask(claim(order, [(0, 1, 0)], key="5"))
    assert tenant.verify() == []


def test_steps_out_of_order_are_refused(tenant: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 2)])
    deliver(tenant, [order])
    with tenant.enter():
        return_id = ask(claim(order, [(0, 2, 0)]))
        whole = (LineInspection(order.lines[0].line_id, 2),)
        for step in (
            lambda: commands.accept([return_id]),
            lambda: commands.receive([GoodsReceipt(return_id, whole, 1)]),
        ):
            with pytest.raises(commands.WrongStatus):
                told(step()[0])
        told(commands.approve([return_id], 1)[0])
        with pytest.raises(commands.WrongStatus):
            told(commands.accept([return_id])[0])
        with pytest.raises(BadInspection):
            told(commands.receive([GoodsReceipt(return_id, (LineInspection(order.lines[0].line_id, 1),), 1)])[0])
        with pytest.raises(NotFound):
            told(commands.receive([GoodsReceipt(return_id, whole, 1, warehouse_id=5)])[0])
        told(commands.receive([GoodsReceipt(return_id, whole, 1)])[0])
        told(commands.accept([return_id])[0])
        for step in (
            lambda: commands.accept([return_id]),
            lambda: commands.approve([return_id], 1),
            lambda: commands.reject([Rejection(return_id, "too late")], 1),
            lambda: commands.withdraw([return_id], 1),
        ):
            with pytest.raises(commands.WrongStatus):
                told(step()[0])
        with pytest.raises(NotFound):
            told(commands.accept([return_id + 1])[0])
        assert refund_amounts(order) == [2000]
    assert tenant.verify() == []


def test_a_failed_refund_is_asked_for_again_as_a_new_one(tenant: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 2)])
    deliver(tenant, [order])
    with tenant.enter():
        taken = take_back(claim(order, [(0, 1, 0)]))
    complete_refunds(tenant, order.order_id, RefundNoticeState.FAILED)
    with tenant.enter():
        assert queries.get_return(taken.return_id).status is ReturnStatus.REFUND_FAILED
        told(commands.retry_refunds([taken.return_id])[0])
        refunds = payments.list_refunds(order_id=order.order_id)
        assert len({one.key for one in refunds}) == 2
        assert queries.get_return(taken.return_id).status is ReturnStatus.ACCEPTED
    assert tenant.verify() == []


def test_other_tenants_see_nothing(tenant: Any, make_shop: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 2)])
    deliver(tenant, [order])
    with tenant.enter():
        return_id = ask(claim(order, [(0, 1, 0)]))
    with make_shop().enter():
        assert queries.list_returns() == []
        assert queries.open_returns([order.order_id]) == set()
        assert commands.approve([return_id], 1)[0].refusal.code == "not_found"  # type: ignore[union-attr]
    with tenant.enter():
        assert queries.get_return(return_id).status is ReturnStatus.REQUESTED
        with pytest.raises(NotFound):
            queries.get_return(return_id, buyer_id=8)


@pytest.mark.parametrize(
    ("damage", "check"),
    [
        ("UPDATE returnable_lines SET refunded_minor = refunded_minor - 1 WHERE tenant_id = {0}", "returns.lines"),
        ("UPDATE returnable_lines SET claimed_quantity = claimed_quantity + 1 WHERE tenant_id = {0}", "returns.lines"),
        ("UPDATE returnable_orders SET refunded_minor = refunded_minor + 1 WHERE tenant_id = {0}", "returns.orders"),
        ("UPDATE returns SET refund_minor = refund_minor + 1 WHERE tenant_id = {0}", "returns.returns"),
        ("UPDATE return_refunds SET amount_minor = amount_minor + 1 WHERE tenant_id = {0}", "returns.refunds"),
        ("UPDATE return_lines SET scrap_quantity = 0, restock_quantity = 0 WHERE tenant_id = {0}", "returns.returns"),
        ("UPDATE returnable_lines SET of_minor = of_minor + 1 WHERE tenant_id = {0}", "returns.sold"),
    ],
)
def test_verify_finds_planted_damage(tenant: Any, damage: str, check: str) -> None:
    (order,) = place_paid(tenant, [(1000, 3)])
    deliver(tenant, [order])
    with tenant.enter():
        take_back(claim(order, [(0, 1, 0)]))
    assert tenant.verify() == []
    with tenant.enter():
        sql.execute(damage.format(tenant.id))
        findings, _ = verification.run_checks({check})
        assert [one.check for one in findings] == [check]
