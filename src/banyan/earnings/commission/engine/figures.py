"""Sales figures: what each order adds to whom, and what a payee's running period holds so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, tzinfo

from banyan.earnings.commission.types import Member, PaidOrder, Period

from .conditions import NO_FACTS
from .periods import first_day_of

Days = dict[tuple[int, date], list[int]]
"""(distributor, day of the tenant's calendar) → [personal, team] minor units."""


def sales_of(order: PaidOrder, zone: tzinfo) -> Iterable[tuple[tuple[int, date], int, int]]:
    """((distributor, day), personal, team) that one order adds: the seller's personal sales, everybody's team sales."""
    base = sum(line.base_minor for line in order.lines)
    day = order.paid_at.astimezone(zone).date()
    for member in order.upline:
        yield (member.distributor_id, day), base if member.depth == 0 else 0, base


def people_of(order: PaidOrder) -> list[Member]:
    """Everybody whom an order can pay."""
    facts = order.facts or NO_FACTS
    beside = [*facts.people, *(member for _, member in facts.partners)]
    return [*order.upline, *beside, *([facts.buyer] if facts.buyer is not None else [])]


def with_people(order: PaidOrder, change: Callable[[Member], Member]) -> PaidOrder:
    """The order with everybody whom it can pay changed."""
    facts = order.facts
    if facts is not None:
        facts = facts._replace(
            buyer=change(facts.buyer) if facts.buyer is not None else None,
            partners=tuple((scope, change(member)) for scope, member in facts.partners),
            people=tuple(change(member) for member in facts.people),
        )
    return order._replace(upline=tuple(change(member) for member in order.upline), facts=facts)


def figures_for(member: Member, names: Sequence[str], days: Days, by_person: Mapping[int, Iterable[date]], day: date) -> Member:
    """The member with his figures: the sums of his days in each period up to today."""
    figures = {}
    for name in names:
        first = first_day_of(period_of(name), day)
        mine = [each for each in by_person.get(member.distributor_id, ()) if first <= each <= day]
        figures[name] = sum(days[member.distributor_id, each]["_team_" in name] for each in mine)
    return member._replace(figures=figures)


def period_of(figure: str) -> Period:
    """The period of a figure: `month_sales_minor` is of the month."""
    return Period(figure.split("_", 1)[0])


def longest_start(names: Iterable[str], moments: Sequence[datetime], zone: tzinfo) -> date:
    """The first day that any of the figures looks back to."""
    earliest = min(moments).astimezone(zone).date()
    return min(first_day_of(period_of(name), earliest) for name in names)
