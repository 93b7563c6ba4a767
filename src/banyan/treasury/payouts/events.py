"""What happened to payouts. Amounts are integer minor units."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from banyan.kernel import events


@dataclass(frozen=True)
class PayoutAwaitsConfirmation(events.Event):
    """The receiver must confirm until `confirm_by`, else the channel lets it expire."""

    kind = "payouts.payout_awaits_confirmation"
    version = 1
    payout_id: int
    distributor_id: int
    statement_id: int
    amount_minor: int
    currency: str
    confirm_by: datetime
    occurred_at: datetime


@dataclass(frozen=True)
class PayoutCompleted(events.Event):
    """The receiver has the money."""

    kind = "payouts.payout_completed"
    version = 1
    payout_id: int
    distributor_id: int
    statement_id: int
    amount_minor: int
    currency: str
    occurred_at: datetime


@dataclass(frozen=True)
class PayoutFailed(events.Event):
    """It ended unpaid and the amount is available again. `reason`: failed, expired or cancelled, then the channel's code.

    `taken_back`: a person wanted it back, here or at the channel, so it must not be paid again before a person says so.
    """

    kind = "payouts.payout_failed"
    version = 1
    payout_id: int
    distributor_id: int
    statement_id: int
    amount_minor: int
    currency: str
    reason: str
    occurred_at: datetime
    taken_back: bool = False


@dataclass(frozen=True)
class PayoutReturned(events.Event):
    """It came back after it was completed, and the amount is available again."""

    kind = "payouts.payout_returned"
    version = 1
    payout_id: int
    distributor_id: int
    statement_id: int
    amount_minor: int
    currency: str
    reason: str
    occurred_at: datetime
