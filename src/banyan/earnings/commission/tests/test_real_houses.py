"""A dated story through the real houses below: nothing is told to commission but by their own events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.test import Client
from django.utils import translation

from banyan.earnings.commission import commands as commission
from banyan.earnings.commission import queries
from banyan.earnings.commission.types import DraftPlan, Hold, SkipReason
from banyan.goods.catalog import commands as catalog
from banyan.goods.catalog.types import NewCategory, NewProduct, NewSku
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory.types import NewWarehouse, Receipt
from banyan.kernel import clock, ids, jobs
from banyan.people.distributors import commands as distributors
from banyan.people.distributors.types import Application
from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role, scopes_of
from banyan.people.network import commands as network
from banyan.people.network.types import BindRequest, BindSource
from banyan.trade.attribution import commands as attribution
from banyan.trade.attribution.types import NewLink
from banyan.trade.orders import commands as orders
from banyan.trade.orders.types import PlaceOrder, Shipment
from banyan.trade.returns import commands as returns
from banyan.trade.returns.types import GoodsReceipt, LineClaim, LineInspection, Mode, RequestReturn
from banyan.treasury.ledger import queries as ledger
from banyan.treasury.ledger.types import AccountKind, AccountRef
from banyan.treasury.payments import commands as payments
from banyan.treasury.payments import queries as collected
from banyan.treasury.payments.types import CaptureNotice

MARCH = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
PLAN = {
    "format": 1,
    "title": "Story",
    "unqualified": "compression",
    "hold_days": 3,
    "caps": {"total_bp": 3000},
    "groups": {"base": "add", "campaign": "add"},
    "rules": [
        {"key": "seller", "pays": {"to": "seller"}, "amount": {"kind": "rate", "rate_bp": 1000}},
        {"key": "first", "pays": {"to": "ancestor", "depth": 1}, "amount": {"kind": "rate", "rate_bp": 500}},
        {
            "key": "tea-week",
            "group": "campaign",
            "pays": {"to": "earner"},
            "amount": {"kind": "multiplier", "of": "base", "times_bp": 15000},
            "when": {"tag": ["tea"]},
        },
    ],
}


class Story:
    """One shop with three distributors in a line, a bound buyer, tea and pans."""

    def __init__(self, shop: Any) -> None:
        self.shop = shop
        people = [NewUser(name, None, name, None, (Role.CONSUMER,)) for name in ("top", "middle", "leaf", "buyer", "clerk")]
        with shop.enter():
            users = identity.register_users(people)
            self.buyer, self.clerk = users[3], users[4]
            commission.publish_plan(commission.draft_plan(DraftPlan(PLAN)))
            self.stock()
        self.line: list[int] = []
        code = None
        for user in users[:3]:
            with shop.enter():
                applied = distributors.apply([Application(user, code, clock.now())])[0]
                distributors.approve([applied.distributor_id], clock.now())
            shop.drain()
            self.line.append(applied.distributor_id)
            code = applied.code
        with shop.enter():
            network.bind([BindRequest(self.buyer, applied.distributor_id, BindSource.SIGN_UP, clock.now())])

    def stock(self) -> None:
        category = catalog.create_categories([NewCategory("home", "家居")])[0]
        made = catalog.create_products(
            [
                NewProduct("tea", "茶", category, (NewSku("tea", 9999, tags=("tea",)),)),
                NewProduct("pan", "锅", category, (NewSku("pan", 20000),)),
            ]
        )
        self.tea, self.pan = (product.sku_ids[0] for product in made)
        warehouse = inventory.open_warehouses([NewWarehouse("w", "仓", 10)])[0]
        inventory.receive_stock([Receipt(warehouse, sku, 100) for sku in (self.tea, self.pan)])

    def buy(self, **brought: Any) -> Any:
        """Two teas and a pan, with freight, paid at once; perhaps with a link or a code."""
        with self.shop.enter():
            placed = orders.place_orders(
                [PlaceOrder(self.buyer, [(self.tea, 2), (self.pan, 1)], shipping_minor=1200, **brought)]
            )[0]
            orders.open_payments([placed.order_id], "test")
            due = collected.list_payments_of([placed.order_id])[placed.order_id][-1]
            notice = CaptureNotice("test", due.out_trade_no, f"t{due.out_trade_no}", due.amount_minor, due.currency, clock.now())
            payments.capture([notice])
            payments.capture([notice])
        self.shop.drain()
        return placed

    def deliver(self, order_id: Any) -> None:
        with self.shop.enter():
            orders.ship([Shipment(order_id)])
            orders.receive([order_id])
        self.shop.drain()

    def return_tea(self, placed: Any, quantity: int) -> None:
        with self.shop.enter():
            claim = (LineClaim(placed.line_ids[0], quantity),)
            asked = returns.request_returns(
                [RequestReturn(placed.order_id, claim, Mode.GOODS_BACK, "no", f"r{ids.next_id()}", self.buyer, clock.now())]
            )[0]
            assert asked.refusal is None, asked.refusal
            assert asked.return_id is not None
            returns.approve([asked.return_id], self.clerk)
        self.asked = asked.return_id

    def accept(self, placed: Any, quantity: int) -> None:
        with self.shop.enter():
            returns.receive([GoodsReceipt(self.asked, (LineInspection(placed.line_ids[0], quantity),), self.clerk)])
            returns.accept([self.asked])
        self.shop.drain()

    def balances(self, kind: AccountKind) -> list[int]:
        """Of leaf, middle and top."""
        with self.shop.enter():
            refs = [AccountRef(kind, each) for each in reversed(self.line)]
            found = ledger.balances(refs)
        return [found[ref] for ref in refs]


def test_the_explanation_goes_back_to_the_click(make_shop: Callable[..., Any], driven_clock: Callable[[datetime], None]) -> None:
    driven_clock(MARCH)
    story = Story(make_shop(jurisdiction="sandbox"))
    with story.shop.enter():
        (link,) = attribution.create_links([NewLink(story.line[1])])
        attribution.record_clicks([(link.token, "somebody")])
        identity.set_roles(story.clerk, [Role.OPERATOR])
        token = identity.issue_token(story.clerk, scopes_of([Role.OPERATOR]), "test")
    driven_clock(MARCH + timedelta(hours=1))
    placed = story.buy(link=link.token)
    with story.shop.enter():
        paid = {each.payee_id: each.commission_id for each in queries.list_for_orders([placed.order_id])[placed.order_id]}
        seller, above = story.line[1], story.line[0]
        for language, words in (
            ("en", ("The buyer came by the sharing link", "was opened on 2026-03-01 10:00,")),
            ("zh-hans", ("买家通过推广链接", "2026-03-01 10:00")),
        ):
            with translation.override(language):
                came, opened, *_ = queries.explain(paid[seller], payee_id=seller).words
            assert words[0] in came and words[1] in opened and link.token in came and link.token in opened
        hidden = queries.explain(paid[above], payee_id=above)
        assert hidden.arrival is None and link.token not in " ".join(hidden.words)
    answer = (
        Client()
        .get(f"/api/v1/commissions/{ids.public('cms', paid[above])}/explanation", headers={"Authorization": f"Bearer {token}"})
        .json()
    )
    assert answer["arrival"] == {
        "source": "link", "note": "", "code": "", "token": link.token, "clicked_at": "2026-03-01T02:00:00Z",
    }  # fmt: skip


def test_paid_delivered_partly_returned_released_returned_again(
    make_shop: Callable[..., Any], driven_clock: Callable[[datetime], None]
) -> None:
    # ── 1 March: the leaf's buyer buys; tea is in campaign ──
    driven_clock(MARCH)
    story = Story(make_shop(jurisdiction="sandbox"))
    driven_clock(MARCH + timedelta(hours=1))
    placed = story.buy()
    # tea 19998: 1999 + 999 and half of each on top; pan 20000: 2000 + 1000; freight earns nothing
    assert story.balances(AccountKind.DISTRIBUTOR_PENDING) == [1999 + 999 + 2000, 999 + 499 + 1000, 0]
    # ── 2 March: delivered; the middle one is frozen, which changes nothing for this order ──
    driven_clock(MARCH + timedelta(days=1))
    story.deliver(placed.order_id)
    with story.shop.enter():
        distributors.freeze([story.line[1]], "test")
    # ── 3 March: one of two teas is asked back; the release waits for it ──
    driven_clock(MARCH + timedelta(days=2))
    story.return_tea(placed, 1)
    driven_clock(MARCH + timedelta(days=6))
    jobs.run_job("commission.release_due", [story.shop.id])
    assert story.balances(AccountKind.DISTRIBUTOR_AVAILABLE) == [0, 0, 0]
    # ── 7 March: accepted; half of the tea's commission goes back, the rest is released ──
    story.accept(placed, 1)
    kept = [1999 - 999 + 999 - 499 + 2000, 999 - 499 + 499 - 249 + 1000, 0]
    assert story.balances(AccountKind.DISTRIBUTOR_PENDING) == kept
    jobs.run_job("commission.release_due", [story.shop.id])
    assert story.balances(AccountKind.DISTRIBUTOR_AVAILABLE) == kept
    assert story.balances(AccountKind.DISTRIBUTOR_PENDING) == [0, 0, 0]
    # ── 8 March: the other tea too, after the release ──
    driven_clock(MARCH + timedelta(days=7))
    story.return_tea(placed, 1)
    story.accept(placed, 1)
    assert story.balances(AccountKind.DISTRIBUTOR_AVAILABLE) == [2000, 1000, 0]
    # ── a second order: the frozen middle is passed over, the top one is too deep for the plan's reach ──
    second = story.buy()
    assert story.balances(AccountKind.DISTRIBUTOR_PENDING) == [1999 + 999 + 2000, 0, 0]
    with story.shop.enter():
        found = queries.list_for_orders([placed.order_id, second.order_id])
        first_of_all = found[placed.order_id][0]
        assert first_of_all.hold is Hold.RELEASED
        explained = queries.explain(first_of_all.commission_id)
        assert explained.decision.agrees
        assert [each.distributor_id for each in explained.decision.upline] == list(reversed(story.line))
        assert [each.status for each in explained.decision.upline] == ["active", "active", "active"]
        assert {each.entry_kind for each in explained.postings} == {
            "commission_accrued", "commission_reversed", "commission_released",
        }  # fmt: skip
        skipped = {(each.depth, each.reason) for each in queries.decide_again(second.order_id).trace.skipped}
        assert skipped == {(1, SkipReason.NOT_ACTIVE), (2, SkipReason.BEYOND_REACH)}
    assert story.shop.verify() == []
