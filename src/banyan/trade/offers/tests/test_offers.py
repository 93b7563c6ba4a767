"""Flash sales end to end: price, share of the stock, limits, queue, and what happens when orders are given up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.types import NewWarehouse, Receipt
from banyan.kernel import clock, ids, sql
from banyan.kernel.http.pacing import Pace
from banyan.people.identity import commands as identity
from banyan.trade.offers import commands, queries
from banyan.trade.offers.types import NewOffer, Ticket
from banyan.trade.orders import commands as orders
from banyan.trade.orders import queries as order_reads
from banyan.trade.orders.types import Placed, PlaceOrder
from banyan.treasury.payments import commands as payments
from banyan.treasury.payments import queries as collected
from banyan.treasury.payments.types import CaptureNotice

START = datetime(2026, 3, 1, 2, tzinfo=UTC)


@dataclass
class Sale:
    """20 pieces at 100, of which 5 are sold for 60 in an hour's sale, at most 2 to a person."""

    tenant: Any
    sku: Any
    offer: Any
    buyers: list[Any]

    def order(self, *wishes: tuple[int, int], offer: Any = "", ticket: str | None = None) -> list[str]:
        """For each (buyer, pieces): "placed" or the code of the refusal."""
        named = self.offer if offer == "" else offer
        with self.tenant.enter():
            outcomes = orders.place_orders(
                [PlaceOrder(self.buyers[n], [(self.sku, pieces)], offer_id=named, ticket=ticket) for n, pieces in wishes]
            )
        self.last = outcomes
        return ["placed" if isinstance(outcome, Placed) else outcome.code for outcome in outcomes]


@pytest.fixture
def make_sale(tenant: Any, make_buyers: Callable[[int], list[Any]], driven_clock: Any) -> Callable[..., Sale]:
    def make(**more: Any) -> Sale:
        driven_clock(START - timedelta(minutes=5))
        with tenant.enter():
            (sku,) = make_skus([100])
            warehouse = inventory.open_warehouses([NewWarehouse("w", "仓")])[0]
            inventory.receive_stock([Receipt(warehouse, sku, 20)])
            wanted = {"quantity": 5, "per_person": 2, "price_minor": 60} | more
            (offer,) = commands.plan([NewOffer("双十一", sku, starts_at=START, ends_at=START + timedelta(hours=1), **wanted)])
            return Sale(tenant, sku, offer, make_buyers(8))

    return make


def test_a_sale_has_its_price_its_time_its_pieces_and_its_limit(make_sale: Callable[..., Sale], driven_clock: Any) -> None:
    sale = make_sale()
    assert sale.order((0, 1)) == ["offer_not_live"]
    driven_clock(START)
    assert sale.order((0, 2), (0, 1), (1, 3), (1, 1)) == ["placed", "offer_limit_reached", "offer_limit_reached", "placed"]
    assert [outcome.total_minor for outcome in sale.last if isinstance(outcome, Placed)] == [120, 60]
    assert sale.order((2, 2), (3, 1)) == ["placed", "out_of_stock"], "five pieces, though fifteen lie beside them"
    assert sale.order((3, 1), offer=None) == ["placed"], "for everybody's price from everybody's stock"
    assert sale.last[0].total_minor == 100  # type: ignore[union-attr]
    assert sale.order((4, 15), offer=None) == ["out_of_stock"]
    driven_clock(START + timedelta(hours=1))
    assert sale.order((5, 1)) == ["offer_not_live"]
    assert sale.order((5, 1), offer=12345) == ["offer_not_found"]
    assert sale.tenant.verify() == []


def test_who_gives_up_his_order_may_buy_again_and_so_may_others(make_sale: Callable[..., Sale], driven_clock: Any) -> None:
    sale = make_sale(quantity=2)
    driven_clock(START)
    assert sale.order((0, 2), (1, 1)) == ["placed", "out_of_stock"]
    with sale.tenant.enter():
        orders.cancel([sale.last[0].order_id], "buyer")  # type: ignore[union-attr]
    assert sale.order((1, 1), (0, 2), (0, 1)) == ["placed", "out_of_stock", "placed"]
    with sale.tenant.enter():
        now = queries.standing(queries.get_offer(sale.offer), clock.now())
    assert (now.taken, now.left, now.buyers) == (2, 0, 2)
    assert sale.tenant.verify() == []


