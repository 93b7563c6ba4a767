"""Settlement periods: pure calendar arithmetic in the tenant's time zone.

A boundary is a local midnight. Where daylight saving skips midnight, the boundary is the instant of the change; where it
repeats, the first of the two. Whatever the zone does, consecutive periods meet without a gap and never overlap.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from banyan.earnings.settlement.types import Cycle, Period, Rhythm


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The UTC instant at which the local `day` begins."""
    # fold=0 picks the first of two midnights; for a skipped one it applies the offset before the change, which gives
    # exactly the instant of the change.
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def _month_boundary(year: int, month: int, month_day: int) -> date:
    return date(year, month, min(month_day, monthrange(year, month)[1]))


def _previous_boundary(day: date, rhythm: Rhythm) -> date:
    """The latest boundary on or before the local `day`."""
    if rhythm.cycle is Cycle.DAILY:
        return day
    if rhythm.cycle is Cycle.WEEKLY:
        return day - timedelta(days=(day.weekday() - rhythm.weekday) % 7)
    boundary = _month_boundary(day.year, day.month, rhythm.month_day)
    if boundary <= day:
        return boundary
    year, month = (day.year, day.month - 1) if day.month > 1 else (day.year - 1, 12)
    return _month_boundary(year, month, rhythm.month_day)


def _next_boundary(boundary: date, rhythm: Rhythm) -> date:
    """The first boundary after `boundary`, which is one itself."""
    if rhythm.cycle is Cycle.DAILY:
        return boundary + timedelta(days=1)
    if rhythm.cycle is Cycle.WEEKLY:
        return boundary + timedelta(days=7)
    year, month = (boundary.year, boundary.month + 1) if boundary.month < 12 else (boundary.year + 1, 1)
    return _month_boundary(year, month, rhythm.month_day)


def period_containing(rhythm: Rhythm, zone: ZoneInfo, at: datetime) -> Period:
    """The period with `start_at` ≤ `at` < `end_at`."""
    boundary = _previous_boundary(at.astimezone(zone).date(), rhythm)
    if midnight(boundary, zone) > at:
        # The clock jumped from before midnight to after it (23:30 → 00:30): the local date has begun, its boundary has not.
        boundary = _previous_boundary(boundary - timedelta(days=1), rhythm)
    following = _next_boundary(boundary, rhythm)
    if midnight(following, zone) <= at:
        # The clock went back over midnight (00:01 → 23:01): it reads yesterday, but the new period has begun.
        boundary, following = following, _next_boundary(following, rhythm)
    return Period(midnight(boundary, zone), midnight(following, zone))


def latest_closed(rhythm: Rhythm, zone: ZoneInfo, at: datetime) -> Period:
    """The latest period that has ended at `at` (its `end_at` ≤ `at`)."""
    current = period_containing(rhythm, zone, at)
    return period_containing(rhythm, zone, current.start_at - timedelta(microseconds=1))
