"""Taking payouts back while the receiver has not got them."""

from __future__ import annotations

from collections.abc import Sequence

from banyan.kernel import clock, sql, tenancy
from banyan.kernel.values.errors import Conflict, Invalid
from banyan.kernel.values.filled import Filled
from banyan.people.distributors import queries as distributors
from banyan.people.distributors.types import DistributorId, Status
from banyan.treasury.payouts import queries
from banyan.treasury.payouts.commands.recording import record_results
from banyan.treasury.payouts.engine.transitions import OPEN
from banyan.treasury.payouts.types import ChannelPayoutState, PayoutNotice


class PayoutEnded(Conflict):
    """The payout has ended and cannot be taken back."""

    code = "payout_ended"
    advice = "Read the payout; what was paid can only be asked back from the receiver."


def cancel_payouts(payout_ids: Sequence[int], reason: str) -> int:
    """Take payouts back: at once where the channel was never asked, else as soon as the channel agrees. Idempotent.

    The event says that a person took it back (``PayoutFailed.taken_back``), so that it is not paid again by itself.
    Returns how many were or will be cancelled. Raises NotFound, PayoutEnded when one of them has ended otherwise, or Invalid
    without a reason.
    """
    if not reason.strip():
        raise Invalid("Say why the payout is taken back.", field="reason")
    found = [queries.get_payout(payout_id) for payout_id in payout_ids]
    ended = [payout for payout in found if payout.state not in OPEN and payout.state.value != "cancelled"]
    if ended:
        raise PayoutEnded(Filled("The payout is {state}.", state=ended[0].state), state=ended[0].state.value)
    now = clock.now()
    never_asked = sql.fetch(
        "SELECT channel, out_bill_no, amount_minor, currency FROM payouts_payouts WHERE tenant_id = %s AND id = ANY(%s::bigint[])"
        " AND state = 'requested' AND attempt_count = 0 ORDER BY id FOR NO KEY UPDATE",
        (tenancy.current_tenant_id(), sql.array_literal(payout_ids)),
    )
    taken_back = sql.execute(
        "UPDATE payouts_payouts SET cancel_requested_at = coalesce(cancel_requested_at, %s), cancel_reason = %s, failure = %s,"
        " due_at = CASE WHEN state = 'submitting' THEN due_at ELSE %s END"
        " WHERE tenant_id = %s AND id = ANY(%s::bigint[]) AND ended_at IS NULL",
        (now, reason.strip()[:200], reason[:200], now, tenancy.current_tenant_id(), sql.array_literal(payout_ids)),
    )
    record_results(  # after the reason is written: the event says that a person took it back
        [
            PayoutNotice(channel, number, ChannelPayoutState.CANCELLED, "", amount, currency, now, "cancelled", reason[:200])
            for channel, number, amount, currency in never_asked
        ]
    )
    return taken_back


def bring_forward(payout_ids: Sequence[int]) -> int:
    """Have the job take up these payouts now instead of when they are due; returns how many. Idempotent.

    One that a job holds at this moment is left alone. Raises NotFound, or PayoutEnded when one of them has ended.
    """
    ended = [payout for payout in map(queries.get_payout, payout_ids) if payout.state not in OPEN]
    if ended:
        raise PayoutEnded(Filled("The payout is {state}.", state=ended[0].state), state=ended[0].state.value)
    return sql.execute(
        "UPDATE payouts_payouts SET due_at = least(due_at, %s) WHERE tenant_id = %s AND id = ANY(%s::bigint[])"
        " AND ended_at IS NULL AND state <> 'submitting'",
        (clock.now(), tenancy.current_tenant_id(), sql.array_literal(payout_ids)),
    )


def follow_standing(distributor_ids: Sequence[int]) -> int:
    """Ask back what frozen distributors have not confirmed yet, and let the payouts of the others go on.

    Called when a freeze begins or ends; looks at how things stand now, so late and repeated calls do no harm.
    """
    now = clock.now()
    standings = distributors.standings_at([DistributorId(one) for one in distributor_ids], now)
    frozen = [one for one in distributor_ids if (s := standings.get(DistributorId(one))) and s.status is Status.FROZEN]
    free = [one for one in distributor_ids if one not in frozen]
    scope = tenancy.current_tenant_id()
    asked = sql.execute(
        "UPDATE payouts_payouts SET cancel_requested_at = %s, due_at = %s WHERE tenant_id = %s"
        " AND distributor_id = ANY(%s::bigint[]) AND state = 'awaiting_confirmation' AND cancel_requested_at IS NULL",
        (now, now, scope, sql.array_literal(frozen)),
    )
    freed = sql.execute(
        "UPDATE payouts_payouts SET due_at = %s, held_reason = '' WHERE tenant_id = %s"
        " AND distributor_id = ANY(%s::bigint[]) AND state = 'requested' AND held_reason <> ''",
        (now, scope, sql.array_literal(free)),
    )
    return asked + freed
