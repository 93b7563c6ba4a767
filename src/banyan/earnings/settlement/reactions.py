"""What settlement hears from below."""

from __future__ import annotations

from banyan.earnings.commission.events import CommissionReleased, CommissionReversed
from banyan.earnings.settlement import commands
from banyan.earnings.settlement.types import NewItem, PayoutEnd, SourceKind
from banyan.kernel import events
from banyan.people.distributors.events import DistributorFrozen, DistributorUnfrozen, TierChanged
from banyan.treasury.payouts.events import PayoutCompleted, PayoutFailed, PayoutReturned


@events.reaction("settlement.take_in", on=(CommissionReleased, CommissionReversed))
def take_in(happened: list[CommissionReleased | CommissionReversed]) -> None:
    """Released commissions, and reversals of released ones, are to be settled. (Before the release nothing was owed yet.)"""
    items: list[NewItem] = []
    reversed_payees: set[int] = set()
    for event in happened:
        if isinstance(event, CommissionReleased):
            items.extend(
                NewItem(payee_id, event.currency, SourceKind.COMMISSION_RELEASED, commission_id, amount_minor, event.occurred_at)
                for commission_id, payee_id, amount_minor in event.lines
            )
        elif event.after_release:
            for reversal_id, commission_id, payee_id, amount_minor in event.lines:
                kind = SourceKind.COMMISSION_REVERSED
                items.append(
                    NewItem(payee_id, event.currency, kind, reversal_id, -amount_minor, event.occurred_at, commission_id)
                )
                reversed_payees.add(payee_id)
    commands.take_in(items)
    if reversed_payees:
        commands.take_reversals(reversed_payees)


@events.reaction("settlement.follow_standing", on=(DistributorFrozen, DistributorUnfrozen))
def follow_standing(happened: list[DistributorFrozen | DistributorUnfrozen]) -> None:
    """Hold what a frozen distributor waits for; let it go on afterwards."""
    commands.follow_standing({event.distributor_id for event in happened})


@events.reaction("settlement.follow_tier", on=(TierChanged,))
def follow_tier(happened: list[TierChanged]) -> None:
    """Another tier may mean another policy."""
    commands.look_again({event.distributor_id for event in happened})


@events.reaction("settlement.record_payouts", on=(PayoutCompleted, PayoutFailed, PayoutReturned))
def record_payouts(happened: list[PayoutCompleted | PayoutFailed | PayoutReturned]) -> None:
    """A statement is paid, or its money came back. What a person took back is not paid again by itself."""
    commands.record_payouts(
        [
            PayoutEnd(event.payout_id, event.occurred_at)
            if isinstance(event, PayoutCompleted)
            else PayoutEnd(event.payout_id, None, event.reason, isinstance(event, PayoutFailed) and not event.taken_back)
            for event in happened  # in commit order: a payout that completed may be returned later
        ]
    )
