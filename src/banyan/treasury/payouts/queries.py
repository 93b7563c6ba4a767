"""Reads of payouts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from banyan.kernel import sql, tenancy
from banyan.kernel.values.errors import Conflict, NotFound
from banyan.treasury.payouts.types import Payout, PayoutId, PayoutState

_PAYOUT = (
    "id, distributor_id, statement_id, channel, out_bill_no, reference, state, amount_minor, currency, key, attempt_count,"
    " failure_code, failure, held_reason, requested_at, submitted_at, confirm_by, ended_at"
)


class PayoutNotFound(NotFound):
    """No such payout for this caller."""

    code = "payout_not_found"


class NothingToConfirm(Conflict):
    """The payout does not wait for its receiver's confirmation."""

    code = "nothing_to_confirm"
    advice = "Read the payout; only one that is awaiting_confirmation can be confirmed."


def _payout(row: tuple[Any, ...]) -> Payout:
    head, state, tail = row[1:6], PayoutState(row[6]), row[7:]
    return Payout(PayoutId(row[0]), *head, state, *tail)  # type: ignore[call-arg]


def get_payout(payout_id: int, *, distributor_id: int | None = None) -> Payout:
    """One payout; raises PayoutNotFound, also when `distributor_id` is given and it is somebody else's."""
    params = (tenancy.current_tenant_id(), payout_id)
    rows = sql.fetch(f"SELECT {_PAYOUT} FROM payouts_payouts WHERE tenant_id = %s AND id = %s", params)
    if not rows or (distributor_id is not None and rows[0][1] != distributor_id):
        raise PayoutNotFound("No such payout.")
    return _payout(rows[0])


def list_payouts(
    *,
    distributor_id: int | None = None,
    statement_id: int | None = None,
    state: PayoutState | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Payout]:
    """Payouts, latest first; `before`: the id of the last one seen."""
    conditions, params = ["tenant_id = %s"], [tenancy.current_tenant_id()]  # type: tuple[list[str], list[Any]]
    for column, operator, value in (
        ("distributor_id", "=", distributor_id),
        ("statement_id", "=", statement_id),
        ("state", "=", state.value if state else None),
        ("id", "<", before),
    ):
        if value is not None:
            conditions.append(f"{column} {operator} %s")
            params.append(value)
    rows = sql.fetch(
        f"SELECT {_PAYOUT} FROM payouts_payouts WHERE {' AND '.join(conditions)} ORDER BY id DESC LIMIT %s", (*params, limit)
    )
    return [_payout(row) for row in rows]


def list_payouts_by_ids(payout_ids: Sequence[int]) -> dict[PayoutId, Payout]:
    """Payouts by id; unknown ids are absent."""
    rows = sql.fetch(
        f"SELECT {_PAYOUT} FROM payouts_payouts WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
        (tenancy.current_tenant_id(), sql.array_literal(payout_ids)),
    )
    return {payout.payout_id: payout for payout in map(_payout, rows)}


def get_confirm_package(payout_id: int, distributor_id: int) -> str:
    """What the receiver's client hands to the channel's software to confirm. Raises PayoutNotFound or NothingToConfirm."""
    payout = get_payout(payout_id, distributor_id=distributor_id)
    rows = sql.fetch(
        "SELECT confirm_package FROM payouts_payouts WHERE tenant_id = %s AND id = %s AND state = 'awaiting_confirmation'"
        " AND confirm_package <> ''",
        (tenancy.current_tenant_id(), payout_id),
    )
    if not rows:
        raise NothingToConfirm(f"The payout is {payout.state.value}.", state=payout.state.value)
    return str(rows[0][0])
