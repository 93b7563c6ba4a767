"""Which period of a distributor ends next, and what is settled with it: pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from banyan.earnings.settlement.engine.drafting import draft
from banyan.earnings.settlement.engine.periods import period_containing
from banyan.earnings.settlement.types import Draft, Item, Period, PolicyTerms, Rhythm, SourceKind


@dataclass(frozen=True)
class Opening:
    """What opening does for one distributor: a draft with its period, or nothing yet; and when to look again."""

    period: Period | None
    draft: Draft | None
    due_at: datetime | None
    settled_until: datetime | None


def next_end(items: Iterable[Item], settled_until: datetime | None, rhythm: Rhythm, zone: ZoneInfo) -> Period | None:
    """The first unsettled period in which something new happened; None when nothing did. What arrives late for a settled
    period belongs to the next one. An amount that was only carried is nothing new."""
    moments = [item.occurred_at for item in items if item.source_kind is not SourceKind.CARRIED]
    if not moments:
        return None
    begin = min(moments)
    if settled_until is None or settled_until <= begin:
        period = period_containing(rhythm, zone, begin)
    else:
        period = period_containing(rhythm, zone, settled_until)
    # After a change of rhythm the new period may have begun before the end of the latest settled one.
    start_at = period.start_at if settled_until is None else max(period.start_at, settled_until)
    return Period(start_at, period.end_at)


def plan_opening(
    items: Sequence[Item], settled_until: datetime | None, terms: PolicyTerms, zone: ZoneInfo, at: datetime, frozen: bool
) -> Opening:
    """Settle the earliest period that has ended at `at`; called again, it settles the next one."""
    period = next_end(items, settled_until, terms.rhythm, zone)
    if period is None or period.end_at > at:
        return Opening(None, None, period.end_at if period else None, settled_until)
    decided = draft(items, period, terms, frozen)
    taken = {item.item_id for item in decided.items} if decided else set()
    following = next_end([item for item in items if item.item_id not in taken], period.end_at, terms.rhythm, zone)
    return Opening(period, decided, following.end_at if following else None, period.end_at)
