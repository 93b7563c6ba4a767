"""Asking for returns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import blake2b

from banyan.kernel import ids, sql, tenancy
from banyan.kernel.values.errors import Conflict, NotFound, Refusal
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import Order, OrderId
from banyan.trade.returns import queries
from banyan.trade.returns.commands.standing import ExceedsPaid, ExceedsSold, Standing, change_claims, lock_orders, open_orders
from banyan.trade.returns.engine.requests import OrderStanding, judge_request
from banyan.trade.returns.models import ReturnLineRow, ReturnRow
from banyan.trade.returns.types import RequestReturn, ReturnId, ReturnOutcome, ReturnStatus

COLUMNS = (
    "id", "order_id", "buyer_id", "status", "mode", "fault", "goodwill", "reason", "decision_reason", "currency",
    "refund_minor", "freight_minor", "refund_attempt", "key", "digest", "requested_by", "requested_at",
)  # fmt: skip
LINE_COLUMNS = (
    "id", "return_id", "line_id", "sku_id", "quantity", "amount_minor", "restock_quantity", "scrap_quantity", "refund_minor",
    "of_quantity", "of_minor",
)  # fmt: skip


class RequestKeyReused(Conflict):
    """The key belongs to a different request."""

    code = "return_key_reused"
    advice = "Use a new key for a new return."


def request_returns(requests: Sequence[RequestReturn]) -> list[ReturnOutcome]:
    """Ask for returns; one outcome each, in order. Units are claimed at once, so two requests never share one.

    Idempotent by key: the same request again gives the same return (`repeated`). Refusals: not_found, order_closed,
    return_deadline_passed, order_not_returnable, return_claims_nothing, return_reason_missing, return_exceeds_sold,
    refund_exceeds_paid, return_key_reused.
    """
    found = orders.list_by_ids(sorted({OrderId(request.order_id) for request in requests}))
    policy = queries.get_policy()
    refusals: dict[int, Refusal] = {}
    for position, request in enumerate(requests):
        order = found.get(OrderId(request.order_id))
        refusal: Refusal | None = NotFound("No such order.")
        if order is not None:
            refusal = judge_request(request, OrderStanding(order.state.value, order.received_at), policy)
        if refusal is not None:
            refusals[position] = refusal
    order_ids = {OrderId(request.order_id) for position, request in enumerate(requests) if position not in refusals}
    open_orders(found[order_id] for order_id in order_ids)
    standings = lock_orders(order_ids)
    # Under the lock, so that a request with the same key that has just been committed is seen.
    known = _find_known([request.key for request in requests])
    outcomes, fresh = _claim_all(requests, refusals, found, standings, known)
    _write(fresh, standings)
    return outcomes


def _claim_all(
    requests: Sequence[RequestReturn],
    refusals: Mapping[int, Refusal],
    found: Mapping[OrderId, Order],
    standings: Mapping[int, Standing],
    known: dict[str, tuple[ReturnId, bytes, ReturnStatus]],
) -> tuple[list[ReturnOutcome], list[tuple[ReturnId, RequestReturn]]]:
    outcomes: list[ReturnOutcome] = []
    fresh: list[tuple[ReturnId, RequestReturn]] = []
    new_ids = iter(ids.next_ids(len(requests)))
    for position, request in enumerate(requests):
        if request.key in known:
            return_id, digest, status = known[request.key]
            if digest == _digest(request):
                outcomes.append(ReturnOutcome(return_id, status, repeated=True))
            else:
                outcomes.append(ReturnOutcome(None, refusal=RequestKeyReused("This key was used for a different return.")))
            continue
        refusal = refusals.get(position) or _claim(standings[request.order_id], request)
        if refusal is not None:
            outcomes.append(ReturnOutcome(None, refusal=refusal))
            continue
        return_id = ReturnId(next(new_ids))
        known[request.key] = (return_id, _digest(request), ReturnStatus.REQUESTED)
        fresh.append((return_id, request))
        outcomes.append(ReturnOutcome(return_id, ReturnStatus.REQUESTED))
    return outcomes, fresh


def _claim(standing: Standing, request: RequestReturn) -> Refusal | None:
    """Claim in memory, all lines of a request or none; the next request of the batch sees it."""
    for claim in request.lines:
        line = standing.lines.get(claim.line_id)
        if line is None:
            return NotFound("No such line in this order.")
        left = line.state.of_quantity - line.claimed_quantity
        if claim.quantity > left:
            return ExceedsSold(f"{claim.quantity} units are asked for, {left} are left.", left=left)
        left_minor = line.state.of_minor - line.state.refunded_minor
        if claim.amount_minor > left_minor:
            return ExceedsPaid(f"{claim.amount_minor} minor units are asked for, {left_minor} are left.", left_minor=left_minor)
    for claim in request.lines:
        standing.lines[claim.line_id].claimed_quantity += claim.quantity
    return None


def _write(fresh: Sequence[tuple[ReturnId, RequestReturn]], standings: Mapping[int, Standing]) -> None:
    if not fresh:
        return
    claims: Counter[int] = Counter()
    for _, request in fresh:
        claims.update({claim.line_id: claim.quantity for claim in request.lines})
    change_claims(claims)
    rows = [
        (
            return_id, request.order_id, standings[request.order_id].buyer_id, ReturnStatus.REQUESTED.value, request.mode.value,
            request.fault.value, request.goodwill, request.reason.strip(), "", standings[request.order_id].currency, 0, 0, 1,
            request.key, _digest(request), request.requested_by, request.requested_at,
        )
        for return_id, request in fresh
    ]  # fmt: skip
    written = sql.insert(ReturnRow, COLUMNS, rows, on_conflict="ON CONFLICT (tenant_id, key) DO NOTHING", returning="id")
    if len(written) != len(rows):
        # Another transaction used one of the keys for another order at this very moment; the caller's retry will see it.
        raise RequestKeyReused("A key of this batch was used for a different return.")
    lines = [
        (return_id, claim, standings[request.order_id].lines[claim.line_id])
        for return_id, request in fresh
        for claim in request.lines
    ]
    sql.insert(
        ReturnLineRow,
        LINE_COLUMNS,
        [
            (
                i,
                return_id,
                claim.line_id,
                line.sku_id,
                claim.quantity,
                claim.amount_minor,
                0,
                0,
                0,
                line.state.of_quantity,
                line.state.of_minor,
            )
            for i, (return_id, claim, line) in zip(ids.next_ids(len(lines)), lines, strict=True)
        ],
    )


def _digest(request: RequestReturn) -> bytes:
    """Equal for requests that ask for the same thing; who repeats it and when does not matter."""
    lines = sorted((claim.line_id, claim.quantity, claim.amount_minor) for claim in request.lines)
    text = f"{request.order_id}|{lines}|{request.mode.value}|{request.fault.value}|{request.goodwill}|{request.reason.strip()}"
    return blake2b(text.encode(), digest_size=16).digest()


def _find_known(keys: Sequence[str]) -> dict[str, tuple[ReturnId, bytes, ReturnStatus]]:
    rows = sql.fetch(
        "SELECT key, id, digest, status FROM returns WHERE tenant_id = %s AND key = ANY(%s::text[])",
        (tenancy.current_tenant_id(), list(keys)),
    )
    return {key: (ReturnId(return_id), bytes(digest), ReturnStatus(status)) for key, return_id, digest, status in rows}
