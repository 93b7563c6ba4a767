"""The demo shop's days: what the world decides, done through the commands that production uses, with the clock driven.

Each day: people arrive, orders are placed and paid, events drain, goods are shipped and received, returns are asked for and
accepted, the periodic jobs run as the worker would run them, statements are reviewed. One order in ``CHANNEL_EVERY`` is paid
through the WeChat simulator over HTTP with real signatures; the others enter by the batch command that notices use.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from banyan.config.demo.founding import DemoShop
from banyan.config.demo.world import DemoDay, DemoOrder, DemoPerson
from banyan.earnings.settlement import commands as settlement
from banyan.earnings.settlement import queries as statements
from banyan.earnings.settlement.types import Decision, PayeeAccount, ReviewRequest, StatementStatus
from banyan.goods.inventory import queries as stock
from banyan.kernel import clock, events, jobs, tenancy
from banyan.people.distributors import commands as distributors
from banyan.people.distributors.types import Application, Applied, DistributorId, Tier
from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role, UserId
from banyan.people.network import commands as network
from banyan.people.network.types import BindRequest, BindSource
from banyan.trade.fulfillment import commands as sending
from banyan.trade.fulfillment import queries as parcels
from banyan.trade.fulfillment.types import OrderShipment
from banyan.trade.orders import commands as orders
from banyan.trade.orders.types import OrderId, OrderLineId, Placed, PlaceOrder, Recipient
from banyan.trade.returns import commands as returns
from banyan.trade.returns.types import GoodsReceipt, LineClaim, LineInspection, Mode, RequestReturn, ReturnId
from banyan.treasury.payments import commands as payments
from banyan.treasury.payments import queries as collected
from banyan.treasury.payments.types import CaptureNotice

CHANNEL = "wechat_pay"
CHANNEL_EVERY = 20
Pay = Callable[[Sequence[OrderId]], None]
"""Pays orders at the channel's own counter: opens each payment over HTTP and lets the simulated buyer pay."""


@dataclass
class Tallies:
    """What happened, for the summary."""

    orders: int = 0
    paid_over_http: int = 0
    returns: int = 0
    reviewed: int = 0


@dataclass
class _Sold:
    order_id: OrderId
    line_ids: tuple[OrderLineId, ...]
    wish: DemoOrder


