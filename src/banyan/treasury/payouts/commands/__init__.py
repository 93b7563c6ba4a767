"""Writes of payouts: asking for them, handing them to the channel, recording what it says, taking them back."""

from banyan.treasury.payouts.commands.cancelling import PayoutEnded, bring_forward, cancel_payouts, follow_standing
from banyan.treasury.payouts.commands.notices import take_notice
from banyan.treasury.payouts.commands.recording import record_results
from banyan.treasury.payouts.commands.requesting import PayoutKeyReused, UnknownPayoutChannel, request_payouts
from banyan.treasury.payouts.commands.submitting import submit_due

__all__ = [
    "PayoutEnded",
    "PayoutKeyReused",
    "UnknownPayoutChannel",
    "bring_forward",
    "cancel_payouts",
    "follow_standing",
    "record_results",
    "request_payouts",
    "submit_due",
    "take_notice",
]
