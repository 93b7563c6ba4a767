"""Periods partition time in every zone; golden tables over daylight saving and month-ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banyan.earnings.settlement.engine.periods import latest_closed, period_containing
from banyan.earnings.settlement.types import Cycle, Rhythm

ZONES = [
    "Asia/Shanghai",
    "Europe/London",
    "America/New_York",
    "America/Sao_Paulo",  # skipped midnight until 2018
    "America/Havana",  # repeats midnight
    "America/St_Johns",  # changed at 00:01, so 23:01–24:00 came twice after midnight
    "America/Toronto",  # 1919: 23:30 → 00:30
    "Pacific/Apia",  # a whole day skipped
    "Australia/Lord_Howe",  # half-hour daylight saving
    "Asia/Beirut",
    "Africa/Cairo",
]
rhythms = st.builds(Rhythm, st.sampled_from(Cycle), st.integers(0, 6), st.integers(1, 31))
instants = st.datetimes(datetime(1915, 1, 1), datetime(2045, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@given(rhythms, st.sampled_from(ZONES), instants)
def test_periods_contain_their_instant_and_meet(rhythm: Rhythm, zone_name: str, at: datetime) -> None:
    zone = ZoneInfo(zone_name)
    period = period_containing(rhythm, zone, at)
    assert period.start_at <= at < period.end_at
    following = period_containing(rhythm, zone, period.end_at)
    assert following.start_at == period.end_at
    closed = latest_closed(rhythm, zone, at)
    assert closed.end_at == period.start_at
    assert latest_closed(rhythm, zone, period.end_at) == period


@given(rhythms, st.sampled_from(ZONES), instants, st.integers(-36 * 60, 36 * 60))
def test_two_instants_agree_on_the_boundary_between_them(rhythm: Rhythm, zone_name: str, at: datetime, minutes: int) -> None:
    zone = ZoneInfo(zone_name)
    first, second = sorted((at, at + timedelta(minutes=minutes)))
    one, two = period_containing(rhythm, zone, first), period_containing(rhythm, zone, second)
    assert one == two or one.end_at <= two.start_at


GOLDEN = [
    # (rhythm, zone, at, start, end)
    (Rhythm(Cycle.DAILY), "Asia/Shanghai", "2026-03-01T15:59:59", "2026-02-28T16:00", "2026-03-01T16:00"),
    (Rhythm(Cycle.DAILY), "Asia/Shanghai", "2026-03-01T16:00:00", "2026-03-01T16:00", "2026-03-02T16:00"),
    (Rhythm(Cycle.DAILY), "America/New_York", "2026-03-08T12:00", "2026-03-08T05:00", "2026-03-09T04:00"),  # 23 hours
    (Rhythm(Cycle.DAILY), "America/New_York", "2026-11-01T12:00", "2026-11-01T04:00", "2026-11-02T05:00"),  # 25 hours
    (Rhythm(Cycle.DAILY), "America/Sao_Paulo", "2018-11-04T12:00", "2018-11-04T03:00", "2018-11-05T02:00"),  # no 00:00
    (Rhythm(Cycle.DAILY), "America/Havana", "2026-11-01T12:00", "2026-11-01T04:00", "2026-11-02T05:00"),  # 00:00 twice
    (Rhythm(Cycle.DAILY), "America/St_Johns", "2010-11-07T03:00", "2010-11-07T02:30", "2010-11-08T03:30"),  # reads 23:30 again
    (Rhythm(Cycle.DAILY), "Pacific/Apia", "2011-12-30T10:00", "2011-12-30T10:00", "2011-12-31T10:00"),  # no 30 December
    (Rhythm(Cycle.WEEKLY, weekday=0), "Europe/London", "2026-03-29T12:00", "2026-03-23T00:00", "2026-03-29T23:00"),
    (Rhythm(Cycle.WEEKLY, weekday=4), "Asia/Shanghai", "2026-03-05T12:00", "2026-02-26T16:00", "2026-03-05T16:00"),
    (Rhythm(Cycle.MONTHLY), "Europe/London", "2026-03-31T22:59:59", "2026-03-01T00:00", "2026-03-31T23:00"),
    (Rhythm(Cycle.MONTHLY), "Europe/London", "2026-03-31T23:00", "2026-03-31T23:00", "2026-04-30T23:00"),
    (Rhythm(Cycle.MONTHLY, month_day=31), "Asia/Shanghai", "2026-02-28T00:00", "2026-02-27T16:00", "2026-03-30T16:00"),
    (Rhythm(Cycle.MONTHLY, month_day=31), "Asia/Shanghai", "2024-02-28T17:00", "2024-02-28T16:00", "2024-03-30T16:00"),
    (Rhythm(Cycle.MONTHLY, month_day=15), "Asia/Shanghai", "2026-01-10T00:00", "2025-12-14T16:00", "2026-01-14T16:00"),
    (Rhythm(Cycle.MONTHLY, month_day=1), "Asia/Shanghai", "2026-12-31T16:00", "2026-12-31T16:00", "2027-01-31T16:00"),
]


@pytest.mark.parametrize(("rhythm", "zone", "at", "start", "end"), GOLDEN)
def test_golden_periods(rhythm: Rhythm, zone: str, at: str, start: str, end: str) -> None:
    period = period_containing(rhythm, ZoneInfo(zone), datetime.fromisoformat(at).replace(tzinfo=UTC))
    expected = (datetime.fromisoformat(start).replace(tzinfo=UTC), datetime.fromisoformat(end).replace(tzinfo=UTC))
    assert (period.start_at, period.end_at) == expected