class Late:
    """Buyer 0 ordered in a sale and paid when his time was over: the money is on its way, the pieces are back in the sale."""

    def __init__(self, sale: Sale, driven_clock: Any) -> None:
        self.sale = sale
        driven_clock(START)
        assert sale.order((0, 2)) == ["placed"]
        self.order_id = sale.last[0].order_id  # type: ignore[union-attr]
        with sale.tenant.enter():
            payment_id = orders.open_payments([self.order_id], "wechat_pay")[self.order_id]
            self.payment = collected.get_payment(payment_id)  # type: ignore[arg-type]
        driven_clock(START + timedelta(minutes=40))
        with sale.tenant.enter():
            assert orders.expire_due() == 1

    def money_comes(self) -> str:
        """The state of the order afterwards."""
        paid = self.payment
        notice = CaptureNotice("wechat_pay", paid.out_trade_no, "late", paid.amount_minor, paid.currency, clock.now())
        with self.sale.tenant.enter():
            payments.capture([notice])
        self.sale.tenant.drain()
        with self.sale.tenant.enter():
            return str(order_reads.get_order(self.order_id).state)

    def taken(self) -> tuple[int, int]:
        """Pieces that the sale has sold, and what is left for everybody."""
        with self.sale.tenant.enter():
            now = queries.standing(queries.get_offer(self.sale.offer), clock.now())
            return now.taken, stock.available([self.sale.sku])[self.sale.sku]


def test_late_money_is_served_from_the_sale_and_counts_again(make_sale: Callable[..., Sale], driven_clock: Any) -> None:
    late = Late(make_sale(), driven_clock)
    assert late.taken() == (0, 15)
    assert late.money_comes() == "paid"
    assert late.taken() == (2, 15), "the pieces are the sale's, not everybody's"
    assert late.sale.order((0, 1)) == ["offer_limit_reached"]
    assert late.sale.order((1, 2), (2, 2)) == ["placed", "out_of_stock"]
    assert late.sale.tenant.verify() == []


@pytest.mark.parametrize("meanwhile", ["sold out", "bought again", "ended"])
def test_late_money_for_what_the_sale_no_longer_has_goes_back(
    make_sale: Callable[..., Sale], driven_clock: Any, meanwhile: str
) -> None:
    late = Late(make_sale(), driven_clock)
    sale, free = late.sale, 15
    if meanwhile == "sold out":
        assert sale.order((1, 2), (2, 2)) == ["placed"] * 2
    elif meanwhile == "bought again":
        assert sale.order((0, 1)) == ["placed"]
    else:
        with sale.tenant.enter():
            commands.end([sale.offer])
        free = 20
    before = late.taken()[0]
    assert late.money_comes() == "expired"
    assert late.taken() == (before, free), "nobody gets the sale's price from everybody's stock"
    with sale.tenant.enter():
        assert sql.fetch("SELECT amount_minor FROM payments_refunds WHERE order_id = %s", (late.order_id,)) == [(120,)]
    assert sale.tenant.verify() == []


def test_a_claim_that_is_left_behind_is_found(make_sale: Callable[..., Sale], driven_clock: Any) -> None:
    """An order that was given up while its claim stands would keep its buyer from buying again, and the other way round."""
    sale = make_sale()
    driven_clock(START)
    assert sale.order((0, 1), (1, 1)) == ["placed", "placed"]
    first, second = (outcome.order_id for outcome in sale.last)  # type: ignore[union-attr]
    with sale.tenant.enter():
        orders.cancel([first], "buyer")
        sql.execute("UPDATE offers_claims SET ended_at = NULL WHERE order_id = %s", (first,))
        sql.execute("UPDATE offers_claims SET ended_at = now() WHERE order_id = %s", (second,))
    found = {finding.subject for finding in sale.tenant.verify() if finding.check == "river.sales"}
    assert found == {ids.public("ord", first), ids.public("ord", second)}


