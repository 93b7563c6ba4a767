"""A whole period tried: its orders decided as they come, then the close. What a preview shows and the worked tables run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import NamedTuple

from banyan.earnings.commission.types import ClosingDecision, LegalCeiling, Member, PaidOrder, Period, Share
from banyan.kernel.values.money import cumulative_share

from .closing import PeriodBook, decide_closing
from .compiled import CompiledPlan
from .running import RunningSales, RunningSpent
from .true_up import Difference, FigureBook, compile_for_closing, differences, true_up_period


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


class PeriodTrial(NamedTuple):
    shares: tuple[tuple[int, tuple[Share, ...]], ...]
    """(order, its shares as they were accrued), in the order of payment."""
    adjustments: tuple[Adjustment, ...]
    closing: ClosingDecision


def try_period(
    compiled: CompiledPlan, period: Period, sales: Sequence[Sold], members: Sequence[Member], zone: tzinfo
) -> PeriodTrial:
    """Decide the orders in the order of payment, each with the figures of those before it, then close the period."""
    sales = sorted(sales, key=lambda sold: (sold.order.paid_at, sold.order.order_id))
    decided = _live(compiled, sales, zone)
    orders = [order for order, _ in decided]
    adjustments = _adjust(compiled, period, decided, sales)
    book = PeriodBook(compiled.plan, period)
    for sold, (order, shares) in zip(sales, decided, strict=True):
        raised = sum(each.booked_minor for each in adjustments if each.order_id == order.order_id)
        kept = {share: share.amount_minor - _back(share, share.amount_minor, sold.returned) for share in shares}
        book.sell(order, sold.legal, sum(kept.values()) + raised)
        book.give_back(order, sold.legal, sold.returned)
        for share, minor in kept.items():
            book.sums.by_payee[share.payee_id] = book.sums.by_payee.get(share.payee_id, 0) + minor
    for each in adjustments:
        payee_id = each.difference.share.payee_id
        book.sums.by_payee[payee_id] = book.sums.by_payee.get(payee_id, 0) + each.booked_minor
    if compiled.plan.caps.budget_minor is not None:
        book.sums.budget_left = max(compiled.plan.caps.budget_minor - book.sums.accrued, 0)
    closing = decide_closing(compiled.plan, period, book.sums, members)
    return PeriodTrial(
        tuple((order.order_id, tuple(shares)) for order, (_, shares) in zip(orders, decided, strict=True)),
        tuple(adjustments),
        closing,
    )


def _live(compiled: CompiledPlan, sales: Sequence[Sold], zone: tzinfo) -> list[tuple[PaidOrder, list[Share]]]:
    """As real orders take their turns: each sees what those before it sold and were paid. An order that says itself what was
    spent before it is taken at its word."""
    running, spent = RunningSales(zone), RunningSpent(zone)
    decided = []
    for sold in sales:
        order = running.with_figures(sold.order, compiled.needs.figures)
        if order.facts is None or order.facts.spent is None:
            order = spent.with_spent(order, 0, compiled)
        shares = compiled.decide(order, sold.legal)
        running.add(order)
        spent.add(order, 0, compiled, shares)
        decided.append((order, shares))
    return decided


def _adjust(
    compiled: CompiledPlan, period: Period, decided: Sequence[tuple[PaidOrder, list[Share]]], sales: Sequence[Sold]
) -> list[Adjustment]:
    if true_up_period(compiled.plan) is not period:
        return []
    at_close = compile_for_closing(compiled.plan)
    figures = FigureBook(compiled.plan)
    for (order, _), sold in zip(decided, sales, strict=True):
        figures.count(order, sold.returned)
    found = []
    for (order, shares), sold in zip(decided, sales, strict=True):
        for change in differences(shares, at_close.decide(figures.close(order), sold.legal)):
            after, was = change.after_minor, change.before_minor
            if after > was:  # what is added is a commission of its own, of which its own part goes back
                booked = _net(change.share, after - was, sold.returned)
            else:
                booked = _net(change.share, after, sold.returned) - _net(change.share, was, sold.returned)
            found.append(Adjustment(order.order_id, change, booked))
    return found


def _net(share: Share, minor: int, returned: Mapping[int, tuple[int, int]]) -> int:
    return minor - _back(share, minor, returned)


def _back(share: Share, minor: int, returned: Mapping[int, tuple[int, int]]) -> int:
    refund, of = returned.get(share.line_id, (0, 0))
    return cumulative_share(minor, min(refund, of), of)
