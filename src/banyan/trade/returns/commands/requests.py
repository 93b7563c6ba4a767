"""Asking for returns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

from banyan.goods.catalog import queries as catalog
from banyan.goods.catalog.types import SkuFacts, SkuId
from banyan.kernel import clock, ids, sql, tenancy
from banyan.kernel.values.errors import Conflict, NotFound, Refusal
from banyan.kernel.values.filled import Filled
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import Order, OrderId
from banyan.trade.returns import queries
from banyan.trade.returns.commands.acceptance import accept
from banyan.trade.returns.commands.decisions import NOBODY, approve
from banyan.trade.returns.commands.standing import (
    AskedAlready,
    ExceedsPaid,
    ExceedsSold,
    Line,
    Standing,
    change_claims,
    lock_orders,
    open_orders,
)
from banyan.trade.returns.engine.deadlines import deadline_of, rule_in_force
from banyan.trade.returns.engine.refunds import goods_refund, left_to_ask
from banyan.trade.returns.engine.requests import (
    NotExchangeable,
    OrderStanding,
    judge_exclusion,
    judge_reason,
    judge_request,
)
from banyan.trade.returns.engine.review import rule_on
from banyan.trade.returns.models import ReturnLineRow, ReturnRow
from banyan.trade.returns.types import (
    AskerFacts,
    Deadline,
    Exclusion,
    ExclusionKind,
    Fault,
    LineClaim,
    Mode,
    Reason,
    RequestReturn,
    ReturnId,
    ReturnOutcome,
    ReturnPolicy,
    ReturnStatus,
    Route,
    Ruling,
    StatutoryReturn,
)

COLUMNS = (
    "id", "order_id", "buyer_id", "status", "mode", "fault", "goodwill", "reason", "decision_reason", "currency",
    "refund_minor", "freight_minor", "refund_attempt", "key", "digest", "requested_by", "requested_at", "reason_code", "ruling",
    "is_automatic", "deadline_at", "deadline_ground", "carrier", "tracking_number", "hand_back_carrier", "hand_back_number",
    "difference_minor",
)  # fmt: skip
LINE_COLUMNS = (
    "id", "return_id", "line_id", "sku_id", "quantity", "amount_minor", "restock_quantity", "scrap_quantity", "refund_minor",
    "of_quantity", "of_minor", "quarantine_quantity", "deducted_minor", "deduction_reason", "carried_minor", "exchange_sku_id",
    "exchange_unit_minor",
)  # fmt: skip


class RequestKeyReused(Conflict):
    """The key belongs to a different request."""

    code = "return_key_reused"
    advice = "Use a new key for a new return."


@dataclass(frozen=True)
class Terms:
    """Everything that decides about a batch of requests, read once."""

    policy: ReturnPolicy
    law: tuple[StatutoryReturn, ...]
    reasons: Mapping[str, Reason]
    exclusions: Sequence[Exclusion]
    orders: Mapping[OrderId, Order]
    askers: Mapping[int, queries.Asker]
    wanted: Mapping[SkuId, SkuFacts]
    photos: Mapping[int, tuple[int, int | None]]
    """Uploader and return (None: not attached yet) by photo."""

    def reason_of(self, request: RequestReturn) -> Reason | None:
        """The catalogue's entry, None for the shop's own words or an unknown code."""
        return self.reasons.get(request.reason_code)

    def statute(self, order: Order) -> StatutoryReturn | None:
        """What the law gave on the day of receipt."""
        zone = tenancy.get_tenant(tenancy.current_tenant_id()).zone
        day = (order.received_at or order.placed_at).astimezone(zone).date()
        return rule_in_force(self.law, day)

    def deadline(self, order: Order) -> Deadline | None:
        """Until when; None before receipt."""
        if order.received_at is None:
            return None
        zone = tenancy.get_tenant(tenancy.current_tenant_id()).zone
        asker = self.askers[order.buyer_id]
        tier = asker.tier if asker.is_active_distributor else None
        return deadline_of(order.received_at, zone, self.policy, tier, self.statute(order))


def request_returns(requests: Sequence[RequestReturn]) -> list[ReturnOutcome]:
    """Ask for returns; one outcome each, in order. Units are claimed at once, so two requests never share one.

    What the policy lets pass is approved at once, and refunded at once where no goods are awaited; the outcome says where the
    return stands. Idempotent by key: the same request again gives the same return (`repeated`). Refusals: not_found,
    order_closed, return_deadline_passed, order_not_returnable, return_claims_nothing, return_reason_missing,
    return_reason_unknown, return_photos_needed, return_excluded_by_law, return_not_exchangeable, return_exceeds_sold,
    refund_exceeds_paid, return_asked_already, return_key_reused.
    """
    terms = _read_terms(requests)
    requests = [_complete(request, terms.reason_of(request)) for request in requests]
    refusals: dict[int, Refusal] = {}
    for position, request in enumerate(requests):
        refusal = _judge(request, terms)
        if refusal is not None:
            refusals[position] = refusal
    order_ids = {OrderId(request.order_id) for position, request in enumerate(requests) if position not in refusals}
    open_orders(terms.orders[order_id] for order_id in order_ids)
    standings = lock_orders(order_ids)
    # Under the lock, so that what has just been committed is seen: requests with the same key, and what others ask for.
    _add_asked(standings)
    known = _find_known([request.key for request in requests])
    outcomes, fresh = _claim_all(requests, refusals, terms, standings, known)
    rulings = {return_id: _rule(request, terms, standings[request.order_id]) for return_id, request in fresh}
    _write(fresh, standings, terms, rulings)
    return _go_on(outcomes, fresh, rulings)


def _add_asked(standings: Mapping[int, Standing]) -> None:
    asked = queries.asked_amounts(standings)
    for standing in standings.values():
        for line_id, line in standing.lines.items():
            line.asked_minor = asked.get(line_id, 0)


def _read_terms(requests: Sequence[RequestReturn]) -> Terms:
    found = orders.list_by_ids(sorted({OrderId(request.order_id) for request in requests}))
    wanted = {claim.exchange_sku_id for request in requests for claim in request.lines} - {None}
    photo_ids = [photo_id for request in requests for photo_id in request.photo_ids]
    photos = (
        sql.fetch(
            "SELECT id, uploaded_by, return_id FROM return_photos WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
            (tenancy.current_tenant_id(), photo_ids),
        )
        if photo_ids
        else []
    )
    return Terms(
        policy=queries.get_policy(),
        law=queries.statutory_returns(),
        reasons={reason.code: reason for reason in queries.list_reasons()},
        exclusions=queries.list_exclusions(),
        orders=found,
        askers=queries.askers((order.buyer_id for order in found.values()), clock.now()),
        wanted=catalog.sku_facts({SkuId(sku_id) for sku_id in wanted if sku_id is not None}) if wanted else {},
        photos={row[0]: (row[1], row[2]) for row in photos},
    )


def _complete(request: RequestReturn, reason: Reason | None) -> RequestReturn:
    """The catalogue's entry says whose fault it is, and speaks where the asker wrote nothing."""
    if reason is None:
        return request
    return replace(request, fault=Fault(reason.fault), reason=request.reason.strip() or reason.name_zh)


