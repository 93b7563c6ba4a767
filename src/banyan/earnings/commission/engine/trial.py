"""A whole period tried: its orders decided as they come, then the close. What a preview shows and the worked tables run."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, tzinfo
from typing import NamedTuple

from banyan.earnings.commission.types import ClosingDecision, LegalCeiling, Member, PaidOrder, Period, Share

from .clawback import part_back
from .closing import ClosingSums, PeriodBook, decide_closing
from .compiled import CompiledPlan
from .periods import Span, holds, span_of
from .running import RunningSales, RunningSpent
from .true_up import Difference, FigureBook, compile_for_closing, differences, true_up_period
from .window import closing_periods


class Sold(NamedTuple):
    """An order of the period, and what of it came back before the close: line → (refund, of how much)."""

    order: PaidOrder
    legal: LegalCeiling
    returned: Mapping[int, tuple[int, int]]


class Adjustment(NamedTuple):
    """What the close changed of one order's share; `booked_minor`: what is really booked, less the part that was returned."""

    order_id: int
    difference: Difference
    booked_minor: int


class Earlier(NamedTuple):
    """The close of a shorter period that ended within the one tried, or with it."""

    period: Period
    first_day: date
    closing: ClosingDecision


class PeriodTrial(NamedTuple):
    shares: tuple[tuple[int, tuple[Share, ...]], ...]
    """(order, its shares as they were accrued), in the order of payment."""
    adjustments: tuple[Adjustment, ...]
    closing: ClosingDecision
    earlier: tuple[Earlier, ...] = ()


def try_period(
    compiled: CompiledPlan, period: Period, sales: Sequence[Sold], members: Sequence[Member], zone: tzinfo
) -> PeriodTrial:
    """Decide the orders in the order of payment, each with the figures of those before it, then close the period.

    Shorter periods that lie in it are closed on the way, as they end: what they pay and adjust is no longer there for this one.
    What came back of an order came back in the same shorter period.
    """
    trial = _Trial(compiled, members, zone)
    waiting = deque(sorted(sales, key=lambda sold: (sold.order.paid_at, sold.order.order_id)))
    for span, shorter in _shorter_closes(compiled, period, waiting, zone):
        while waiting and waiting[0].order.paid_at < span.end_at:
            trial.sell(waiting.popleft())
        trial.close(shorter, span)
    while waiting:
        trial.sell(waiting.popleft())
    closing = trial.close(period, None)
    return PeriodTrial(
        tuple((each.order.order_id, tuple(each.shares)) for each in trial.decided),
        tuple(trial.adjustments),
        closing,
        tuple(Earlier(shorter, span.first_day, decision) for shorter, span, decision in trial.earlier),
    )


def _shorter_closes(compiled: CompiledPlan, period: Period, sales: Iterable[Sold], zone: tzinfo) -> list[tuple[Span, Period]]:
    """The shorter periods that these orders lie in, in the order in which they close."""
    shorter = [each for each in closing_periods(compiled) if each is not period and holds(period, each)]
    places = {(span_of(each, sold.order.paid_at, zone), each) for sold in sales for each in shorter}
    return sorted(places, key=lambda place: (place[0].end_day, place[1]))


class _Decided(NamedTuple):
    sold: Sold
    order: PaidOrder
    shares: list[Share]


class _Trial:
    """What was decided so far, order by order and close by close."""

    def __init__(self, compiled: CompiledPlan, members: Sequence[Member], zone: tzinfo) -> None:
        self.compiled, self.members = compiled, members
        self.decided: list[_Decided] = []
        self.adjustments: list[Adjustment] = []
        self.earlier: list[tuple[Period, Span, ClosingDecision]] = []
        self._running, self._spent = RunningSales(zone), RunningSpent(zone)

    def sell(self, sold: Sold) -> None:
        """As a real order takes its turn: it sees what those before it sold and were paid. An order that says itself what was
        spent before it is taken at its word."""
        order = self._running.with_figures(sold.order, self.compiled.needs.figures)
        if order.facts is None or order.facts.spent is None:
            order = self._spent.with_spent(order, 0, self.compiled)
        shares = self.compiled.decide(order, sold.legal)
        self._running.add(order)
        self._spent.add(order, 0, self.compiled, shares)
        self.decided.append(_Decided(sold, order, shares))

    def close(self, period: Period, span: Span | None) -> ClosingDecision:
        """Close a shorter period, or without a span the whole one."""
        mine = [each for each in self.decided if span is None or span.start_at <= each.order.paid_at < span.end_at]
        for each, adjustment in _adjust(self.compiled, period, mine):
            self.adjustments.append(adjustment)
            booked = adjustment.difference.share._replace(amount_minor=adjustment.booked_minor)
            self._spent.add(each.order, 0, self.compiled, [booked])
        closing = decide_closing(self.compiled.plan, period, self._sums(period, span, mine), self.members)
        if span is not None:
            self.earlier.append((period, span, closing))
            self._spent.reward(0, self.compiled, _paid_by(closing))
        return closing

    def _sums(self, period: Period, span: Span | None, mine: Sequence[_Decided]) -> ClosingSums:
        book, caps = PeriodBook(self.compiled.plan, period), self.compiled.plan.caps
        for sold, order, shares in mine:
            net = self._net(sold, order.order_id, shares)
            book.sell(order, sold.legal, sum(net.values()))
            book.give_back(order, sold.legal, sold.returned)
            for payee_id, minor in net.items():
                book.sums.by_payee[payee_id] = book.sums.by_payee.get(payee_id, 0) + minor
        book.sums.accrued += sum(_paid_by(closing) for _, within, closing in self.earlier if span is None or span.holds(within))
        if caps.budget_minor is not None:
            spent = self._spent_ever() if caps.budget_is_total else book.sums.accrued
            book.sums.budget_left = max(caps.budget_minor - spent, 0)
        return book.sums

    def _net(self, sold: Sold, order_id: int, shares: Sequence[Share]) -> dict[int, int]:
        """What each payee has of an order by now."""
        net: dict[int, int] = {}
        for share in shares:
            minor = share.amount_minor - part_back(share.amount_minor, *sold.returned.get(share.line_id, (0, 0)))
            net[share.payee_id] = net.get(share.payee_id, 0) + minor
        for each in self.adjustments:
            if each.order_id == order_id:
                payee_id = each.difference.share.payee_id
                net[payee_id] = net.get(payee_id, 0) + each.booked_minor
        return net

    def _spent_ever(self) -> int:
        orders = sum(sum(self._net(sold, order.order_id, shares).values()) for sold, order, shares in self.decided)
        return orders + sum(_paid_by(closing) for _, _, closing in self.earlier)


def _paid_by(closing: ClosingDecision) -> int:
    return sum(each.amount_minor for each in closing.rewards)


def _adjust(compiled: CompiledPlan, period: Period, mine: Sequence[_Decided]) -> Iterator[tuple[_Decided, Adjustment]]:
    if true_up_period(compiled.plan) is not period:
        return
    at_close = compile_for_closing(compiled.plan)
    figures = FigureBook(compiled.plan)
    for sold, order, _ in mine:
        figures.count(order, sold.returned)
    for each in mine:
        sold, order, shares = each
        for change in differences(shares, at_close.decide(figures.close(order), sold.legal)):
            yield each, Adjustment(order.order_id, change, change.booked_minor(sold.returned))
