"""The writes of settlement. All run inside ``tenancy.enter``."""

from banyan.earnings.settlement.commands.booking import (
    StatementState,
    pay_due,
    record_payouts,
    retry_payout,
    return_to_next,
)
from banyan.earnings.settlement.commands.claiming import ClaimedTwice
from banyan.earnings.settlement.commands.intake import look_again, take_in
from banyan.earnings.settlement.commands.opening import open_statements
from banyan.earnings.settlement.commands.payees import set_payee_accounts
from banyan.earnings.settlement.commands.policies import BadPolicy, open_policy, retire_policy
from banyan.earnings.settlement.commands.reviewing import follow_standing, review, take_reversals

__all__ = [
    "BadPolicy",
    "ClaimedTwice",
    "StatementState",
    "follow_standing",
    "look_again",
    "open_policy",
    "open_statements",
    "pay_due",
    "record_payouts",
    "retire_policy",
    "retry_payout",
    "return_to_next",
    "review",
    "set_payee_accounts",
    "take_in",
    "take_reversals",
]