def _judge(request: RequestReturn, terms: Terms) -> Refusal | None:
    order = terms.orders.get(OrderId(request.order_id))
    if order is None:
        return NotFound("No such order.")
    reason = terms.reason_of(request)
    usable = [terms.photos.get(one) == (request.requested_by, None) for one in set(request.photo_ids)]
    return (
        judge_request(request, OrderStanding(order.state.value, order.received_at, terms.deadline(order)))
        or judge_reason(request, reason, sum(usable))
        or judge_exclusion(_excluded(request, order, terms), reason, terms.statute(order))
        or _judge_exchange(request, order, terms)
    )


def _excluded(request: RequestReturn, order: Order, terms: Terms) -> set[ExclusionKind]:
    claimed = {claim.line_id for claim in request.lines}
    categories = {category for line in order.lines if line.line_id in claimed for category in line.sku.category_path}
    return {exclusion.kind for exclusion in terms.exclusions if exclusion.category_id in categories}


def _judge_exchange(request: RequestReturn, order: Order, terms: Terms) -> Refusal | None:
    for claim in request.lines:
        if claim.exchange_sku_id is not None:
            sku = terms.wanted.get(SkuId(claim.exchange_sku_id))
            if sku is None or not sku.on_sale or sku.currency != order.currency:
                return NotExchangeable("What is wanted instead is not on sale.")
            if sku.parts:
                return NotExchangeable("A bundle is not sent in exchange; name one of its parts.")
    return None


