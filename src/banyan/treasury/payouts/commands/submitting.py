"""Handing payouts to the channels: claim, call outside of any transaction, record.

A payout is claimed by moving `due_at` to the end of a lease, in a transaction of its own. Whoever is killed in between leaves
a claim that runs out; whoever comes next asks the channel by our own number before asking it for anything, and what it then
asks for bears the same number. So a distributor is paid once, whatever happens here.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings

from banyan.kernel import clock, ids, sql, tenancy
from banyan.kernel.secrets import unseal
from banyan.people.distributors import queries as distributors
from banyan.people.distributors.types import DistributorId, Status
from banyan.treasury.payments import commands as payments
from banyan.treasury.payments.types import Incident, IncidentKind
from banyan.treasury.payouts.commands.recording import notice_of_failure, record_results
from banyan.treasury.payouts.ports import ChannelError, ChannelUnknown, PayoutChannel, channel_for, is_registered
from banyan.treasury.payouts.types import (
    ChannelPayout,
    ChannelPayoutState,
    PayoutId,
    PayoutNotice,
    PayoutOrder,
    PayoutState,
    SubmitReport,
)

LEASE = timedelta(minutes=2)
"""Longer than the longest call, so that a living job is not overtaken."""
HELD_BACK_FOR = timedelta(hours=1)
BACKOFF_SECONDS = (5, 30, 120, 600, 3600)
ACTOR = "job:payouts.submit_due"
FROZEN = "frozen"


@dataclass(frozen=True, slots=True)
class _Claim:
    payout_id: PayoutId
    channel: str
    state: PayoutState
    attempt_count: int
    may_submit: bool
    is_cancelling: bool
    has_package: bool
    order: PayoutOrder

    @property
    def is_first(self) -> bool:
        """True when the channel was certainly never asked for this payout."""
        return self.state is PayoutState.REQUESTED and self.attempt_count == 1


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the channel said (`payout`), or that it refused for good, was not reached, or that nobody knows."""

    claim: _Claim
    payout: ChannelPayout | None = None
    error: ChannelError | None = None
    defect: str = ""


def submit_due(tenant_id: int, limit: int = 50, concurrency: int = 8) -> SubmitReport:
    """Hand over, or ask about, at most `limit` payouts that are due. Call it outside of `tenancy.enter`.

    At most `concurrency` calls at once; no transaction is open during a call. Payouts of frozen distributors are held back and
    looked at again later. A time-out leaves the payout `unknown`: asked for by its own number next time, never a new one.
    """
    if tenancy.entered() is not None:
        raise RuntimeError("submit_due calls the channel and must not run inside a transaction")
    with tenancy.enter(tenant_id, actor=ACTOR):
        claims, held_back = _claim(limit)
    if not claims:
        return SubmitReport(held_back=held_back)
    channels = {name: channel_for(name, tenant_id) for name in {claim.channel for claim in claims}}
    with ThreadPoolExecutor(max_workers=max(1, min(concurrency, len(claims)))) as pool:
        answers = list(pool.map(lambda claim: _call(channels[claim.channel], claim), claims))
    with tenancy.enter(tenant_id, actor=ACTOR):
        _record(answers)
    failed = sum(1 for a in answers if a.error is not None and a.error.permanent)
    submitted = sum(1 for a in answers if a.payout is not None and a.payout.state is not ChannelPayoutState.NOT_FOUND)
    return SubmitReport(submitted, failed, len(answers) - failed - submitted, held_back)


def _claim(limit: int) -> tuple[list[_Claim], int]:
    """Take the due payouts, put back those of frozen distributors that the channel does not know yet."""
    now, tenant_id = clock.now(), tenancy.current_tenant_id()
    rows = sql.fetch(
        "SELECT id, distributor_id, channel, state FROM payouts_payouts WHERE tenant_id = %s AND due_at <= %s"
        " ORDER BY due_at, id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED",
        (tenant_id, now, limit),
    )
    if not rows:
        return [], 0
    standings = distributors.standings_at([DistributorId(row[1]) for row in rows], now)
    frozen = {row[0] for row in rows if (s := standings.get(DistributorId(row[1]))) and s.status is Status.FROZEN}
    unwired = {row[0] for row in rows if not is_registered(row[2])}
    held = {row[0] for row in rows if row[0] in unwired or (row[0] in frozen and row[3] == PayoutState.REQUESTED)}
    _hold_back({payout_id: FROZEN if payout_id in frozen else "channel_not_set_up" for payout_id in held})
    taken = sql.fetch(
        "UPDATE payouts_payouts p SET due_at = %s, ask_count = least(p.ask_count + 1, 30000), held_reason = '',"
        "  state = CASE WHEN p.state = 'requested' THEN 'submitting' ELSE p.state END,"
        "  attempt_count = least(p.attempt_count + (p.state IN ('requested', 'submitting', 'unknown'))::int, 30000)"
        " FROM unnest(%s::bigint[], %s::text[]) AS u(id, before) WHERE p.tenant_id = %s AND p.id = u.id"
        " RETURNING p.id, p.channel, u.before, p.attempt_count, p.cancel_requested_at IS NOT NULL, p.out_bill_no, p.amount_minor,"
        "  p.currency, p.account, p.account_name, p.statement_id, p.confirm_package <> ''",
        (
            now + LEASE,
            sql.array_literal(row[0] for row in rows if row[0] not in held),
            sql.array_literal(row[3] for row in rows if row[0] not in held),
            tenant_id,
        ),
    )
    return [_claim_of(row, row[0] not in frozen) for row in taken], len(held)


