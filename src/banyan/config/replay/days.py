"""The days: orders placed and paid, goods shipped and received, goods taken back, the office's periodic work."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from time import perf_counter

from django.db import connections

from banyan.earnings.settlement import commands as settlement
from banyan.earnings.settlement import queries as statements
from banyan.earnings.settlement.types import Decision, ReviewRequest, StatementStatus
from banyan.kernel import clock, events, jobs, tenancy
from banyan.trade.orders import commands as orders
from banyan.trade.orders.types import OrderId, OrderLineId, Placed, PlaceOrder, Refused, Shipment
from banyan.trade.returns import commands as returns
from banyan.trade.returns.types import GoodsReceipt, LineClaim, LineInspection, Mode, RequestReturn
from banyan.treasury.payments.types import CaptureNotice, Payment

from . import till
from .founding import Shop, batches
from .stream import SHOP_ZONE, GoingBack, Sale, SoldLine, Stream
from .till import PAYING, Sold, Wish
from .twin import Twin

LINES_PER_ORDER = 200
"""What one order may hold; longer invoices become several orders."""
RECEIVED_AFTER = timedelta(days=2)
PAYING_AFTER = timedelta(minutes=1)
STATISTICS_AFTER = (1, 3, 8, 20, 60)
"""Days after which the planner is told how the tables have grown; a live shop's autovacuum has minutes for that."""


@dataclass(slots=True)
class Part:
    """One order to be: a whole invoice or a piece of a long one."""

    sale: Sale
    lines: Sequence[SoldLine]
    first_line: int


@dataclass
class Tally:
    """Figures of the run. Seconds are wall clock."""

    orders: int = 0
    lines: int = 0
    refused: int = 0
    revenue_minor: int = 0
    over_http: int = 0
    returns: int = 0
    returned_pieces: int = 0
    returns_refused: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    reviewed: int = 0
    river_seconds: float = 0.0
    """Placing, paying, accruing and posting, events delivered to the end: what orders_per_s is measured on."""
    river_orders: int = 0
    """The orders placed and paid in that time: all but those that were paid at the channel's own counter."""
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))


@dataclass
class Channel:
    """The simulator's side, as the days need it."""

    pay: Callable[[int, Sequence[Payment]], None]
    know: Callable[[Sequence[CaptureNotice]], None]
    settle: Callable[[], None]