def _claim_all(
    requests: Sequence[RequestReturn],
    refusals: Mapping[int, Refusal],
    terms: Terms,
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
        refusal = _judge_asked(line, claim)
        if refusal is not None:
            return refusal
    for claim in request.lines:
        standing.lines[claim.line_id].claimed_quantity += claim.quantity
        standing.lines[claim.line_id].asked_minor += claim.amount_minor
    return None


def _judge_asked(line: Line, claim: LineClaim) -> Refusal | None:
    """Nobody begins what could only be refused at its end: open returns and this one ask for at most what is left."""
    if left_to_ask(line.state, line.claimed_quantity + claim.quantity, line.asked_minor + claim.amount_minor) >= 0:
        return None
    left_minor = max(left_to_ask(line.state, line.claimed_quantity, line.asked_minor), 0)
    wanted = goods_refund(line.state, claim.quantity) if claim.quantity else claim.amount_minor
    return AskedAlready(
        Filled(
            "{wanted_minor} is asked for; open returns leave {left_minor} of this line.",
            wanted_minor=wanted,
            left_minor=left_minor,
        ),
        left_minor=left_minor,
    )


def _rule(request: RequestReturn, terms: Terms, standing: Standing) -> Ruling:
    asker, order = terms.askers[standing.buyer_id], terms.orders[OrderId(request.order_id)]
    needs_proof = request.fault is Fault.MERCHANT or (request.mode.wants_goods and bool(_excluded(request, order, terms)))
    facts = AskerFacts(
        tier=asker.tier,
        is_active_distributor=asker.is_active_distributor,
        received_orders=asker.received_orders,
        returned_orders=asker.returned_orders,
        risks=asker.risks,
        worth_minor=sum(_worth(standing, claim) for claim in request.lines),
        is_by_amount=request.mode.is_by_amount,
        is_goodwill=request.goodwill,
        is_on_word_alone=terms.reason_of(request) is None and needs_proof,
    )
    return rule_on(facts, terms.policy.review)


def _worth(standing: Standing, claim: LineClaim) -> int:
    return goods_refund(standing.lines[claim.line_id].state, claim.quantity) if claim.quantity else claim.amount_minor


def _write(
    fresh: Sequence[tuple[ReturnId, RequestReturn]],
    standings: Mapping[int, Standing],
    terms: Terms,
    rulings: Mapping[ReturnId, Ruling],
) -> None:
    if not fresh:
        return
    claims: Counter[int] = Counter()
    for _, request in fresh:
        claims.update({claim.line_id: claim.quantity for claim in request.lines})
    change_claims(claims)
    rows = [_row(return_id, request, standings[request.order_id], terms, rulings[return_id]) for return_id, request in fresh]
    written = sql.insert(ReturnRow, COLUMNS, rows, on_conflict="ON CONFLICT (tenant_id, key) DO NOTHING", returning="id")
    if len(written) != len(rows):
        # Another transaction used one of the keys for another order at this very moment; the caller's retry will see it.
        raise RequestKeyReused("A key of this batch was used for a different return.")
    lines = [(return_id, request, claim) for return_id, request in fresh for claim in request.lines]
    sql.insert(
        ReturnLineRow,
        LINE_COLUMNS,
        [
            _line_row(i, return_id, claim, standings[request.order_id], terms)
            for i, (return_id, request, claim) in zip(ids.next_ids(len(lines)), lines, strict=True)
        ],
    )
    _attach_photos(fresh)


def _row(return_id: ReturnId, request: RequestReturn, standing: Standing, terms: Terms, ruling: Ruling) -> tuple[object, ...]:
    deadline = terms.deadline(terms.orders[OrderId(request.order_id)])
    return (
        return_id, request.order_id, standing.buyer_id, ReturnStatus.REQUESTED.value, request.mode.value, request.fault.value,
        request.goodwill, request.reason.strip(), "", standing.currency, 0, 0, 1, request.key, _digest(request),
        request.requested_by, request.requested_at, request.reason_code, list(ruling.steps), False,
        deadline.at if deadline else None, deadline.ground if deadline else "", "", "", "", "", 0,
    )  # fmt: skip


def _line_row(number: int, return_id: ReturnId, claim: LineClaim, standing: Standing, terms: Terms) -> tuple[object, ...]:
    line = standing.lines[claim.line_id]
    other = claim.exchange_sku_id if claim.exchange_sku_id != line.sku_id else None
    unit_minor = terms.wanted[SkuId(other)].price_minor if other is not None else None
    return (
        number, return_id, claim.line_id, line.sku_id, claim.quantity, claim.amount_minor, 0, 0, 0, line.state.of_quantity,
        line.state.of_minor, 0, 0, "", 0, other, unit_minor,
    )  # fmt: skip


def _attach_photos(fresh: Sequence[tuple[ReturnId, RequestReturn]]) -> None:
    attached = [(photo_id, return_id) for return_id, request in fresh for photo_id in set(request.photo_ids)]
    if not attached:
        return
    moved = sql.execute(
        "UPDATE return_photos p SET return_id = d.return_id FROM unnest(%s::bigint[], %s::bigint[]) AS d(id, return_id)"
        " WHERE p.tenant_id = %s AND p.id = d.id AND p.return_id IS NULL",
        (*(list(column) for column in zip(*attached, strict=True)), tenancy.current_tenant_id()),
    )
    if moved != len(attached):
        raise RequestKeyReused("A photo of this batch was attached to another return.")


def _go_on(
    outcomes: Sequence[ReturnOutcome],
    fresh: Sequence[tuple[ReturnId, RequestReturn]],
    rulings: Mapping[ReturnId, Ruling],
) -> list[ReturnOutcome]:
    """What needs no review is approved by the policy, and accepted where no goods are awaited. What cannot be done now (nothing
    in stock to exchange for) waits for a person."""
    passed = [return_id for return_id, _ in fresh if rulings[return_id].route is Route.AUTOMATIC]
    if not passed:
        return list(outcomes)
    later = {one.return_id: one for one in approve(passed, NOBODY) if one.refusal is None}
    modes = {return_id: request.mode for return_id, request in fresh}
    ready = [return_id for return_id in passed if return_id in later and not modes[return_id].wants_goods]
    later |= {one.return_id: one for one in accept(ready) if one.refusal is None} if ready else {}
    return [later.get(outcome.return_id, outcome) if outcome.refusal is None else outcome for outcome in outcomes]


def _digest(request: RequestReturn) -> bytes:
    """Equal for requests that ask for the same thing; who repeats it and when does not matter."""
    lines = sorted((claim.line_id, claim.quantity, claim.amount_minor) for claim in request.lines)
    text = f"{request.order_id}|{lines}|{request.mode.value}|{request.fault.value}|{request.goodwill}|{request.reason.strip()}"
    if request.mode is Mode.EXCHANGE or request.reason_code or request.photo_ids:
        wanted = [claim.exchange_sku_id for claim in request.lines]
        text += f"|{wanted}|{request.reason_code}|{sorted(set(request.photo_ids))}"
    return blake2b(text.encode(), digest_size=16).digest()


def _find_known(keys: Sequence[str]) -> dict[str, tuple[ReturnId, bytes, ReturnStatus]]:
    rows = sql.fetch(
        "SELECT key, id, digest, status FROM returns WHERE tenant_id = %s AND key = ANY(%s::text[])",
        (tenancy.current_tenant_id(), list(keys)),
    )
    return {key: (ReturnId(return_id), bytes(digest), ReturnStatus(status)) for key, return_id, digest, status in rows}