@dataclass
class DemoLife:
    """Lives the days of one shop, one after the other."""

    shop: DemoShop
    opened_at: datetime
    pay_at_channel: Pay | None = None
    hear_channel: Callable[[], None] = lambda: None
    """Lets the notices of the simulated channel arrive."""
    tell_channel: Callable[[Sequence[CaptureNotice]], None] | None = None
    """Lets the channel know payments that were captured without it, so that it can refund them."""
    tallies: Tallies = field(default_factory=Tallies)
    users: dict[int, UserId] = field(default_factory=dict)
    members: dict[int, DistributorId] = field(default_factory=dict)
    sign_in: list[str] = field(default_factory=list)
    """Log-ins of the first distributor and the first consumer."""
    _people: dict[int, DemoPerson] = field(default_factory=dict)
    _codes: dict[int, str] = field(default_factory=dict)
    _to_ship: list[_Sold] = field(default_factory=list)
    _to_receive: dict[int, list[_Sold]] = field(default_factory=lambda: defaultdict(list))
    _to_return: dict[int, list[_Sold]] = field(default_factory=lambda: defaultdict(list))
    _returning: dict[int, list[ReturnId]] = field(default_factory=lambda: defaultdict(list))
    _claims: dict[ReturnId, _Sold] = field(default_factory=dict)

    def live(self, day: DemoDay) -> None:
        """One whole day, ending shortly before midnight with nothing left to deliver."""
        start = self.opened_at + timedelta(days=day.number)
        self._at(start + timedelta(hours=6))
        self._people_arrive(day)
        self._drain()
        self._at(start + timedelta(hours=9))
        self._ship()
        self._receive(day.number)
        self._drain()
        self._sell(day, start)
        self._at(start + timedelta(hours=23, minutes=15))
        self._take_back(day.number)
        self._drain()
        self._office_hours()

    # ── people ───────────────────────────────────────────────────────────────────────────────────────────────────
    def _people_arrive(self, day: DemoDay) -> None:
        everybody = [*day.new_distributors, *day.new_consumers]
        if not everybody:
            return
        now = clock.now()
        # The very first of each kind can sign in; the others are names in the books.
        signing_in = {day.new_distributors[0].index, day.new_consumers[0].index} if day.number == 0 else set()
        self.sign_in.extend(p.login for p in everybody if p.index in signing_in)
        with self._enter("people arrive"):
            ids = identity.register_users(
                [
                    NewUser(
                        p.login, self.shop.password if p.index in signing_in else None, p.name, p.phone, (Role.CONSUMER,), now
                    )
                    for p in everybody
                ]
            )
            for person, user_id in zip(everybody, ids, strict=True):
                self.users[person.index], self._people[person.index] = user_id, person
            for wave in _waves(day.new_distributors):
                self._join(wave, now)
            self._bind(day.new_consumers, now)

    def _join(self, wave: list[DemoPerson], now: datetime) -> None:
        """Apply and approve people whose sponsors are all approved already; the reaction gives them their places."""
        outcomes = distributors.apply(
            [Application(self.users[p.index], None if p.sponsor is None else self._codes[p.sponsor], now) for p in wave]
        )
        for person, outcome in zip(wave, outcomes, strict=True):
            if not isinstance(outcome, Applied):
                raise outcome
            self.members[person.index], self._codes[person.index] = outcome.distributor_id, outcome.code
        joined = [self.members[p.index] for p in wave]
        distributors.approve(joined, now)
        tiers = {member: _tier(person.index) for person, member in zip(wave, joined, strict=True)}
        distributors.set_tiers({m: t for m, t in tiers.items() if t is not Tier.BRONZE}, now, "demo: opening tiers")
        settlement.set_payee_accounts([PayeeAccount(self.members[p.index], CHANNEL, f"openid-{p.login}", p.name) for p in wave])

    def _bind(self, consumers: list[DemoPerson], now: datetime) -> None:
        network.bind(
            [
                BindRequest(self.users[p.index], self.members[p.sponsor], BindSource.SIGN_UP, now)
                for p in consumers
                if p.sponsor is not None
            ]
        )

    # ── goods ────────────────────────────────────────────────────────────────────────────────────────────────────
    def _sell(self, day: DemoDay, start: datetime) -> None:
        """Orders of the day in six batches, each paid within its hour."""
        for part in _parts(day.orders, 6):
            self._at(start + timedelta(minutes=part[-1].minute))
            with self._enter("orders of the day"):
                outcomes = orders.place_orders([self._wish(order) for order in part])
                sold = [
                    _Sold(outcome.order_id, outcome.line_ids, order)
                    for order, outcome in zip(part, outcomes, strict=True)
                    if isinstance(outcome, Placed)
                ]
                self.tallies.orders += len(sold)
            self._pay([one for one in sold if not one.wish.abandoned])
            self._drain()

    def _wish(self, order: DemoOrder) -> PlaceOrder:
        person = self._people[order.buyer]
        return PlaceOrder(
            buyer_id=self.users[order.buyer],
            lines=[(self.shop.sku_ids[sku], quantity) for sku, quantity in order.lines],
            shipping_minor=order.shipping_minor,
            discount_minor=order.discount_minor,
            client_key=order.key,
            recipient=Recipient(person.name, person.phone, person.address, person.region_code),
        )

    def _pay(self, sold: list[_Sold]) -> None:
        if not sold:
            return
        now = clock.now()
        # What comes back later must have been paid at the channel, or the channel could not refund it.
        over_http = [s for s in sold if self.pay_at_channel and (s.wish.return_units or s.wish.number % CHANNEL_EVERY == 0)]
        there = {one.order_id for one in over_http}
        with self._enter("payments of the day"):
            orders.open_payments([one.order_id for one in sold], CHANNEL)
            opened = collected.list_payments_of([one.order_id for one in sold if one.order_id not in there])
            notices = [
                CaptureNotice(CHANNEL, p.out_trade_no, f"demo-{p.out_trade_no[:24]}", p.amount_minor, p.currency, now)
                for order_payments in opened.values()
                for p in order_payments[-1:]
            ]
            payments.capture(notices)
        if self.tell_channel:
            self.tell_channel(notices)
        if self.pay_at_channel and over_http:
            self.pay_at_channel([one.order_id for one in over_http])
            self.tallies.paid_over_http += len(over_http)
        self._to_ship.extend(sold)

    def _ship(self) -> None:
        if not self._to_ship:
            return
        with self._enter("goods leave"):
            self._release_waves()
            waiting = parcels.list_fulfillments(order_ids=[one.order_id for one in self._to_ship], limit=None)
            sending.ship_orders(  # one parcel from each warehouse in which a part of the order lies
                [
                    OrderShipment(one.order_id, "顺丰速运", f"SF{int(one.fulfillment_id):012d}", 800, one.warehouse_id)
                    for one in waiting
                ]
            )
        today = (clock.now() - self.opened_at).days
        for one in self._to_ship:
            self._to_receive[today + one.wish.receive_after_days].append(one)
            if one.wish.return_units:
                self._to_return[today + one.wish.receive_after_days + one.wish.return_after_days].append(one)
        self._to_ship = []

    def _release_waves(self) -> None:
        for place in stock.list_warehouses():
            try:
                sending.release_wave(place.warehouse_id, 2000)
            except sending.NothingToPick:
                continue

    def _receive(self, today: int) -> None:
        arrived = self._to_receive.pop(today, [])
        if arrived:
            with self._enter("goods arrive"):
                orders.receive([one.order_id for one in arrived])

    def _take_back(self, today: int) -> None:
        """Buyers ask today; the warehouse inspects two days later and the operator accepts."""
        now, operator = clock.now(), int(self.shop.staff["operator"])
        asking, arriving = self._to_return.pop(today, []), self._returning.pop(today, [])
        with self._enter("returns"):
            asked = returns.request_returns(
                [
                    RequestReturn(
                        one.order_id, (LineClaim(one.line_ids[0], one.wish.return_units),), Mode.GOODS_BACK, "不合适",
                        f"demo-return-{one.wish.key}", int(self.users[one.wish.buyer]), now,
                    )
                    for one in asking
                ]
            )  # fmt: skip
            wanted = {
                o.return_id: one for o, one in zip(asked, asking, strict=True) if o.return_id is not None and o.refusal is None
            }
            returns.approve(list(wanted), operator)
            self._returning[today + 2].extend(wanted)
            self._claims.update({key: one for key, one in wanted.items() if key is not None})
            returns.receive(
                [
                    GoodsReceipt(
                        key,
                        (LineInspection(self._claims[key].line_ids[0], self._claims[key].wish.return_units),),
                        int(self.shop.staff["warehouse"]),
                    )
                    for key in arriving
                ]
            )
            returns.accept(arriving)
        self.tallies.returns += len(arriving)

    # ── office ───────────────────────────────────────────────────────────────────────────────────────────────────
    def _office_hours(self) -> None:
        """The periodic jobs, as the worker would run them, then the review queue, then what both have caused."""
        self.run_jobs()
        self._review()
        self.run_jobs()

    def run_jobs(self) -> None:
        """Every registered periodic job once, then the drains."""
        for job in jobs.periodic_jobs():
            jobs.run_job(job.name, [self.shop.tenant_id])
        self.hear_channel()
        self._drain()

    def _review(self) -> None:
        """Finance approves what waits; the second person approves where four eyes are asked for; a few are held over."""
        for reviewer, status in (("finance", StatementStatus.UNDER_REVIEW), ("finance2", StatementStatus.AWAITING_SECOND)):
            with self._enter(f"review by {reviewer}"):
                outcomes = settlement.review(
                    [
                        ReviewRequest(one.statement_id, Decision.APPROVE, int(self.shop.staff[reviewer]))
                        for one in statements.list_review_queue(500)
                        # every ninth stays in the queue, for the operator who opens the console
                        if one.status is status and int(one.statement_id) % 9
                    ]
                )
                self.tallies.reviewed += sum(1 for outcome in outcomes if outcome.status is not None)

    # ── the frame ────────────────────────────────────────────────────────────────────────────────────────────────
    def _enter(self, reason: str) -> AbstractContextManager[None]:
        return tenancy.enter(self.shop.tenant_id, actor="demo", reason=reason)

    def _drain(self) -> None:
        events.drain(self.shop.tenant_id)

    @staticmethod
    def _at(moment: datetime) -> None:
        clock.drive(moment)


def _tier(index: int) -> Tier:
    """Opening tiers by index: one in 40 gold, one in 10 silver."""
    return Tier.GOLD if index % 40 == 7 else Tier.SILVER if index % 10 == 3 else Tier.BRONZE


def _parts(wishes: list[DemoOrder], count: int) -> list[list[DemoOrder]]:
    size = max(1, -(-len(wishes) // count))
    return [wishes[at : at + size] for at in range(0, len(wishes), size)]


def _waves(people: list[DemoPerson]) -> list[list[DemoPerson]]:
    """Batches in which nobody's sponsor is in the same batch: sponsors first."""
    arriving = {person.index for person in people}
    depth: dict[int, int] = {}
    for person in people:  # a sponsor's index is always the lower one
        depth[person.index] = depth[person.sponsor] + 1 if person.sponsor in arriving and person.sponsor is not None else 0
    waves: dict[int, list[DemoPerson]] = defaultdict(list)
    for person in people:
        waves[depth[person.index]].append(person)
    return [waves[key] for key in sorted(waves)]
