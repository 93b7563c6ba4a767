"""Which state follows from what a channel says. Pure; the whole table of payouts is here."""

from __future__ import annotations

from dataclasses import dataclass

from banyan.treasury.ledger.types import EntryKind
from banyan.treasury.payouts.types import ChannelPayoutState, PayoutState, RecordResult

OPEN = frozenset(
    {
        PayoutState.REQUESTED,
        PayoutState.SUBMITTING,
        PayoutState.PROCESSING,
        PayoutState.AWAITING_CONFIRMATION,
        PayoutState.UNKNOWN,
    }
)
"""Nothing is decided yet: the amount is in payout_clearing."""

UNPAID = frozenset({PayoutState.FAILED, PayoutState.EXPIRED, PayoutState.CANCELLED})
"""Ended without payment: the amount is available again."""

_RUNNING = (ChannelPayoutState.PROCESSING, ChannelPayoutState.AWAITING_CONFIRMATION)


@dataclass(frozen=True, slots=True)
class Step:
    """What to do: the state afterwards, the outcome, and the ledger entries to post, in order."""

    state: PayoutState
    result: RecordResult
    entries: tuple[EntryKind, ...] = ()


def decide(state: PayoutState, told: ChannelPayoutState, is_older: bool = False) -> Step:
    """The step from `state` when the channel says `told`. `is_older`: it speaks of an earlier moment than we know of.

    More final states win whatever the order of arrival. The one way out of a final state is completed → returned; where
    `returned` arrives first, both entries are posted, so that every order ends alike. Completed against unpaid, either way
    round, is a contradiction for a person. Raises ValueError for `not_found`, which says nothing about a state.
    """
    if told is ChannelPayoutState.NOT_FOUND:
        raise ValueError("not_found is not a state")
    target = PayoutState(told.value)
    if state is target:
        return Step(state, RecordResult.REPEATED)
    if told in _RUNNING:
        if state not in OPEN or is_older:
            return Step(state, RecordResult.OUTDATED)
        return Step(target, RecordResult.RECORDED)
    if told is ChannelPayoutState.RETURNED:
        if state is PayoutState.COMPLETED:
            return Step(target, RecordResult.RECORDED, (EntryKind.PAYOUT_RETURNED,))
        if state in OPEN:
            return Step(target, RecordResult.RECORDED, (EntryKind.PAYOUT_COMPLETED, EntryKind.PAYOUT_RETURNED))
        return Step(state, RecordResult.OUTDATED)
    if state in OPEN:
        kind = EntryKind.PAYOUT_COMPLETED if told is ChannelPayoutState.COMPLETED else EntryKind.PAYOUT_FAILED
        return Step(target, RecordResult.RECORDED, (kind,))
    if state is PayoutState.RETURNED or (state in UNPAID and target in UNPAID):
        return Step(state, RecordResult.OUTDATED)
    return Step(state, RecordResult.CONTRADICTION)