class Days:
    """Lives the stream day by day with the clock driven."""

    def __init__(self, shop: Shop, stream: Stream, channel: Channel, twin: Twin, sample: int) -> None:
        self.shop, self.channel, self.twin, self.tally = shop, channel, twin, Tally()
        self._sales: dict[date, list[Sale]] = defaultdict(list)
        for sale in stream.sales:
            self._sales[sale.at.date()].append(sale)
        self._returns: dict[date, list[GoingBack]] = defaultdict(list)
        for back in stream.returns:
            self._returns[back.at.date()].append(back)
        count = sum(-(-len(sale.lines) // LINES_PER_ORDER) for sale in stream.sales)
        sample = min(sample, count // 20)  # of a short run, a share
        self._sample, self._every, self._seen = sample, max(count // sample, 1) if sample else 0, 0
        self._chosen = 0
        self._places: dict[tuple[str, int], tuple[OrderId, OrderLineId]] = {}
        self._refundable = {(back.invoice, back.line_index) for back in stream.returns}
        self._to_ship: list[OrderId] = []
        self._under_way: dict[date, list[OrderId]] = defaultdict(list)
        self._days = 0

    def live(self, day: date) -> None:
        """One day, shop's time: sales at 21:00, goods out at 22:00, returns at 22:30, the office at 23:00."""
        if self._sales.get(day):
            self._at(day, time(21, 0))
            self._sell(self._sales.pop(day))
        self._at(day, time(22, 0))
        self._move_goods(day)
        if self._returns.get(day):
            self._at(day, time(22, 30))
            self._take_back(self._returns.pop(day))
        self._at(day, time(23, 0))
        self.office()
        self._days += 1
        if self._days in STATISTICS_AFTER:
            with self._timed("statistics"):
                gather_statistics()

    # ── sales ────────────────────────────────────────────────────────────────────────────────────────────────────
    def _sell(self, sales: Sequence[Sale]) -> None:
        parts = [
            Part(sale, lines, start * LINES_PER_ORDER)
            for sale in sales
            for start, lines in enumerate(batches(sale.lines, LINES_PER_ORDER))
        ]
        wishes = [self._wish(part) for part in parts]
        begin = perf_counter()
        sold = self._sell_by_two(wishes)
        for reactions in ({PAYING}, None):
            self.twin.deliver(clock.now(), reactions)
            till.deliver(self.shop.tenant_id, reactions)
            self.twin.answer()
        self._drain()
        self.tally.river_seconds += perf_counter() - begin
        for part, one in zip(parts, sold, strict=True):
            self._note(part, one.outcome)
        walking = [one.payment for one in sold if one.payment and not one.notice]
        self.tally.river_orders += len(parts) - len(walking)
        with self._timed("channel"):
            self.channel.know([one.notice for one in sold if one.notice])
            if walking:
                self.channel.pay(self.shop.tenant_id, walking)
                self.tally.over_http += len(walking)
                self._drain()

    def _sell_by_two(self, wishes: Sequence[Wish]) -> list[Sold]:
        """Each process sells a half, at the same time."""
        half = _half_way([len(wish.order.lines) for wish in wishes])
        self.twin.sell(clock.now(), wishes[half:])
        mine = till.sell(self.shop.tenant_id, wishes[:half])
        return mine + (self.twin.answer() or [])

    def _wish(self, part: Part) -> Wish:
        skus = self.shop.skus
        lines = [(skus[line.code], line.quantity, line.unit_minor) for line in part.lines]
        key = f"{part.sale.invoice}/{part.first_line}"
        buyer = self.shop.buyers[part.sale.customer]
        order = PlaceOrder(buyer, lines, channel="import", placed_at=part.sale.at, client_key=key)
        return Wish(order, None if self._is_sampled() else part.sale.at + PAYING_AFTER)

    def _is_sampled(self) -> bool:
        self._seen += 1
        wanted = bool(self._every) and self._seen % self._every == 0 and self._chosen < self._sample
        self._chosen += wanted
        return wanted

    def _note(self, part: Part, outcome: Placed | Refused) -> None:
        if isinstance(outcome, Refused):
            self.tally.refused += 1
            return
        self.tally.orders += 1
        self.tally.lines += len(part.lines)
        self.tally.revenue_minor += outcome.total_minor
        self._to_ship.append(outcome.order_id)
        for index, line_id in enumerate(outcome.line_ids, start=part.first_line):
            if (part.sale.invoice, index) in self._refundable:
                self._places[part.sale.invoice, index] = (outcome.order_id, line_id)

    # ── goods ────────────────────────────────────────────────────────────────────────────────────────────────────
    def _move_goods(self, day: date) -> None:
        arrived = self._under_way.pop(day, [])
        with self._timed("goods"):
            for some in batches(self._to_ship, 500):
                with self._enter("goods leave"):
                    orders.ship([Shipment(order_id) for order_id in some])
            for some in batches(arrived, 500):
                with self._enter("goods arrive"):
                    orders.receive(list(some))
            self._under_way[day + RECEIVED_AFTER].extend(self._to_ship)
            self._to_ship = []
            self._drain()

    def _take_back(self, backs: Sequence[GoingBack]) -> None:
        """The day's cancellations, asked for, approved, inspected and accepted like any return."""
        wanted: dict[tuple[str, OrderId], dict[int, int]] = defaultdict(lambda: defaultdict(int))
        moments: dict[str, datetime] = {}
        for back in backs:
            order_id, line_id = self._places[back.invoice, back.line_index]
            wanted[back.cancellation, order_id][line_id] += back.quantity
            moments[back.cancellation] = back.at
        operator, warehouse = int(self.shop.staff["operator"]), int(self.shop.staff["warehouse"])
        with self._timed("returns"), self._enter("returns"):
            asked = returns.request_returns(
                [
                    RequestReturn(
                        order_id, tuple(LineClaim(line_id, pieces) for line_id, pieces in lines.items()), Mode.GOODS_BACK,
                        "cancelled in the data", f"{cancellation}/{order_id}", operator, moments[cancellation], goodwill=True,
                    )
                    for (cancellation, order_id), lines in wanted.items()
                ]
            )  # fmt: skip
            taken = {}
            for outcome, lines in zip(asked, wanted.values(), strict=True):
                if outcome.return_id is not None and outcome.refusal is None:
                    taken[outcome.return_id] = lines
                else:
                    self.tally.returns_refused[outcome.refusal.code if outcome.refusal else "unknown"] += 1
            returns.approve(list(taken), operator)
            returns.receive(
                [
                    GoodsReceipt(return_id, tuple(LineInspection(line, pieces) for line, pieces in lines.items()), warehouse)
                    for return_id, lines in taken.items()
                ]
            )
            for outcome in returns.accept(list(taken)):
                if outcome.refusal is None:
                    self.tally.returns += 1
                    self.tally.returned_pieces += sum(taken[outcome.return_id].values()) if outcome.return_id else 0
                else:
                    self.tally.returns_refused[outcome.refusal.code] += 1
        with self._timed("returns"):
            self._drain()

    # ── office ───────────────────────────────────────────────────────────────────────────────────────────────────
    def office(self) -> None:
        """Every periodic job once, as the worker would; the review queue; then what the channel has to tell."""
        with self._timed("office"):
            self._run_jobs()
            if self._review():
                self._run_jobs()
            self.channel.settle()
            self._drain()

    def _run_jobs(self) -> None:
        for job in jobs.periodic_jobs():
            jobs.run_job(job.name, [self.shop.tenant_id])
        self._drain()

    def _review(self) -> int:
        """Finance approves what waits for it; a second person approves where four eyes are asked for."""
        done = 0
        for reviewer, status in (("finance", StatementStatus.UNDER_REVIEW), ("finance2", StatementStatus.AWAITING_SECOND)):
            with self._enter(f"review by {reviewer}"):
                waiting = [one.statement_id for one in statements.list_review_queue(5000) if one.status is status]
                wishes = [ReviewRequest(one, Decision.APPROVE, int(self.shop.staff[reviewer])) for one in waiting]
                done += sum(outcome.status is not None for outcome in settlement.review(wishes))
        self.tally.reviewed += done
        return done

    # ── the frame ────────────────────────────────────────────────────────────────────────────────────────────────
    def _enter(self, reason: str) -> AbstractContextManager[None]:
        return tenancy.enter(self.shop.tenant_id, actor="replay", reason=reason)

    def _drain(self) -> None:
        events.drain(self.shop.tenant_id)

    def _timed(self, name: str) -> AbstractContextManager[None]:
        return _Timed(self.tally.seconds, name)

    @staticmethod
    def _at(day: date, moment: time) -> None:
        clock.drive(datetime.combine(day, moment, SHOP_ZONE))


def gather_statistics() -> None:
    """Tell the planner what the tables hold now, as the owner. Needs no lock that stops anybody."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE")


def _half_way(weights: Sequence[int]) -> int:
    """Where to cut so that both parts weigh about the same."""
    total, seen = sum(weights), 0
    for place, weight in enumerate(weights):
        if 2 * seen + weight >= total:
            return place
        seen += weight
    return len(weights)


class _Timed(AbstractContextManager[None]):
    def __init__(self, seconds: dict[str, float], name: str) -> None:
        self._seconds, self._name = seconds, name

    def __enter__(self) -> None:
        self._begin = perf_counter()

    def __exit__(self, *_: object) -> None:
        self._seconds[self._name] += perf_counter() - self._begin