def test_one_key_with_and_without_the_sale_is_no_repetition(make_sale: Callable[..., Sale], driven_clock: Any) -> None:
    sale = make_sale()
    driven_clock(START)
    wishes = [PlaceOrder(sale.buyers[0], [(sale.sku, 1)], offer_id=offer, client_key="once") for offer in (sale.offer, None)]
    for wish, told in zip(wishes, ("placed", "client_key_reused"), strict=True):
        with sale.tenant.enter():
            (outcome,) = orders.place_orders([wish])
        assert ("placed" if isinstance(outcome, Placed) else outcome.code) == told


def test_a_sale_that_is_ended_gives_its_pieces_back(make_sale: Callable[..., Sale], driven_clock: Any) -> None:
    sale = make_sale()
    driven_clock(START)
    assert sale.order((0, 2)) == ["placed"]
    with sale.tenant.enter():
        assert commands.end([sale.offer]) == 1
        assert commands.end([sale.offer]) == 0
        assert stock.available([sale.sku]) == {sale.sku: 18}
    assert sale.order((1, 1)) == ["offer_not_live"]
    assert sale.tenant.verify() == []


def test_places_are_given_in_turn_once_each_and_let_in_in_turn(make_sale: Callable[..., Sale], driven_clock: Any) -> None:
    sale = make_sale(admit_per_second=2)
    with sale.tenant.enter():
        first = commands.join(sale.offer, [(sale.buyers[n], "") for n in (0, 1, 0, 2)])
        again = commands.join(sale.offer, [(sale.buyers[n], "") for n in (3, 1)])
        assert [place.position for place in (*first, *again) if isinstance(place, Ticket)] == [1, 2, 1, 3, 4, 2]
        tickets = [queries.ticket_text(Ticket(sale.offer, sale.buyers[n], n + 1)) for n in range(4)]
        assert queries.read_ticket(tickets[0], sale.offer, sale.buyers[1]) is None, "somebody else's"
        assert queries.read_ticket(tickets[2].replace(".3.", ".1."), sale.offer, sale.buyers[2]) is None, "forged"
        assert queries.read_ticket("…", sale.offer, sale.buyers[2]) is None
    driven_clock(START)
    assert sale.order((0, 1)) == ["not_your_turn"]
    assert sale.order((0, 1), ticket=tickets[1]) == ["not_your_turn"]
    assert sale.order((2, 1), ticket=tickets[2]) == ["not_your_turn"]
    assert sale.order((0, 1), ticket=tickets[0]) == ["placed"]
    driven_clock(START + timedelta(seconds=1))
    assert sale.order((2, 1), ticket=tickets[2]) == ["placed"]
    assert sale.tenant.verify() == []


def test_one_buyer_in_many_places_at_once_takes_no_more_than_he_may(make_sale: Callable[..., Sale], driven_clock: Any) -> None:
    sale = make_sale(per_person=2)
    driven_clock(START)
    gate = threading.Barrier(6)

    def one(_: int) -> str:
        try:
            gate.wait(30)
            with sale.tenant.enter():
                (outcome,) = orders.place_orders([PlaceOrder(sale.buyers[0], [(sale.sku, 1)], offer_id=sale.offer)])
            return "placed" if isinstance(outcome, Placed) else outcome.code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        told = list(pool.map(one, range(6)))
    assert sorted(told) == ["offer_limit_reached"] * 4 + ["placed"] * 2
    assert sale.tenant.verify() == []


