"""What becomes of a distributor's items at the end of a period: pure."""

from __future__ import annotations

from collections.abc import Iterable

from banyan.earnings.settlement.types import (
    CarryReason,
    Draft,
    Item,
    Lane,
    Period,
    PolicyTerms,
    SourceKind,
    StatementStatus,
)

FROZEN = "frozen"


def belongs(item: Item, period: Period) -> bool:
    """Whether an open item is settled with this period.

    What adds must have happened before the period's end. What takes is settled as soon as it is known: the reversal already
    left the available balance, so paying without it would pay money that is no longer there.
    """
    return item.occurred_at < period.end_at or item.amount_minor < 0


def draft(items: Iterable[Item], period: Period, terms: PolicyTerms, frozen: bool) -> Draft | None:
    """Decide the statement of one distributor and period; None when nothing new happened.

    Order of judgement: a sum that cannot be paid (negative, zero, below the minimum) is carried with its reason; a frozen
    distributor's statement is held, never lost; the reviewed lane and amounts at or above the review threshold wait for a
    person; the rest approves itself.
    """
    chosen = tuple(sorted((item for item in items if belongs(item, period)), key=lambda item: (item.occurred_at, item.item_id)))
    if all(item.source_kind is SourceKind.CARRIED for item in chosen):
        return None  # carrying the same amount again tells nobody anything
    amount_minor = sum(item.amount_minor for item in chosen)
    carried = carry_reason(amount_minor, terms)
    if carried is not None:
        return Draft(chosen, amount_minor, StatementStatus.CARRIED, carried)
    if frozen:
        return Draft(chosen, amount_minor, StatementStatus.HELD, FROZEN)
    if needs_review(amount_minor, terms):
        return Draft(chosen, amount_minor, StatementStatus.UNDER_REVIEW, "")
    return Draft(chosen, amount_minor, StatementStatus.APPROVED, "")


def carry_reason(amount_minor: int, terms: PolicyTerms) -> CarryReason | None:
    """Why this amount is not paid now; None when it is."""
    if amount_minor < 0:
        return CarryReason.NEGATIVE
    if amount_minor == 0:
        return CarryReason.NOTHING_DUE
    return CarryReason.BELOW_MINIMUM if amount_minor < terms.minimum_minor else None


def needs_review(amount_minor: int, terms: PolicyTerms) -> bool:
    """Whether a person must look: the lane says so, or the amount reaches the review or the four-eyes threshold."""
    thresholds = (terms.review_minor, terms.four_eyes_minor)
    return terms.lane is Lane.REVIEWED or any(limit is not None and amount_minor >= limit for limit in thresholds)


def needs_four_eyes(amount_minor: int, terms: PolicyTerms) -> bool:
    """Whether two different persons must approve."""
    return terms.four_eyes_minor is not None and amount_minor >= terms.four_eyes_minor
