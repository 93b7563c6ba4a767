"""Choose the warehouses of a batch of orders and hold their goods there: few reads, one pure decision, few writes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from banyan.goods.catalog.queries import sku_facts
from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.types import Held, Reservation, ReservationState, Warehouse, WarehouseId
from banyan.goods.sourcing.engine.batch import decide
from banyan.goods.sourcing.engine.exact import solve
from banyan.goods.sourcing.models import DecisionRow
from banyan.goods.sourcing.queries import get_policy, list_capacities, points
from banyan.goods.sourcing.types import (
    Answer,
    Cause,
    Choice,
    Demand,
    Missing,
    Option,
    Piece,
    Place,
    Policy,
    Question,
    Shelf,
    ToSource,
    Wanted,
)
from banyan.kernel import ids, sql
from banyan.kernel.tenancy import current_tenant_id, get_tenant

LEVELS_MAX = 1_000_000
Holds = Mapping[int, Sequence[Reservation]]


def source(
    orders: Sequence[ToSource], at: datetime, cause: Cause = Cause.PAID, only_moves: bool = False
) -> dict[int, tuple[Missing, ...]]:
    """Hold the goods of these orders where the whole batch costs least. Returns what no active warehouse gives, by order.

    Orders come oldest first. Costs nothing where sourcing is off or one warehouse is active (unless ``cause`` is not payment).
    An order keeps what it holds if somebody took the stock meanwhile; what lies in a parcel stays where it is. Every choice is
    kept with its reasons; ``only_moves``: if it moves anything, for who asks again and again. Runs inside ``tenancy.enter``, with
    the orders locked by their house where it has any to lock.
    """
    policy = get_policy()
    if not orders or (cause is Cause.PAID and not policy.is_on):
        return {}
    active = [warehouse for warehouse in stock.list_warehouses() if warehouse.is_active]
    if cause is Cause.PAID and len(active) < 2:
        return {}
    holds, packed = _holds([order.order_id for order in orders], may_be_packed=cause is not Cause.PAID)
    orders = [order for order in orders if holds.get(order.order_id)]
    if not orders or not active:
        return {}
    answer = decide(_question(orders, holds, active, policy, at), points(), solve)
    wanted = {choice.order_id: _with_rest(choice, holds[choice.order_id]) for choice in answer.choices}
    settled = inventory.resettle({order_id: [*pieces, *packed.get(order_id, ())] for order_id, pieces in wanted.items()})
    moved = {order_id: _moved(holds[order_id], pieces) if order_id in settled else 0 for order_id, pieces in wanted.items()}
    choices = [choice for choice in answer.choices if moved[choice.order_id] or not only_moves]
    _write(orders, answer, choices, moved, settled, cause, at)
    return {choice.order_id: choice.chosen.missing for choice in answer.choices if choice.chosen.missing}


def _holds(order_ids: Sequence[int], may_be_packed: bool) -> tuple[dict[int, list[Reservation]], dict[int, list[Held]]]:
    """What can move: nothing that has left or ended; and what stays, because it lies in a parcel."""
    open_states = (ReservationState.RESERVED, ReservationState.ALLOCATED)
    found = stock.list_reservations(order_ids)
    packed = dict(stock.packed_pieces(order_ids)) if may_be_packed else {}
    loose: dict[int, list[Reservation]] = {order_id: [] for order_id in found}
    stays: dict[int, list[Held]] = {}
    for one in (one for rows in found.values() for one in rows if one.state in open_states):
        kept = packed_of(one, packed)
        if kept:
            stays.setdefault(one.order_id, []).append(Held(one.order_id, one.line_id, one.warehouse_id, one.sku_id, kept))
        if kept < one.quantity:
            loose[one.order_id].append(replace(one, quantity=one.quantity - kept))
    return loose, stays


def packed_of(one: Reservation, packed: dict[tuple[int, int], int]) -> int:
    """How many of its pieces lie in a parcel; they are taken out of ``packed``, so that no other reservation has them, too."""
    place = (one.line_id, one.warehouse_id)
    kept = min(packed.get(place, 0), one.quantity) if one.state is ReservationState.ALLOCATED else 0
    if kept:
        packed[place] -= kept
    return kept


def _question(orders: Sequence[ToSource], holds: Holds, active: Sequence[Warehouse], policy: Policy, at: datetime) -> Question:
    skus = {one.sku_id for order in orders for one in holds[order.order_id]}
    facts = sku_facts(skus)
    lines = {order.order_id: _lines(holds[order.order_id]) for order in orders}
    demands = tuple(
        Demand(
            order.order_id, order.region_code, _hours(order, policy, at),
            tuple(
                Wanted(line_id, sku_id, pieces, facts[sku_id].weight_grams if sku_id in facts else 0, policy.fresh_days)
                for (line_id, sku_id), pieces in lines[order.order_id].items()
            ),
        )
        for order in orders
    )  # fmt: skip
    held = {
        order.order_id: tuple(Piece(one.line_id, one.sku_id, one.warehouse_id, one.quantity) for one in holds[order.order_id])
        for order in orders
    }
    places = _places(active, at)
    return Question(demands, places, _shelves(skus, holds, places, policy, at), policy.zones, policy.weights, policy.split, held)


def _lines(holds: Sequence[Reservation]) -> dict[tuple[int, SkuId], int]:
    lines: dict[tuple[int, SkuId], int] = defaultdict(int)
    for one in holds:
        lines[one.line_id, one.sku_id] += one.quantity
    return lines


def _hours(order: ToSource, policy: Policy, at: datetime) -> int:
    if order.promised_at is None:
        return policy.promise_hours
    return max(0, int((order.promised_at - at).total_seconds() // 3600))


def _places(active: Sequence[Warehouse], at: datetime) -> tuple[Place, ...]:
    limits = {capacity.warehouse_id: capacity.parcels_per_day for capacity in list_capacities()}
    sent: dict[int, int] = {}
    if limits:
        midnight = at.astimezone(get_tenant(current_tenant_id()).zone).replace(hour=0, minute=0, second=0, microsecond=0)
        sent = dict(
            sql.fetch(
                "SELECT unnest(warehouse_ids) AS warehouse_id, count(*)::bigint FROM sourcing_decisions WHERE tenant_id = %s"
                " AND decided_at >= %s GROUP BY 1",
                (current_tenant_id(), midnight),
            )
        )
    return tuple(
        Place(
            w.warehouse_id, w.region_code, w.priority,
            max(0, limits[w.warehouse_id] - sent.get(w.warehouse_id, 0)) if w.warehouse_id in limits else None,
        )
        for w in active
    )  # fmt: skip


def _shelves(
    skus: set[SkuId], holds: Holds, places: Sequence[Place], policy: Policy, at: datetime
) -> dict[int, dict[int, Shelf]]:
    """What the batch may take: what is free, and what it holds itself."""
    pieces: dict[tuple[int, int], int] = defaultdict(int)
    for shelf in stock.stock_levels(skus, limit=LEVELS_MAX):
        pieces[shelf.sku_id, shelf.warehouse_id] += max(0, shelf.available)
    for rows in holds.values():
        for one in rows:
            pieces[one.sku_id, one.warehouse_id] += one.quantity
    expiry = stock.first_expiry(skus) if policy.fresh_days else {}
    today = at.astimezone(get_tenant(current_tenant_id()).zone).date()
    open_places = {place.warehouse_id for place in places}
    shelves: dict[int, dict[int, Shelf]] = {sku_id: {} for sku_id in skus}
    for (sku_id, warehouse_id), count in pieces.items():
        if warehouse_id in open_places and count:
            day = expiry.get((SkuId(sku_id), WarehouseId(warehouse_id)))
            shelves[sku_id][warehouse_id] = Shelf(count, (day - today).days if day is not None else None)
    return shelves


def _with_rest(choice: Choice, holds: Sequence[Reservation]) -> list[Held]:
    """The chosen pieces; what no active warehouse gives stays where it is held."""
    pieces = [Held(choice.order_id, one.line_id, one.warehouse_id, one.sku_id, one.quantity) for one in choice.chosen.pieces]
    missing = {one.line_id: one.quantity for one in choice.chosen.missing}
    active = {one.warehouse_id for one in choice.chosen.pieces}
    for one in sorted(holds, key=lambda hold: hold.warehouse_id in active):
        rest = min(one.quantity, missing.get(one.line_id, 0))
        if rest:
            missing[one.line_id] -= rest
            pieces.append(Held(choice.order_id, one.line_id, one.warehouse_id, one.sku_id, rest))
    return pieces


def _write(
    orders: Sequence[ToSource], answer: Answer, choices: Sequence[Choice], moved: Mapping[int, int], settled: set[int],
    cause: Cause, at: datetime,
) -> None:  # fmt: skip
    by_order = {order.order_id: order for order in orders}
    policy = get_policy()
    rows = []
    for identity, choice in zip(ids.next_ids(len(choices)), choices, strict=True):
        order = by_order[choice.order_id]
        kept = {
            "chosen": _kept(choice.chosen), "runner_up": _kept(choice.runner_up) if choice.runner_up else None,
            "alone": [_kept(option) for option in choice.alone],
        }  # fmt: skip
        rows.append(
            (
                identity, order.order_id, cause.value, order.region_code, _hours(order, policy, at), answer.method,
                answer.gap_bp, moved[order.order_id], order.order_id not in settled, list(choice.chosen.warehouse_ids), kept, at,
            )
        )  # fmt: skip
    sql.insert(
        DecisionRow,
        (
            "id", "order_id", "cause", "region_code", "hours", "method", "gap_bp", "moved_pieces", "is_kept", "warehouse_ids",
            "choice", "decided_at",
        ),
        rows,
    )  # fmt: skip


def _moved(before: Sequence[Reservation], after: Sequence[Held]) -> int:
    here: dict[tuple[int, int], int] = defaultdict(int)
    for one in before:
        here[one.line_id, one.warehouse_id] -= one.quantity
    for held in after:
        here[held.line_id, held.warehouse_id] += held.quantity
    return sum(pieces for pieces in here.values() if pieces > 0)


def _kept(option: Option) -> list[object]:
    return [option.pieces, option.missing, option.parcels, option.cost]