def test_the_lock_is_what_keeps_the_limit(
    make_sale: Callable[..., Sale], driven_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: without it the same race sells one person more than he may."""
    monkeypatch.setattr(commands, "_lock_of", lambda *parts: ids.next_id())
    met = threading.Barrier(6)
    before = commands.over_the_limit
    monkeypatch.setattr(commands, "over_the_limit", lambda *a: (met.wait(30), before(*a))[1])
    with pytest.raises(AssertionError):
        test_one_buyer_in_many_places_at_once_takes_no_more_than_he_may(make_sale, driven_clock)


def test_who_orders_nothing_from_a_sale_pays_nothing_for_it(
    make_sale: Callable[..., Sale], driven_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sale = make_sale()
    asked: list[str] = []
    run = sql._run
    monkeypatch.setattr(sql, "_run", lambda query, params: (asked.append(query), run(query, params))[1])
    assert sale.order((0, 1), offer=None) == ["placed"]
    assert asked
    assert not [query for query in asked if "offers_" in query]


def test_a_sale_over_http(make_sale: Callable[..., Sale], call_as: Callable[..., Any], driven_clock: Any) -> None:
    sale = make_sale(admit_per_second=1, puzzle_bits=4)
    with sale.tenant.enter():
        token = identity.issue_token(sale.buyers[0], ("orders:read", "orders:write"), "t")
        buyer, operator = call_as("consumer"), call_as("operator")
    buyer.token = token
    name = ids.public("off", sale.offer)
    shown = buyer("GET", f"/offers/{name}")[1]
    assert (shown["phase"], shown["has_queue"], shown["price_minor"]) == ("planned", True, 60)
    assert buyer("POST", "/offers/tickets", {"offer_id": name})[1]["error"]["code"] == "puzzle_unsolved"
    from banyan.trade.offers.engine.admission import is_solved

    nonce = next(text for text in map(str, range(10_000)) if is_solved(shown["challenge"], text, 4))
    status, ticket = buyer("POST", "/offers/tickets", {"offer_id": name, "nonce": nonce})
    assert (status, ticket["position"], ticket["is_admitted"], ticket["seconds"]) == (201, 1, False, 300)
    assert buyer("GET", f"/offers/{name}/queue?ticket={ticket['ticket']}")[1]["ahead"] == 0
    assert buyer("GET", f"/offers/{name}/queue?ticket=x")[0] == 404
    assert buyer("GET", f"/offers/{name}/standing")[0] == 403
    driven_clock(START)
    body = {"lines": [{"sku_id": ids.public("sku", sale.sku), "quantity": 1}], "offer_id": name, "ticket": ticket["ticket"]}
    status, placed = buyer("POST", "/orders", body)
    assert (status, placed["total_minor"]) == (201, 60), placed
    assert operator("GET", f"/offers/{name}/standing")[1] == {
        "phase": "live", "quantity": 5, "taken": 1, "left": 4, "buyers": 1, "queued": 1, "admitted": 1,
    }  # fmt: skip
    planned = {
        "name": "晚场", "sku_id": ids.public("sku", sale.sku), "price_minor": 50, "quantity": 3,
        "starts_at": "2026-03-01T12:00:00Z", "ends_at": "2026-03-01T13:00:00Z",
    }  # fmt: skip
    assert buyer("POST", "/offers", planned)[0] == 403
    status, made = operator("POST", "/offers", planned)
    assert status == 201, made
    assert operator("POST", "/offers", planned | {"quantity": 100})[1]["error"]["code"] == "stock_promised"
    assert operator("POST", "/offers", planned | {"ends_at": "2026-03-01T11:00:00Z"})[1]["error"]["code"] == "bad_offer"
    assert operator("POST", f"/offers/{made['id']}/end")[1]["phase"] == "over"
    assert [one["id"] for one in buyer("GET", "/offers")[1]["items"]] == [name]
    assert len(buyer("GET", "/offers?past=true")[1]["items"]) == 2


def test_pace_slows_who_asks_too_often_and_nobody_else() -> None:
    now = [100.0]
    pace = Pace(per_token=(3, 6.0), per_device=(100, 1.0), now=lambda: now[0])
    assert [pace.check(b"a", "", "") for _ in range(3)] == [None] * 3
    refused = pace.check(b"a", "", "")
    assert refused is not None
    assert (refused.status, refused.retry_after_seconds) == (429, 2)
    assert pace.check(b"b", "", "") is None
    now[0] += 2.0
    assert pace.check(b"a", "", "") is None
    assert pace.check(b"a", "", "") is not None