def _claim_of(row: tuple[Any, ...], may_submit: bool) -> _Claim:
    payout_id, channel, before, attempts, is_cancelling, number, amount, currency, account, name, statement_id, packed = row
    tenant_id = tenancy.current_tenant_id()
    order = PayoutOrder(
        number,
        amount,
        currency,
        unseal(tenant_id, "payouts_payouts.account", payout_id, account),
        unseal(tenant_id, "payouts_payouts.account_name", payout_id, name),
        ids.public("stm", statement_id),
        f"{settings.BANYAN_PUBLIC_URL.rstrip('/')}/api/v1/payouts/notify/{channel}/{ids.public('tnt', tenant_id)}",
    )
    return _Claim(PayoutId(payout_id), channel, PayoutState(before), attempts, may_submit, is_cancelling, packed, order)


def _hold_back(reasons: dict[int, str]) -> None:
    if reasons:
        sql.execute(
            "UPDATE payouts_payouts p SET due_at = %s, held_reason = u.reason"
            " FROM unnest(%s::bigint[], %s::text[]) AS u(id, reason) WHERE p.tenant_id = %s AND p.id = u.id",
            (
                clock.now() + HELD_BACK_FOR,
                sql.array_literal(reasons),
                sql.array_literal(reasons.values()),
                tenancy.current_tenant_id(),
            ),
        )


def _call(channel: PayoutChannel, claim: _Claim) -> _Answer:
    """Runs on a thread without a database. Anything but the first try asks before it acts."""
    number = claim.order.out_bill_no
    try:
        if claim.is_first:
            return _submit(channel, claim)
        known = channel.query(number)
        if known.state is ChannelPayoutState.AWAITING_CONFIRMATION and claim.is_cancelling:
            return _Answer(claim, channel.cancel(number))
        if known.state is ChannelPayoutState.NOT_FOUND and claim.may_submit and not claim.is_cancelling:
            return _submit(channel, claim)
        if known.state is ChannelPayoutState.AWAITING_CONFIRMATION and claim.may_submit and not claim.has_package:
            return _Answer(claim, _with_package(channel, claim, known))
        return _Answer(claim, known)
    except (ChannelUnknown, ChannelError):  # a question that was refused says nothing about the payout
        return _Answer(claim)
    except Exception as error:  # an adapter's defect is as unclear as a time-out; the others of the batch must be recorded
        return _Answer(claim, defect=type(error).__name__)


def _with_package(channel: PayoutChannel, claim: _Claim, known: ChannelPayout) -> ChannelPayout:
    """The answer with the package was lost, and without it nobody can confirm: asking under the same number brings it again."""
    try:
        again = channel.submit(claim.order)
    except (ChannelUnknown, ChannelError):
        return known
    return again if again.confirm_package else known


def _submit(channel: PayoutChannel, claim: _Claim) -> _Answer:
    """A refusal is believed on the first try; later ones may refuse because an earlier, lost one succeeded, so we ask."""
    try:
        return _Answer(claim, channel.submit(claim.order))
    except ChannelError as error:
        if not error.permanent:
            return _Answer(claim, error=error)
        if not claim.is_first:
            known = channel.query(claim.order.out_bill_no)
            if known.state is not ChannelPayoutState.NOT_FOUND:
                return _Answer(claim, known)
        return _Answer(claim, error=error)


