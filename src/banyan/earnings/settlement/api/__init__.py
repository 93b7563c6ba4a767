"""Settlement over HTTP: policies, statements, the review queue. A distributor sees own statements and nothing else."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Status

from banyan.earnings.settlement import commands, queries
from banyan.earnings.settlement.api.schemas import (
    AccountIn,
    DistributorRef,
    Paging,
    PayeeAccountOut,
    PolicyIn,
    PolicyOut,
    PolicyRef,
    ReviewBatchIn,
    ReviewBatchOut,
    ReviewIn,
    ReviewReasonIn,
    StatementFilters,
    StatementLineOut,
    StatementOut,
    StatementRef,
    WaitingList,
)
from banyan.earnings.settlement.types import (
    NewPolicy,
    PayeeAccount,
    Policy,
    PolicyTerms,
    ReviewOutcome,
    ReviewRequest,
    Rhythm,
    Scope,
    Statement,
    StatementId,
    StatementLine,
    Waiting,
)
from banyan.kernel import ids
from banyan.kernel.http import ErrorBody, Page, Principal, endpoint, page_of, principal_of
from banyan.kernel.http.schemas import page_by
from banyan.kernel.values.errors import Conflict, Forbidden, Invalid, NotFound, Refusal
from banyan.people.distributors import queries as distributors
from banyan.people.distributors.types import DistributorId
from banyan.people.identity.types import CONSOLE_ROLES

router = Router(tags=["settlement"])
ERRORS: dict[int, Any] = {400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 404: ErrorBody, 409: ErrorBody, 422: ErrorBody}


def _own_only(principal: Principal) -> int | None:
    """The distributor whose rows alone are shown; None for staff. Somebody who is neither sees nothing (0)."""
    return None if principal.is_any(*CONSOLE_ROLES) else principal.distributor_id or 0


def _staff(principal: Principal) -> None:
    if not principal.is_any(*CONSOLE_ROLES):
        raise Forbidden("Only the shop's staff may see this.")


def _policy(one: Policy) -> dict[str, Any]:
    terms = one.terms
    return {
        "policy_id": one.policy_id,
        "scope": one.scope,
        "subject": ids.public("dst", int(one.subject)) if one.scope is Scope.DISTRIBUTOR else one.subject,
        "cycle": terms.rhythm.cycle,
        "weekday": terms.rhythm.weekday,
        "month_day": terms.rhythm.month_day,
        "lane": terms.lane,
        "minimum_minor": terms.minimum_minor,
        "review_minor": terms.review_minor,
        "four_eyes_minor": terms.four_eyes_minor,
        "channel": terms.channel,
        "attempt_count": terms.attempt_count,
        "opened_by": one.opened_by,
        "opened_at": one.opened_at,
        "retired_at": one.retired_at,
    }


def _statement(one: Statement) -> dict[str, Any]:
    return {
        **{name: getattr(one, name) for name in StatementOut.model_fields if name not in ("period_from", "period_to")},
        "period_from": one.period.start_at,
        "period_to": one.period.end_at,
    }


def _line(one: StatementLine) -> dict[str, Any]:
    source, cause = queries.source_names(one.source_kind, one.source_id, one.cause_id)
    return {
        "line_id": one.line_id,
        "source_kind": one.source_kind,
        "source": source,
        "cause": cause,
        "amount_minor": one.amount_minor,
        "occurred_at": one.occurred_at,
        "stands": one.stands,
    }


@router.get("/settlements/policies", response={200: Page[PolicyOut], **ERRORS}, summary="List settlement policies")
@endpoint(scope="settlements:read")
def list_policies(request: HttpRequest, paging: Query[Paging], with_retired: bool = False) -> dict[str, Any]:
    """The open policies, newest first; with the retired ones if asked."""
    _staff(principal_of(request))
    page = page_of(
        lambda before, count: queries.list_policies(with_retired=with_retired, before_id=before, count=count),
        paging.cursor,
        paging.limit,
        lambda one: one.policy_id,
    )
    return {**page, "items": [_policy(one) for one in page["items"]]}


@router.post("/settlements/policies", response={201: PolicyOut, **ERRORS}, summary="Open a settlement policy")
@endpoint(scope="settlements:write", write=True)
def open_policy(request: HttpRequest, body: PolicyIn) -> Status[dict[str, Any]]:
    """Open a policy; the one for the same subject is retired. Its opener cannot approve under it."""
    principal = principal_of(request)
    subject = body.subject
    if body.scope is Scope.DISTRIBUTOR:
        subject = str(ids.parse("dst", body.subject))
        distributors.get_distributor(DistributorId(int(subject)))
    terms = PolicyTerms(
        rhythm=Rhythm(body.cycle, body.weekday, body.month_day),
        lane=body.lane,
        minimum_minor=body.minimum_minor,
        review_minor=body.review_minor,
        four_eyes_minor=body.four_eyes_minor,
        channel=body.channel,
        attempt_count=body.attempt_count,
    )
    policy_id = commands.open_policy(NewPolicy(body.scope, subject, terms, principal.user_id))
    return Status(201, _policy(queries.get_policy(policy_id)))


@router.post("/settlements/policies/{policy_id}/retire", response={200: PolicyOut, **ERRORS}, summary="Retire a policy")
@endpoint(scope="settlements:write", write=True)
def retire_policy(request: HttpRequest, policy_id: PolicyRef) -> dict[str, Any]:
    """Whom it was for falls under the next wider policy."""
    commands.retire_policy(policy_id)
    return _policy(queries.get_policy(policy_id))


@router.get("/settlements/statements", response={200: Page[StatementOut], **ERRORS}, summary="List statements")
@endpoint(scope="settlements:read")
def list_statements(request: HttpRequest, filters: Query[StatementFilters]) -> dict[str, Any]:
    """Statements, newest first; distributors see their own."""
    own = _own_only(principal_of(request))
    if own is not None and filters.distributor_id not in (None, own):
        raise NotFound("No such distributor.")
    chosen = own if own is not None else filters.distributor_id
    page = page_of(
        lambda before, count: queries.list_statements(
            before_id=before, count=count, distributor_id=chosen, status=filters.status
        ),
        filters.cursor,
        filters.limit,
        lambda one: one.statement_id,
    )
    return {**page, "items": [_statement(one) for one in page["items"]]}


@router.get("/settlements/review-queue", response={200: Page[StatementOut], **ERRORS}, summary="The review queue")
@endpoint(scope="settlements:read")
def review_queue(request: HttpRequest, paging: Query[Paging]) -> dict[str, Any]:
    """What waits for a reviewer: higher tiers first, then the oldest."""
    _staff(principal_of(request))
    page = page_by(
        lambda after, count: queries.list_review_queue(count, after=after),
        paging.cursor,
        paging.limit,
        lambda one: queries.places_in_queue([one.statement_id])[one.statement_id],
        (int, datetime, int),
    )
    return {**page, "items": [_statement(one) for one in page["items"]]}


@router.get("/settlements/why-not-yet", response={200: WaitingList, **ERRORS}, summary="Why money has not arrived yet")
@endpoint(scope="settlements:read")
def why_not_yet(request: HttpRequest, distributor_id: DistributorRef | None = None) -> dict[str, Any]:
    """Every amount a distributor is still to receive, with the reason and the date where it is known."""
    own = _own_only(principal_of(request))
    chosen = own if distributor_id is None else distributor_id
    if chosen is None:
        raise Invalid("Name the distributor.", field="distributor_id")
    if own is not None and chosen != own:
        raise NotFound("No such distributor.")
    distributors.get_distributor(DistributorId(chosen))
    return {"items": [_waiting(one) for one in queries.why_not_yet(chosen)]}


def _waiting(one: Waiting) -> dict[str, Any]:
    return {"reason": one.reason, "amount_minor": one.amount_minor, "until": one.until, "statement_id": one.reference_id}


@router.post("/settlements/reviews", response={200: ReviewBatchOut, **ERRORS}, summary="Review many statements")
@endpoint(scope="settlements:review", write=True)
def review_many(request: HttpRequest, body: ReviewBatchIn) -> dict[str, Any]:
    """Decide about up to 5,000 statements at once; good decisions are carried out even where others are refused."""
    reviewer = principal_of(request).user_id
    outcomes = commands.review(
        [
            ReviewRequest(StatementId(one.statement_id), one.decision, reviewer, one.reason, one.expected_minor)
            for one in body.reviews
        ]
    )
    return {"outcomes": outcomes}


@router.get("/settlements/statements/{statement_id}", response={200: StatementOut, **ERRORS}, summary="Read a statement")
@endpoint(scope="settlements:read")
def get_statement(request: HttpRequest, statement_id: StatementRef) -> dict[str, Any]:
    """One statement; other people's are not found."""
    return _statement(_visible(request, statement_id))


