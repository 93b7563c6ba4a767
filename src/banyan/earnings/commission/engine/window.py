"""A window of orders closed period by period, as live periods are closed: what a simulation asks.

Pure, and fed in parts: orders are added in any order and on several processes, the sums of the parts are merged, then each period
is decided by `decide_closing`. What is kept grows with people, rules and periods, never with orders. A period that lies only
partly in the window is decided on what the window holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import NamedTuple

from banyan.earnings.commission.types import LegalCeiling, Member, PaidOrder, Period, Place, Recipient, Reward, Share, Weight

from .clawback import part_back
from .closing import ClosingSums, PeriodBook, decide_closing
from .compiled import CompiledPlan
from .periods import GRACE, Span, span_of
from .true_up import true_up_period


class Back(NamedTuple):
    """What came back of one line with one return."""

    line_id: int
    at: datetime
    refund_minor: int
    of_minor: int


@dataclass(slots=True)
class WindowSums:
    """What the periods' closes ask. `returned`: commission that went back, by the day of the return.

    The `accrued` of each period's sums is only what went back, negative, until `WindowClosing` adds what its days paid.
    """

    periods: dict[Place, ClosingSums] = field(default_factory=dict)
    returned: dict[date, int] = field(default_factory=dict)

    def merge(self, part: WindowSums) -> None:
        """Add another part's sums."""
        for place, sums in part.periods.items():
            if place in self.periods:
                self.periods[place].merge(sums)
            else:
                self.periods[place] = sums
        for day, minor in part.returned.items():
            self.returned[day] = self.returned.get(day, 0) + minor


class Window(NamedTuple):
    """[start_at, end_at) on the clocks of a zone."""

    start_at: datetime
    end_at: datetime
    zone: tzinfo

    def span(self, place: Place) -> Span:
        """The whole period."""
        return span_of(place.period, datetime.combine(place.first_day, datetime.min.time(), self.zone), self.zone)

    def holds(self, span: Span) -> bool:
        """Whether all of a period lies in the window."""
        return self.start_at <= span.start_at and span.end_at <= self.end_at


def closing_periods(compiled: CompiledPlan) -> list[Period]:
    """The periods whose end pays or adjusts something by this plan."""
    trued = true_up_period(compiled.plan)
    return sorted(set(reward_periods(compiled)) | ({trued} if trued else set()))


def reward_periods(compiled: CompiledPlan) -> list[Period]:
    """The periods whose end pays members or pools by this plan."""
    return sorted({rule.pays.period for rule in compiled.periodic if rule.pays.period})


def rewards_everybody(compiled: CompiledPlan, period: Period) -> bool:
    """Whether a pool of the period is shared without regard to sales, so that everybody may take part."""
    pools = [rule.pays for rule in compiled.periodic if rule.pays.period is period and rule.pays.to is Recipient.POOL]
    return any(pays.weight in (Weight.EQUAL, Weight.TIER) for pays in pools)


class WindowBook:
    """Adds up orders of a window for the closes of one plan."""

    def __init__(self, compiled: CompiledPlan, window: Window) -> None:
        self.compiled, self.window = compiled, window
        self.periods = reward_periods(compiled)
        self._books: dict[Place, PeriodBook] = {}
        self._spans: dict[tuple[Period, date], Span] = {}
        self._returned: dict[date, int] = {}
        self._by_payee = compiled.plan.caps.payee_period_minor is not None

    def add(self, order: PaidOrder, legal: LegalCeiling, backs: Sequence[Back] = ()) -> None:
        """One order paid in the window, and what ever came back of it."""
        shares: Sequence[Share] = self.compiled.decide(order, legal) if backs or self._by_payee else ()
        for period in self.periods:
            span = self._span(period, order.paid_at)
            book = self._book(period, span)
            book.sell(order, legal)
            if shares:
                self._count(book.sums, shares, returned_by(backs, min(span.end_at, self.window.end_at) + GRACE))
        if backs:
            self._give_back(order, legal, backs)
            self._count_returned(shares, backs)

    def add_earlier(self, order: PaidOrder, legal: LegalCeiling, backs: Sequence[Back]) -> None:
        """What came back in the window of an order that the same plan decided before it."""
        self._give_back(order, legal, backs)

    def take(self) -> WindowSums:
        """The sums of what was added."""
        return WindowSums({place: book.sums for place, book in self._books.items()}, self._returned)

    def _span(self, period: Period, at: datetime) -> Span:
        key = (period, at.astimezone(self.window.zone).date())
        found = self._spans.get(key)
        if found is None:
            found = self._spans[key] = span_of(period, at, self.window.zone)
        return found

    def _book(self, period: Period, span: Span) -> PeriodBook:
        place = Place(period, span.first_day)
        found = self._books.get(place)
        if found is None:
            found = self._books[place] = PeriodBook(self.compiled.plan, period)
        return found

    def _count(self, sums: ClosingSums, shares: Iterable[Share], back: Mapping[int, tuple[int, int]]) -> None:
        for share in shares:
            gone = part_back(share.amount_minor, *back.get(share.line_id, (0, 0)))
            sums.accrued -= gone
            if self._by_payee:
                sums.by_payee[share.payee_id] = sums.by_payee.get(share.payee_id, 0) + share.amount_minor - gone

    def _give_back(self, order: PaidOrder, legal: LegalCeiling, backs: Sequence[Back]) -> None:
        """To the period of the return; of one whose sale the window does not hold, nothing."""
        inside = [each for each in backs if self.window.start_at <= each.at < self.window.end_at]
        for period in self.periods:
            sold_in = self._span(period, order.paid_at)
            parts: dict[Span, list[Back]] = {}
            for each in inside:
                parts.setdefault(self._span(period, each.at), []).append(each)
            for span, back in parts.items():
                if span != sold_in or order.paid_at >= self.window.start_at:
                    for line_id, part in returned_by(back, None).items():
                        self._book(period, span).give_back(order, legal, {line_id: part})

    def _count_returned(self, shares: Sequence[Share], backs: Sequence[Back]) -> None:
        for number, each in enumerate(sorted(backs, key=lambda back: back.at)):
            before, after = (returned_by(some, None).get(each.line_id, (0, 0)) for some in (backs[:number], backs[: number + 1]))
            minor = sum(
                part_back(share.amount_minor, *after) - part_back(share.amount_minor, *before)
                for share in shares
                if share.line_id == each.line_id
            )
            day = each.at.astimezone(self.window.zone).date()
            self._returned[day] = self._returned.get(day, 0) + minor


