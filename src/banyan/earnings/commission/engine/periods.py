"""Calendar periods in the tenant's time zone, half-open. Weeks begin on Monday."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from banyan.earnings.commission.types import Period

GRACE = timedelta(hours=1)
"""How long after its end a period stays open for payments that are told late."""


class Span(NamedTuple):
    """[start_at, end_at), and its first and last day on the tenant's calendar."""

    start_at: datetime
    end_at: datetime
    first_day: date
    end_day: date
    """The day after the last."""

    def holds(self, inner: Span) -> bool:
        """Whether all days of `inner` are among its own."""
        return self.first_day <= inner.first_day and inner.end_day <= self.end_day


def span_of(period: Period, at: datetime, zone: tzinfo) -> Span:
    """The period that `at` lies in."""
    first = first_day_of(period, at.astimezone(zone).date())
    end = _next(period, first)
    return Span(_midnight(first, zone), _midnight(end, zone), first, end)


def first_day_of(period: Period, day: date) -> date:
    """The first day of the period that `day` lies in."""
    match period:
        case Period.DAY:
            return day
        case Period.WEEK:
            return day - timedelta(days=day.weekday())
        case Period.MONTH:
            return day.replace(day=1)
        case Period.QUARTER:
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case Period.YEAR:
            return day.replace(month=1, day=1)


def holds(outer: Period, inner: Period) -> bool:
    """Whether each `inner` period lies in one `outer` one. Weeks lie in weeks only."""
    if outer is inner or inner is Period.DAY:
        return True
    return Period.WEEK not in (outer, inner) and _LONGEST[inner] < _LONGEST[outer]


_LONGEST = {Period.DAY: 1, Period.WEEK: 7, Period.MONTH: 31, Period.QUARTER: 92, Period.YEAR: 366}


def _next(period: Period, first: date) -> date:
    return first_day_of(period, first + timedelta(days=_LONGEST[period]))


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone)