def _visible(request: HttpRequest, statement_id: int) -> Statement:
    own = _own_only(principal_of(request))
    found = queries.list_statements_by_ids([statement_id]).get(StatementId(statement_id))
    if found is None or (own is not None and found.distributor_id != own):
        raise NotFound("No such statement.")
    return found


@router.get("/settlements/statements/{statement_id}/lines", response={200: Page[StatementLineOut], **ERRORS}, summary="Lines")
@endpoint(scope="settlements:read")
def list_lines(request: HttpRequest, statement_id: StatementRef, paging: Query[Paging]) -> dict[str, Any]:
    """What a statement is made of, and why each line is there."""
    _visible(request, statement_id)
    page = page_of(
        lambda before, count: queries.list_lines_before(statement_id, before, count),
        paging.cursor,
        paging.limit,
        lambda one: one.line_id,
    )
    return {**page, "items": [_line(one) for one in page["items"]]}


class _Refused(Refusal):
    """A reviewer's decision that was declined."""

    def __init__(self, outcome: ReviewOutcome) -> None:
        super().__init__(outcome.message)
        self.code = outcome.refused  # type: ignore[misc]
        self.status = 422 if outcome.refused == "reason_missing" else 409  # type: ignore[misc]
        self.advice = "Read the statement's present state and decide again."  # type: ignore[misc]


