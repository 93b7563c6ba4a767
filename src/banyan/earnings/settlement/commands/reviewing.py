"""People decide about statements: one by one or thousands at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from banyan.earnings.settlement.commands.booking import book, pay_out
from banyan.earnings.settlement.commands.claiming import carry, unclaim
from banyan.earnings.settlement.commands.locking import (
    Locked,
    absorb_reversals,
    lock_statements,
    pay_soon,
    schedule,
    write_statements,
)
from banyan.earnings.settlement.commands.opening import approve_by_itself
from banyan.earnings.settlement.engine.drafting import FROZEN, carry_reason, needs_review
from banyan.earnings.settlement.engine.review import Case, Ruling, rule
from banyan.earnings.settlement.models import DecisionRow
from banyan.earnings.settlement.queries import list_policies_by_ids
from banyan.earnings.settlement.types import (
    OPEN_STATUSES,
    Policy,
    PolicyId,
    ReviewOutcome,
    ReviewRequest,
    SourceKind,
    StatementId,
    StatementStatus,
)
from banyan.kernel import clock, ids, sql, tenancy
from banyan.kernel.values.filled import Filled
from banyan.people.distributors import queries as distributors
from banyan.people.distributors.types import DistributorId, Standing, Status
from banyan.people.identity.types import UserId

MAX_REASON_LENGTH = 500


def review(requests: Sequence[ReviewRequest]) -> list[ReviewOutcome]:
    """Carry out decisions; one outcome each, in order. Good ones are done even where others are refused.

    approve: books available → payable and asks for the payout, or waits for a second person; what was reversed since the
    statement was opened is taken off first, and what then falls below the minimum is carried instead. reject: the lines may be
    settled again with the next period. Refusals: not_found, statement_state, statement_changed, reason_missing, own_statement,
    own_policy, four_eyes, distributor_frozen, insufficient_balance.
    """
    locked = lock_statements(request.statement_id for request in requests)
    facts = _Facts(locked.values())
    changed = {one.statement_id: one for one in absorb_reversals(locked.values())}
    sunk = _sink(changed.values(), facts)
    outcomes: list[ReviewOutcome] = []
    approved: list[int] = []
    decided: list[tuple[int, ReviewRequest]] = []
    for position, request in enumerate(requests):
        one = locked.get(request.statement_id)
        if one is None:
            outcomes.append(ReviewOutcome(request.statement_id, None, "not_found", "No such statement."))
            continue
        if one.statement_id in sunk:  # nothing is left to decide about
            outcomes.append(ReviewOutcome(request.statement_id, one.status))
            continue
        ruling = _judge(one, request, facts)
        outcomes.append(ReviewOutcome(request.statement_id, ruling.status, ruling.refused, ruling.message))
        if ruling.status is None:
            continue
        _apply(one, ruling.status, request)
        changed[one.statement_id] = one
        decided.append((position, request))
        if ruling.status is StatementStatus.APPROVED:
            approved.append(position)
    _settle(changed, locked, requests, outcomes, approved)
    _record(decided, outcomes, locked)
    return outcomes


class _Facts:
    """What decisions about these statements depend on, read once for all."""

    def __init__(self, statements: Iterable[Locked]) -> None:
        found = list(statements)
        distributor_ids = sorted({DistributorId(one.distributor_id) for one in found})
        self.policies: Mapping[PolicyId, Policy] = list_policies_by_ids({one.policy_id for one in found})
        self.standings: Mapping[DistributorId, Standing] = distributors.standings_at(distributor_ids, clock.now())
        self.users: Mapping[DistributorId, UserId] = distributors.find_users_of(distributor_ids)

    def policy(self, one: Locked) -> Policy:
        return self.policies[PolicyId(one.policy_id)]

    def is_frozen(self, one: Locked) -> bool:
        standing = self.standings.get(DistributorId(one.distributor_id))
        return standing is not None and standing.status is Status.FROZEN


def _judge(one: Locked, request: ReviewRequest, facts: _Facts) -> Ruling:
    if request.expected_minor is not None and request.expected_minor != one.amount_minor:
        said = Filled("The amount is now {amount_minor} minor units; look at it again.", amount_minor=one.amount_minor)
        return Ruling(None, "statement_changed", said)
    if len(request.reason) > MAX_REASON_LENGTH:
        return Ruling(None, "reason_missing", Filled("A reason has at most {most} characters.", most=MAX_REASON_LENGTH))
    policy = facts.policy(one)
    case = Case(
        status=one.status,
        amount_minor=one.amount_minor,
        terms=policy.terms,
        policy_opener_id=policy.opened_by,
        payee_user_id=facts.users.get(DistributorId(one.distributor_id)),
        first_approver_id=one.first_approver_id,
        frozen=facts.is_frozen(one),
    )
    return rule(case, request.decision, request.reviewer_id, request.reason)


def _apply(one: Locked, status: StatementStatus, request: ReviewRequest) -> None:
    one.status, one.reason = status, request.reason.strip()
    if status is StatementStatus.AWAITING_SECOND:
        one.first_approver_id = request.reviewer_id
    elif status is StatementStatus.APPROVED:
        one.approver_id = request.reviewer_id
    elif status is StatementStatus.UNDER_REVIEW:
        one.first_approver_id = None  # after a hold everybody looks again


def _settle(
    changed: Mapping[int, Locked],
    locked: Mapping[int, Locked],
    requests: Sequence[ReviewRequest],
    outcomes: list[ReviewOutcome],
    approved: Sequence[int],
) -> None:
    """Let the money follow the decisions."""
    short = book([locked[requests[position].statement_id] for position in approved])
    for position in approved:
        one = locked[requests[position].statement_id]
        if one.statement_id in short:
            waited = StatementStatus.UNDER_REVIEW if one.first_approver_id is None else StatementStatus.AWAITING_SECOND
            one.status, one.approver_id, one.reason = waited, None, ""
            message = "The available balance no longer covers this statement; a reversal is on its way. Try again shortly."
            outcomes[position] = ReviewOutcome(StatementId(one.statement_id), None, "insufficient_balance", message)
    pay_out([locked[requests[position].statement_id] for position in approved])
    rejected = [one for one in changed.values() if one.status is StatementStatus.REJECTED]
    if rejected:
        unclaim([one.statement_id for one in rejected])
        schedule({one.key for one in rejected})
    write_statements(changed.values())
    for position, outcome in enumerate(outcomes):
        if outcome.status is not None:
            outcomes[position] = ReviewOutcome(outcome.statement_id, locked[outcome.statement_id].status)


def _sink(statements: Iterable[Locked], facts: _Facts) -> set[int]:
    """Carry statements that reversals brought below what is paid: their amounts go into the next ones. Returns their ids."""
    sunk = []
    for one in statements:
        reason = carry_reason(one.amount_minor, facts.policy(one).terms)
        if reason is not None:
            one.status, one.reason, one.first_approver_id = StatementStatus.CARRIED, reason.value, None
            sunk.append(one)
    carry([(one.statement_id, one.key, one.amount_minor, one.period_to) for one in sunk], SourceKind.CARRIED)
    return {one.statement_id for one in sunk}


def _record(
    decided: Sequence[tuple[int, ReviewRequest]], outcomes: Sequence[ReviewOutcome], locked: Mapping[int, Locked]
) -> None:
    kept = [(request, locked[request.statement_id]) for position, request in decided if outcomes[position].status is not None]
    sql.insert(
        DecisionRow,
        ("id", "statement_id", "decision", "status", "amount_minor", "reviewer_id", "reason", "decided_at"),
        [
            (
                i,
                one.statement_id,
                request.decision.value,
                one.status.value,
                one.amount_minor,
                request.reviewer_id,
                request.reason.strip(),
                clock.now(),
            )
            for i, (request, one) in zip(ids.next_ids(len(kept)), kept, strict=True)
        ],
    )


def take_reversals(distributor_ids: Iterable[int]) -> int:
    """Show reversals in the statements that still wait for a person; one that falls below its minimum is carried at once."""
    locked = lock_statements(_open_statements_of(distributor_ids))
    changed = absorb_reversals(locked.values())
    _sink(changed, _Facts(changed))
    write_statements(changed)
    return len(changed)


def follow_standing(distributor_ids: Iterable[int]) -> int:
    """Hold the waiting statements of distributors who are frozen now; let those go on who no longer are. Idempotent."""
    locked = lock_statements(_open_statements_of(distributor_ids))
    facts = _Facts(locked.values())
    changed: list[Locked] = []
    by_itself: list[Locked] = []
    for one in locked.values():
        if facts.is_frozen(one) and one.status is not StatementStatus.HELD:
            one.status, one.reason, one.first_approver_id = StatementStatus.HELD, FROZEN, None
            changed.append(one)
        elif not facts.is_frozen(one) and one.status is StatementStatus.HELD and one.reason == FROZEN:
            one.status, one.reason = StatementStatus.UNDER_REVIEW, ""
            (changed if needs_review(one.amount_minor, facts.policy(one).terms) else by_itself).append(one)
    write_statements(changed)
    approve_by_itself(by_itself)
    pay_soon(distributor_ids)
    return len(changed) + len(by_itself)


def _open_statements_of(distributor_ids: Iterable[int]) -> list[int]:
    rows = sql.fetch(
        "SELECT id FROM settlement_statements WHERE tenant_id = %s AND distributor_id = ANY(%s::bigint[]) AND status ="
        " ANY(%s::text[])",
        (tenancy.current_tenant_id(), sorted(set(distributor_ids)), [status.value for status in OPEN_STATUSES]),
    )
    return [row[0] for row in rows]