def returned_by(backs: Iterable[Back], until: datetime | None) -> dict[int, tuple[int, int]]:
    """Line → (refund, of how much), of what came back before a moment."""
    found: dict[int, tuple[int, int]] = {}
    for each in backs:
        if until is None or each.at < until:
            refund, of = found.get(each.line_id, (0, 0))
            found[each.line_id] = (refund + each.refund_minor, max(of, each.of_minor))
    return found


@dataclass(slots=True)
class TruedUp:
    """What one period's close changed of its orders.

    `paid`: (rule, payee, tier, depth, day it is released on) → minor, before returns; `by_day` (of payment) and `by_payee`: the
    same less what went back.
    """

    paid: dict[tuple[str, int, str, int, date | None], int] = field(default_factory=dict)
    by_day: dict[date, int] = field(default_factory=dict)
    by_payee: dict[int, int] = field(default_factory=dict)


class Closed(NamedTuple):
    """A period of the window, decided. `released_on`: when the rewards' hold ends; `tiers`: of everybody who could take part."""

    place: Place
    end_day: date
    released_on: date
    rewards: tuple[Reward, ...]
    tiers: Mapping[int, str]


class WindowClosing:
    """Closes the periods of a window one after the other, each knowing what the closes before it paid."""

    def __init__(
        self,
        compiled: CompiledPlan,
        window: Window,
        sums: WindowSums,
        paid_by_day: Mapping[date, int],
        trued: Mapping[Place, TruedUp],
    ) -> None:
        """`paid_by_day`: what the orders of each day pay by this plan, before returns."""
        self.compiled, self.window, self.sums = compiled, window, sums
        self._paid, self._trued = paid_by_day, trued
        self._closed: list[tuple[Period, Span, int]] = []

    def places(self) -> list[Place]:
        """The periods with orders in the order in which they close: those that end together by the name of the period."""
        return sorted(self.sums.periods, key=lambda place: (self.window.span(place).end_day, place.period))

    def payees(self, place: Place) -> list[int]:
        """Who sold in the period, he or his team."""
        rules = self.sums.periods[place].rules.values()
        return sorted({payee_id for sales in rules for payee_id in (*sales.personal, *sales.team)})

    def close(self, place: Place, members: Sequence[Member]) -> Closed:
        """Decide the next of `places`. `members`: who may take part, as they stood at its end."""
        span, plan = self.window.span(place), self.compiled.plan
        sums = self.sums.periods[place]
        sums.accrued += sum(minor for day, minor in self._paid.items() if span.first_day <= day < span.end_day)
        for at, trued in self._trued.items():
            closes = self.window.span(at)
            if (closes.end_day, at.period) <= (span.end_day, place.period):
                sums.accrued += sum(minor for day, minor in trued.by_day.items() if span.first_day <= day < span.end_day)
                if plan.caps.payee_period_minor is not None and span.holds(closes):
                    for payee_id, minor in trued.by_payee.items():
                        sums.by_payee[payee_id] = sums.by_payee.get(payee_id, 0) + minor
        sums.accrued += sum(minor for period, each, minor in self._closed if period is not place.period and span.holds(each))
        if plan.caps.budget_minor is not None:
            spent = self._spent_until(span) if plan.caps.budget_is_total else sums.accrued
            sums.budget_left = max(plan.caps.budget_minor - spent, 0)
        decision = decide_closing(plan, place.period, sums, members)
        self._closed.append((place.period, span, sum(each.amount_minor for each in decision.rewards)))
        released = (span.end_at.astimezone(UTC) + timedelta(days=plan.hold_days)).astimezone(self.window.zone).date()
        tiers = {member.distributor_id: member.tier for member in members}
        return Closed(place, span.end_day, released, decision.rewards, tiers)

    def _spent_until(self, span: Span) -> int:
        """All that the plan paid since the window began, less what went back, at the end of a period."""
        days = [minor for day, minor in self._paid.items() if day < span.end_day]
        back = [minor for day, minor in self.sums.returned.items() if day < span.end_day]
        trued = [
            minor
            for place, each in self._trued.items()
            if self.window.span(place).end_day <= span.end_day
            for minor in each.by_day.values()
        ]
        return sum(days) - sum(back) + sum(trued) + sum(minor for _, _, minor in self._closed)