@router.post("/settlements/statements/{statement_id}/review", response={200: StatementOut, **ERRORS}, summary="Review")
@endpoint(scope="settlements:review", write=True)
def review(request: HttpRequest, statement_id: StatementRef, body: ReviewIn) -> dict[str, Any]:
    """Approve, hold, resume or reject one statement."""
    _visible(request, statement_id)
    reviewer = principal_of(request).user_id
    asked = ReviewRequest(StatementId(statement_id), body.decision, reviewer, body.reason, body.expected_minor)
    outcome = commands.review([asked])[0]
    if outcome.status is None:
        raise _Refused(outcome)
    return _statement(_visible(request, statement_id))


@router.post("/settlements/statements/{statement_id}/retry", response={200: StatementOut, **ERRORS}, summary="Retry payout")
@endpoint(scope="settlements:review", write=True)
def retry(request: HttpRequest, statement_id: StatementRef) -> dict[str, Any]:
    """Let a failed payout be tried again, as a new payout."""
    _visible(request, statement_id)
    commands.retry_payout([statement_id])
    return _statement(_visible(request, statement_id))


@router.post("/settlements/statements/{statement_id}/return", response={200: StatementOut, **ERRORS}, summary="Give up payout")
@endpoint(scope="settlements:review", write=True)
def give_up(request: HttpRequest, statement_id: StatementRef, body: ReviewReasonIn) -> dict[str, Any]:
    """Let the amount of a failed payout go into the distributor's next statement."""
    _visible(request, statement_id)
    commands.return_to_next([statement_id], body.reason)
    return _statement(_visible(request, statement_id))


@router.put("/settlements/my-account", response={200: PayeeAccountOut, **ERRORS}, summary="Where I am paid")
@endpoint(scope="me:write", write=True)
def set_my_account(request: HttpRequest, body: AccountIn) -> dict[str, Any]:
    """Set the own payee account on a channel."""
    distributor_id = principal_of(request).distributor_id
    if distributor_id is None:
        raise Conflict("Only distributors are paid commission.")
    commands.set_payee_accounts([PayeeAccount(distributor_id, body.channel, body.account, body.account_name)])
    return {"channel": body.channel, "known": True}


@router.put("/settlements/accounts/{distributor_id}", response={200: PayeeAccountOut, **ERRORS}, summary="Where somebody is paid")
@endpoint(scope="settlements:write", write=True)
def set_account(request: HttpRequest, distributor_id: DistributorRef, body: AccountIn) -> dict[str, Any]:
    """Set a distributor's payee account on a channel, on their behalf."""
    distributors.get_distributor(DistributorId(distributor_id))
    commands.set_payee_accounts([PayeeAccount(distributor_id, body.channel, body.account, body.account_name)])
    return {"channel": body.channel, "known": True}