def _record(answers: Sequence[_Answer]) -> None:
    now = clock.now()
    notices: list[PayoutNotice] = []
    later: list[tuple[int, str, str]] = []
    held: dict[int, str] = {}
    for answer in answers:
        claim, payout = answer.claim, answer.payout
        if payout is not None and payout.state is ChannelPayoutState.NOT_FOUND and claim.is_cancelling:
            notices.append(_notice(claim, ChannelPayout(payout.out_bill_no, ChannelPayoutState.CANCELLED)))
        elif payout is not None and payout.state is ChannelPayoutState.NOT_FOUND:
            later.append((claim.payout_id, PayoutState.REQUESTED.value, ""))  # not handed over: its receiver is frozen
            held[claim.payout_id] = FROZEN
        elif payout is not None:
            notices.append(_notice(claim, payout))
        elif answer.error is not None and answer.error.permanent:
            order = claim.order
            notices.append(
                notice_of_failure(
                    claim.channel, order.out_bill_no, order.amount_minor, order.currency, answer.error.code, answer.error.message
                )
            )
        elif answer.error is not None:
            later.append(
                (claim.payout_id, PayoutState.REQUESTED.value, f"{answer.error.code} {answer.error.message}".strip()[:200])
            )
        else:
            running = claim.state in (PayoutState.PROCESSING, PayoutState.AWAITING_CONFIRMATION)
            later.append((claim.payout_id, claim.state.value if running else PayoutState.UNKNOWN.value, answer.defect))
    record_results(notices)
    known = [a for a in answers if a.payout is not None and a.payout.state is not ChannelPayoutState.NOT_FOUND]
    _keep_packages(known)
    _postpone(later, {a.claim.payout_id: a.claim.attempt_count for a in answers})
    _hold_back(held)
    payments.record_incidents(
        [
            Incident(IncidentKind.ADAPTER_DEFECT, a.claim.channel, a.claim.order.out_bill_no, 0, (("failure", a.defect),))
            for a in answers
            if a.defect
        ]
    )
    # What the channel still works on is asked about again; record_results set the time only where something changed.
    _ask_again([a.claim.payout_id for a in known], now)


def _notice(claim: _Claim, payout: ChannelPayout) -> PayoutNotice:
    return PayoutNotice(
        claim.channel,
        claim.order.out_bill_no,
        payout.state,
        payout.reference,
        payout.amount_minor or claim.order.amount_minor,
        claim.order.currency,
        payout.updated_at or clock.now(),
        payout.failure_code,
        payout.failure,
    )


def _keep_packages(answered: Sequence[_Answer]) -> None:
    """Keep what only an answer brings: the package the receiver confirms with, and when the channel took it in."""
    packages = {a.claim.payout_id: a.payout.confirm_package for a in answered if a.payout and a.payout.confirm_package}
    sql.execute(
        "UPDATE payouts_payouts p SET submitted_at = coalesce(p.submitted_at, %s),"
        " confirm_package = coalesce(nullif(u.package, ''), p.confirm_package)"
        " FROM unnest(%s::bigint[], %s::text[]) AS u(id, package) WHERE p.tenant_id = %s AND p.id = u.id",
        (
            clock.now(),
            sql.array_literal(a.claim.payout_id for a in answered),
            sql.array_literal(packages.get(a.claim.payout_id) or "" for a in answered),
            tenancy.current_tenant_id(),
        ),
    )


def _postpone(later: Sequence[tuple[int, str, str]], attempts: dict[int, int]) -> None:
    """Only where nothing ended or moved it meanwhile: a notice may have been faster than the answer."""
    if not later:
        return
    now = clock.now()
    pauses = [BACKOFF_SECONDS[min(max(attempts[payout_id], 1), len(BACKOFF_SECONDS)) - 1] for payout_id, _, _ in later]
    sql.execute(
        "UPDATE payouts_payouts p SET state = u.state, failure = u.failure, due_at = u.due_at"
        " FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::timestamptz[]) AS u(id, state, failure, due_at)"
        " WHERE p.tenant_id = %s AND p.id = u.id AND p.state IN ('submitting', 'unknown', u.state)",
        (
            sql.array_literal(payout_id for payout_id, _, _ in later),
            sql.array_literal(state for _, state, _ in later),
            sql.array_literal(failure for _, _, failure in later),
            sql.array_literal(now + timedelta(seconds=pause) for pause in pauses),
            tenancy.current_tenant_id(),
        ),
    )


def _ask_again(payout_ids: Sequence[int], now: object) -> None:
    sql.execute(
        "UPDATE payouts_payouts SET due_at = CASE WHEN state = 'awaiting_confirmation' AND cancel_requested_at IS NULL"
        "   THEN least(%s::timestamptz + interval '1 hour', greatest(confirm_by, %s::timestamptz + interval '5 minutes'))"
        "   ELSE %s::timestamptz + interval '5 minutes' END"
        " WHERE tenant_id = %s AND id = ANY(%s::bigint[]) AND state IN ('processing', 'awaiting_confirmation')",
        (now, now, now, tenancy.current_tenant_id(), sql.array_literal(payout_ids)),
    )
