"""Who may decide what about a statement, and what follows: pure."""

from __future__ import annotations

from dataclasses import dataclass

from banyan.earnings.settlement.engine.drafting import needs_four_eyes
from banyan.earnings.settlement.types import Decision, PolicyTerms, StatementStatus
from banyan.kernel.values.filled import Filled

TIER_RANK = {"diamond": 0, "platinum": 1, "gold": 2, "silver": 3, "bronze": 4}
"""The review queue serves higher tiers first, then the oldest statement."""


@dataclass(frozen=True)
class Case:
    """All that a decision depends on. User ids; the payee's is None where the distributor has no login."""

    status: StatementStatus
    amount_minor: int
    terms: PolicyTerms
    policy_opener_id: int
    payee_user_id: int | None
    first_approver_id: int | None
    frozen: bool


@dataclass(frozen=True)
class Ruling:
    """The next status, or the code of the refusal with a sentence for the reviewer."""

    status: StatementStatus | None
    refused: str = ""
    message: str = ""


_FROM: dict[Decision, tuple[StatementStatus, ...]] = {
    Decision.APPROVE: (StatementStatus.UNDER_REVIEW, StatementStatus.AWAITING_SECOND),
    Decision.HOLD: (StatementStatus.UNDER_REVIEW, StatementStatus.AWAITING_SECOND),
    Decision.RESUME: (StatementStatus.HELD,),
    Decision.REJECT: (StatementStatus.UNDER_REVIEW, StatementStatus.AWAITING_SECOND, StatementStatus.HELD),
}


def rule(case: Case, decision: Decision, reviewer_id: int, reason: str) -> Ruling:
    """Judge one decision of one reviewer.

    The opener of the policy and the payee never approve; at or above the four-eyes threshold two different persons do; a
    frozen distributor's statement is not approved.
    """
    if case.status not in _FROM[decision]:
        said = Filled("A statement that is {status} cannot {decision}.", status=case.status, decision=decision)
        return Ruling(None, "statement_state", said)
    if decision in (Decision.HOLD, Decision.REJECT) and not reason.strip():
        return Ruling(None, "reason_missing", Filled("To {decision} a statement, say why.", decision=decision))
    if decision is Decision.HOLD:
        return Ruling(StatementStatus.HELD)
    if decision is Decision.REJECT:
        return Ruling(StatementStatus.REJECTED)
    if case.frozen:
        return Ruling(None, "distributor_frozen", "The distributor is frozen; unfreeze them first or leave the statement held.")
    if decision is Decision.RESUME:
        return Ruling(StatementStatus.UNDER_REVIEW)
    if reviewer_id == case.payee_user_id:
        return Ruling(None, "own_statement", "Nobody approves their own money.")
    if reviewer_id == case.policy_opener_id:
        return Ruling(None, "own_policy", "Who opened the policy does not approve under it.")
    if needs_four_eyes(case.amount_minor, case.terms):
        if case.first_approver_id is None:
            return Ruling(StatementStatus.AWAITING_SECOND)
        if case.first_approver_id == reviewer_id:
            return Ruling(None, "four_eyes", "A second person must approve this amount.")
    return Ruling(StatementStatus.APPROVED)
