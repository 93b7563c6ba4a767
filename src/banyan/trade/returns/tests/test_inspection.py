"""What the inspection finds: pieces by what becomes of them, deductions, claims for damage, rejected goods on their way back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.commands import UnknownLot
from banyan.kernel import sql
from banyan.trade.returns import commands, queries
from banyan.trade.returns.engine.exchanges import exchange_line
from banyan.trade.returns.engine.moneys import draw
from banyan.trade.returns.tests.making import ask, claim, complete_refunds, deliver, place_paid, take_back, told
from banyan.trade.returns.tests.test_terms import JPEG
from banyan.trade.returns.types import (
    Disposition,
    GoodsReceipt,
    Grant,
    LineInspection,
    LineRefund,
    Mode,
    Money,
    Parcel,
    PieceGroup,
    Rejection,
    ReturnStatus,
)
from banyan.treasury.payments import queries as payments


def received(shop: Any, order: Any, *inspections: LineInspection, quantity: int, key: str = "back") -> Any:
    return_id = ask(claim(order, [(0, quantity, 0)], key=key))
    told(commands.approve([return_id], 11)[0])
    told(commands.receive([GoodsReceipt(return_id, inspections, 12)])[0])
    return return_id


def test_each_piece_goes_where_it_belongs(tenant: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 6)])
    deliver(tenant, [order])
    line_id, sku = order.lines[0].line_id, order.lines[0].sku.sku_id
    groups = (
        PieceGroup(2, Disposition.RESTOCK),
        PieceGroup(1, Disposition.QUARANTINE, note="封口松"),
        PieceGroup(3, Disposition.SCRAP),
    )
    with tenant.enter():
        before = stock.stock_levels([sku])[0]
        return_id = received(tenant, order, LineInspection(line_id, pieces=groups), quantity=6)
        assert stock.stock_levels([sku])[0] == before  # nothing moves before it is accepted
        told(commands.accept([return_id])[0])
        level = stock.stock_levels([sku])[0]
        assert (level.on_hand - before.on_hand, level.quarantined, level.available - before.available) == (3, 1, 2)
        (line,) = queries.get_return(return_id).lines
        assert (line.restock_quantity, line.quarantine_quantity, line.scrap_quantity) == (2, 1, 3)
        assert line.pieces == groups
    tenant.drain()
    assert tenant.verify() == []


@pytest.mark.parametrize(
    "inspection",
    [
        {"restock_quantity": 1},
        {"restock_quantity": 3},
        {"restock_quantity": 2, "pieces": (PieceGroup(2, Disposition.SCRAP),)},
        {"pieces": (PieceGroup(3, Disposition.SCRAP), PieceGroup(-1, Disposition.RESTOCK))},
        {"restock_quantity": 2, "deducted_minor": 5},
        {"restock_quantity": 2, "deducted_minor": 2_001, "deduction_reason": "坏了"},
        {"restock_quantity": 2, "deducted_minor": -1, "deduction_reason": "坏了"},
    ],
)
def test_an_inspection_that_does_not_add_up_is_refused(tenant: Any, inspection: dict[str, Any]) -> None:
    (order,) = place_paid(tenant, [(1000, 2)])
    deliver(tenant, [order])
    with tenant.enter():
        with pytest.raises(commands.BadInspection):
            received(tenant, order, LineInspection(order.lines[0].line_id, **inspection), quantity=2)
        assert sql.fetch("SELECT count(*)::bigint FROM return_pieces") == [(0,)]


def test_a_lot_that_is_not_of_these_goods_is_refused(tenant: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 1)])
    deliver(tenant, [order])
    group = PieceGroup(1, Disposition.RESTOCK, lot_id=4711)
    with tenant.enter(), pytest.raises(UnknownLot):
        received(tenant, order, LineInspection(order.lines[0].line_id, pieces=(group,)), quantity=1)


def test_damage_by_the_buyer_is_kept_and_said(tenant: Any) -> None:
    """The rest of the line keeps its price, and with it back nothing is left to give."""
    (order,) = place_paid(tenant, [(1000, 3)], discount_minor=2000)
    deliver(tenant, [order])
    line_id = order.lines[0].line_id
    with tenant.enter():
        kept = LineInspection(line_id, 0, 2, deducted_minor=100, deduction_reason="已使用，有明显磨损")
        return_id = received(tenant, order, kept, quantity=2)
        told(commands.accept([return_id])[0])
        one = queries.get_return(return_id)
        assert (one.refund_minor, one.lines[0].deducted_minor, one.lines[0].deduction_reason) == (566, 100, "已使用，有明显磨损")
        assert take_back(claim(order, [(0, 1, 0)], key="rest")).refund_minor == 334
        with pytest.raises(commands.ExceedsPaid):
            ask(claim(order, [(0, 0, 1)], Mode.REFUND_ONLY, key="the kept cent"))
    tenant.drain()
    assert tenant.verify() == []


def test_a_claim_for_damage_is_granted_in_part(tenant: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 2)])
    deliver(tenant, [order])
    line_id = order.lines[0].line_id
    with tenant.enter():
        photo = commands.keep_photo(JPEG, order.buyer_id)
        request = claim(order, [(0, 0, 800)], Mode.DAMAGE_CLAIM, reason_code="damaged", photo_ids=(photo.photo_id,))
        return_id = ask(request)
        for grant in (Grant(line_id, 801), Grant(line_id + 1, 1)):
            with pytest.raises(commands.BadGrant):
                told(commands.approve([return_id], 1, {return_id: [grant]})[0])
        told(commands.approve([return_id], 1, {return_id: [Grant(line_id, 300)]})[0])
        told(commands.accept([return_id])[0])
        one = queries.get_return(return_id)
        assert (one.refund_minor, one.lines[0].amount_minor, one.lines[0].granted_minor) == (300, 800, 300)
        assert sum(take_back(claim(order, [(0, 1, 0)], key=key)).refund_minor for key in "ab") == 1700
    tenant.drain()
    assert tenant.verify() == []


def test_rejected_goods_go_back_to_the_buyer(tenant: Any) -> None:
    (order,) = place_paid(tenant, [(1000, 1)])
    deliver(tenant, [order])
    with tenant.enter():
        asked = ask(claim(order, [(0, 1, 0)], key="never came"))
        told(commands.reject([Rejection(asked, "不符合条件")], 1)[0])
        with pytest.raises(commands.WrongStatus):
            told(commands.hand_back([Parcel(asked, "顺丰", "SF9")])[0])
        return_id = received(tenant, order, LineInspection(order.lines[0].line_id, 1), quantity=1)
        told(commands.reject([Rejection(return_id, "与订单商品不符")], 1)[0])
        told(commands.hand_back([Parcel(return_id, "顺丰", "SF9")])[0])
        one = queries.get_return(return_id)
        assert (one.status, one.hand_back_number, one.refund_minor) == (ReturnStatus.REJECTED, "SF9", 0)
        assert one.handed_back_at is not None
        assert stock.stock_levels([order.lines[0].sku.sku_id])[0].on_hand == 999
    tenant.drain()
    assert tenant.verify() == []


def test_one_part_of_a_refund_fails_and_only_that_is_asked_for_again(tenant: Any) -> None:
    from banyan.trade.returns.tests.test_exchanges import exchange, pay, replacement, stocked
    from banyan.treasury.payments.types import RefundNoticeState

    (order,) = place_paid(tenant, [(1000, 1)])
    deliver(tenant, [order])
    with tenant.enter():
        other = replacement(exchange(order, 1, stocked(1500)))
    pay(tenant, other.order_id)
    deliver(tenant, [other])
    with tenant.enter():
        return_id = take_back(claim(other, [(0, 1, 0)], key="both")).return_id
    complete_refunds(tenant, other.order_id)
    complete_refunds(tenant, order.order_id, RefundNoticeState.FAILED)
    assert tenant.verify() == []
    with tenant.enter():
        assert queries.get_return(return_id).status is ReturnStatus.REFUND_FAILED
        told(commands.retry_refunds([return_id])[0])
        assert [one.amount_minor for one in payments.list_refunds(order_id=other.order_id)] == [500]
        assert [one.amount_minor for one in payments.list_refunds(order_id=order.order_id)] == [1000, 1000]
    assert tenant.verify() == []


@given(st.lists(st.integers(0, 500), min_size=1, max_size=5), st.tuples(*[st.integers(0, 100)] * 3))
def test_draws_take_exactly_what_is_wanted_and_never_more_than_there_is(left: list[int], percent: tuple[int, int, int]) -> None:
    total = sum(left)
    taken = LineRefund(1, 1, total * percent[0] // 300, 1, total, total * percent[1] // 300, total * percent[2] // 300)
    moneys = [Money(position, position, amount) for position, amount in enumerate(left)]
    draws = draw(moneys, taken)
    assert sum(one.refund_minor for one in draws) == taken.refund_minor
    assert sum(one.deducted_minor for one in draws) == taken.deducted_minor
    assert sum(one.carried_minor for one in draws) == taken.carried_minor
    for one in draws:
        assert one.refund_minor + one.deducted_minor + one.carried_minor <= left[one.line_id]
    with pytest.raises(ValueError, match="more are taken"):
        draw(moneys, LineRefund(1, 1, total + 1, 1, total))


@given(st.integers(0, 10_000), st.integers(0, 3_000), st.integers(1, 9), st.none() | st.integers(0, 5_000))
def test_an_exchange_moves_only_the_difference(back: int, kept: int, quantity: int, unit: int | None) -> None:
    kept = min(kept, back)
    changed, wanted = exchange_line(LineRefund(1, quantity, back - kept, 9, 99_999, kept), 5, unit)
    worth = back if unit is None else unit * quantity
    pays = wanted.unit_minor * quantity - wanted.discount_minor
    assert 0 <= wanted.discount_minor <= wanted.unit_minor * quantity
    assert changed.refund_minor + wanted.carried_minor == back - kept
    assert pays + wanted.carried_minor == worth
    assert min(pays, changed.refund_minor) == 0
