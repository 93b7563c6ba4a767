"""A window of orders closes as a single period does, whatever parts its orders are counted in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from banyan.earnings.commission.engine import CompiledPlan, compile_plan, parse_plan
from banyan.earnings.commission.engine.running import RunningSales, RunningSpent
from banyan.earnings.commission.engine.trial import Sold, try_period
from banyan.earnings.commission.engine.window import Back, Window, WindowBook, WindowClosing, WindowSums
from banyan.earnings.commission.engine.window_true_up import WindowOrder, true_up_window
from banyan.earnings.commission.tests.strategies import NOON
from banyan.earnings.commission.tests.test_closing_properties import many, periods
from banyan.earnings.commission.types import LegalCeiling, Member, PaidLine, PaidOrder, Period, Place, Plan

SHANGHAI = ZoneInfo("Asia/Shanghai")
FREE = LegalCeiling("none", 9, None)
FIRST = NOON.replace(day=1, hour=0)
MONTH = Window(FIRST, (FIRST + timedelta(days=32)).replace(day=1), UTC)
PLACE = Place(Period.MONTH, FIRST.date())


def _frozen(compiled: CompiledPlan, orders: Sequence[Sold]) -> list[WindowOrder]:
    """The orders as live turns freeze them: each with the figures of those before it and what was spent by then."""
    sales, spent, found = RunningSales(UTC), RunningSpent(UTC), []
    for sold in orders:
        order = spent.with_spent(sales.with_figures(sold.order, compiled.needs.figures), 0, compiled)
        sales.add(order)
        spent.add(order, 0, compiled, compiled.decide(order, sold.legal))
        backs = (Back(line, order.paid_at + timedelta(minutes=5), refund, of) for line, (refund, of) in sold.returned.items())
        found.append(WindowOrder(order, sold.legal, tuple(backs)))
    return found


@many
@given(periods(), st.none() | st.integers(0, 3_000), st.lists(st.integers(0, 2), min_size=5, max_size=5))
def test_a_window_in_parts_closes_as_the_whole_period_does(
    period: tuple[Plan, list[Sold], list[Member]], payee_cap: int | None, part_of: list[int]
) -> None:
    plan, orders, members = period
    compiled = compile_plan(replace(plan, caps=replace(plan.caps, payee_period_minor=payee_cap)))
    trial = try_period(compiled, Period.MONTH, orders, members, UTC)
    frozen, sums = _frozen(compiled, orders), WindowSums()
    for part in range(3):
        book = WindowBook(compiled, MONTH)
        for each, place in zip(frozen, part_of, strict=False):
            if place == part:
                book.add(each.order, each.legal, each.backs)
        sums.merge(book.take())
    paid = {NOON.date(): sum(share.amount_minor for _, shares in trial.shares for share in shares)}
    trued = true_up_window(compiled, MONTH, PLACE, lambda: frozen)
    closing = WindowClosing(compiled, MONTH, sums, paid, {PLACE: trued})
    assert closing.places() == [PLACE]
    assert closing.close(PLACE, members).rewards == trial.closing.rewards
    changes = [each.difference for each in trial.adjustments]
    assert sum(trued.paid.values()) == sum(each.after_minor - each.before_minor for each in changes)
    assert sum(trued.by_day.values()) == sum(each.booked_minor for each in trial.adjustments)


def _order(number: int, at: datetime) -> PaidOrder:
    return PaidOrder(number, at, (PaidLine(number, 10_000, 1, 1, (1,), (), None),), (Member(1, 0, "gold", "active"),))


def test_periods_are_those_of_the_shops_calendar_and_shorter_ones_count_within_longer() -> None:
    """17:00 UTC of the latest day of March is April in Shanghai. 8 % a day and 8 % a month within 10 % in all."""
    rules = [
        {"key": period, "pays": {"to": "member", "period": period}, "amount": {"kind": "rate", "rate_bp": 800}}
        for period in ("day", "month")
    ]
    document = {"format": 1, "title": "T", "unqualified": "breakage", "hold_days": 7, "caps": {"total_bp": 1000}, "rules": rules}
    compiled = compile_plan(parse_plan(document))
    window = Window(datetime(2026, 3, 10, tzinfo=SHANGHAI), datetime(2026, 5, 1, tzinfo=SHANGHAI), SHANGHAI)
    book = WindowBook(compiled, window)
    for number, at in enumerate((datetime(2026, 3, 31, 15, tzinfo=UTC), datetime(2026, 3, 31, 17, tzinfo=UTC)), start=1):
        book.add(_order(number, at), FREE)
    closing = WindowClosing(compiled, window, book.take(), {}, {})
    places = closing.places()
    assert [(place.period.value, place.first_day) for place in places] == [
        ("day", date(2026, 3, 31)), ("month", date(2026, 3, 1)), ("day", date(2026, 4, 1)), ("month", date(2026, 4, 1)),
    ]  # fmt: skip
    closed = [closing.close(place, [Member(1, 0, "gold", "active")]) for place in places]
    assert [each.rewards[0].amount_minor for each in closed] == [800, 200, 800, 200]
    assert [each.end_day for each in closed] == [date(2026, 4, 1), date(2026, 4, 1), date(2026, 4, 2), date(2026, 5, 1)]
    assert [window.holds(window.span(place)) for place in places] == [True, False, True, True]
