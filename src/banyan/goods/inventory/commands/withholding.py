"""Lots taken out of sale and put back: quality hold, release, expiry, recall. What was promised from pieces that leave gives way
openly: it is served again from what is left, and where nothing is left, ``PromiseBroken`` says so. All run inside
``tenancy.enter``. Lock order: reservations by id, levels by (sku, warehouse), lots by id."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory.commands.channels import lose_of_shares, open_channels, shrink_shares
from banyan.goods.inventory.commands.holding import StockMoved, allocate, release_reserved, reserve
from banyan.goods.inventory.commands.lots import write_decisions
from banyan.goods.inventory.commands.moving import Place, lock_skus, shop_day
from banyan.goods.inventory.events import LotNearsExpiry, LotTurned, PromiseBroken, PromiseMended
from banyan.goods.inventory.models import FREE, NEARING, Reservation
from banyan.goods.inventory.queries import UnknownLot
from banyan.goods.inventory.types import LotId, LotState, LotTurn, ReserveLine
from banyan.kernel import clock, events, ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import Conflict, Invalid
from banyan.kernel.values.filled import Filled

SKUS_AT_ONCE = 20
"""So many SKUs' levels, and what is held of them, are locked by one batch of expiring lots."""
_TURNS: Mapping[LotTurn, tuple[frozenset[str], LotState]] = {
    LotTurn.HELD: (frozenset({"open"}), LotState.HELD),
    LotTurn.RELEASED: (frozenset({"held"}), LotState.OPEN),
    LotTurn.EXPIRED: (frozenset({"open"}), LotState.EXPIRED),
    LotTurn.RECALLED: (frozenset({"open", "held", "expired"}), LotState.RECALLED),
}


class WrongLotState(Conflict):
    """The lot is not in a state in which this can be decided."""

    code = "wrong_lot_state"
    advice = "Read the lot: only open lots are held, only held ones released, and a recall is for ever."


def hold_lots(lot_ids: Sequence[LotId], reason: str) -> int:
    """Quality hold: pieces of these lots are neither promised nor picked any more, wherever they lie. Returns how many lots.

    Raises Invalid, UnknownLot, WrongLotState; then none is held.
    """
    return _turn(lot_ids, LotTurn.HELD, reason)


def release_lots(lot_ids: Sequence[LotId], reason: str) -> int:
    """End the hold of lots; one that is past its date is expired from then on. Raises Invalid, UnknownLot, WrongLotState."""
    count = _turn(lot_ids, LotTurn.RELEASED, reason)
    while expire_lots(clock.now(), lot_ids=lot_ids):
        pass
    return count


def recall_lots(lot_ids: Sequence[LotId], reason: str) -> int:
    """Call lots back for ever: out of sale everywhere at once. Whom they reached: ``queries.lot_orders``.

    Raises Invalid, UnknownLot, WrongLotState; then none is recalled.
    """
    return _turn(lot_ids, LotTurn.RECALLED, reason)


def expire_lots(at: datetime, limit: int = 100, lot_ids: Sequence[LotId] | None = None) -> int:
    """Take lots that are past their date out of sale, at most ``limit`` and of at most SKUS_AT_ONCE SKUs, whose levels are
    locked meanwhile; returns how many. Idempotent."""
    rows = sql.fetch(
        "SELECT id, sku_id FROM inventory_lots WHERE tenant_id = %s AND state = 'open' AND expires_on <= %s"
        " AND (%s::bigint[] IS NULL OR id = ANY(%s::bigint[])) ORDER BY expires_on, id LIMIT %s",
        (current_tenant_id(), shop_day(at), *([list(lot_ids)] * 2 if lot_ids is not None else [None, None]), limit),
    )
    skus = set(list(dict.fromkeys(row[1] for row in rows))[:SKUS_AT_ONCE])
    return _turn([row[0] for row in rows if row[1] in skus], LotTurn.EXPIRED, "past its date")


def warn_of_expiry(at: datetime, limit: int = 500) -> int:
    """Record once per lot that is for sale that it expires soon, at most ``limit`` lots; returns how many."""
    rows = sql.fetch(
        f"UPDATE inventory_lots l SET warned_at = %s WHERE l.id IN (SELECT n.id FROM ({NEARING}) n WHERE n.warned_at IS NULL"
        " ORDER BY n.expires_on, n.id LIMIT %s) RETURNING l.id, l.sku_id, l.expires_on",
        (at, current_tenant_id(), shop_day(at), limit),
    )
    events.record(
        [
            LotNearsExpiry(lot_id=lot_id, sku_id=sku_id, expires_on=expires_on.isoformat(), occurred_at=at)
            for lot_id, sku_id, expires_on in rows
        ]
    )
    return len(rows)


def _turn(lot_ids: Sequence[int], turn: LotTurn, reason: str) -> int:
    wanted = sorted(set(lot_ids))
    if not reason.strip() or len(reason) > 200:
        raise Invalid("A decision about a lot needs a reason of 1 to 200 characters.", field="reason")
    if not wanted:
        return 0
    states, into = _TURNS[turn]
    rows = sql.fetch(
        "SELECT id, sku_id FROM inventory_lots WHERE tenant_id = %s AND id = ANY(%s::bigint[])", (current_tenant_id(), wanted)
    )
    if len(rows) != len(wanted):
        raise UnknownLot("No such lot.")
    sku_of = dict(rows)
    skus = sorted(set(sku_of.values()))
    if into is LotState.OPEN:
        lock_skus(skus)
        _lock_lots(wanted, states)
        _change_held(_shelved(wanted, "held"), -1)
        _set_state(wanted, into)
    else:

        def leaving(locked: bool) -> dict[Place, int]:
            if locked:
                _lock_lots(wanted, states)
            return _shelved(wanted, "open")

        with making_room(skus, leaving, turn.value) as left:
            _set_state(wanted, into)
            _change_held(left, 1)
    write_decisions(wanted, turn, reason)
    now = clock.now()
    events.record([LotTurned(lot_id=one, sku_id=sku_of[one], turn=turn.value, occurred_at=now) for one in wanted])
    return len(wanted)


def _lock_lots(lot_ids: Sequence[int], states: frozenset[str]) -> None:
    rows = sql.fetch(
        "SELECT id, state FROM inventory_lots WHERE tenant_id = %s AND id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE",
        (current_tenant_id(), list(lot_ids)),
    )
    for lot_id, state in rows:
        if state not in states:
            said = Filled("The lot is {state}.", state=LotState(state))
            raise WrongLotState(said, lot_id=ids.public("lot", lot_id), state=state)


def _set_state(lot_ids: Sequence[int], into: LotState) -> None:
    sql.execute(
        "UPDATE inventory_lots SET state = %s WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
        (into.value, current_tenant_id(), list(lot_ids)),
    )


def _shelved(lot_ids: Sequence[int], state: str) -> dict[Place, int]:
    """Pieces of those of these lots that are in this state, quarantined ones not counted: they cannot be promised anyway."""
    rows = sql.fetch(
        "SELECT k.sku_id, k.warehouse_id, sum(k.on_hand - k.quarantined)::bigint FROM inventory_lot_stock k"
        " JOIN inventory_lots l ON l.id = k.lot_id AND l.state = %s"
        " WHERE k.tenant_id = %s AND k.lot_id = ANY(%s::bigint[]) AND k.on_hand > k.quarantined"
        " GROUP BY k.sku_id, k.warehouse_id",
        (state, current_tenant_id(), list(lot_ids)),
    )
    return {(sku_id, warehouse_id): pieces for sku_id, warehouse_id, pieces in rows}


def _change_held(pieces: Mapping[Place, int], sign: int) -> None:
    sql.execute(
        "UPDATE inventory_stock_levels s SET held = s.held + u.held FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[])"
        " AS u(sku_id, warehouse_id, held) WHERE s.tenant_id = %s AND s.sku_id = u.sku_id AND s.warehouse_id = u.warehouse_id",
        (
            [place[0] for place in pieces], [place[1] for place in pieces], [sign * n for n in pieces.values()],
            current_tenant_id(),
        ),
    )  # fmt: skip


class _Open(NamedTuple):
    """A reservation that may have to give way."""

    reservation_id: int
    order_id: int
    line_id: int
    warehouse_id: int
    sku_id: int
    quantity: int
    state: str
    expires_at: datetime | None
    channel_stock_id: int | None


@dataclass(frozen=True, slots=True)
class _Losers:
    """Whose pieces were taken: unpaid orders whole, paid lines as far as pieces were missing."""

    unpaid: Sequence[ReserveLine]
    paid: Sequence[ReserveLine]


@contextmanager
def making_room(sku_ids: Sequence[int], leaving: Callable[[bool], dict[Place, int]], cause: str) -> Iterator[dict[Place, int]]:
    """Let pieces leave what can be promised, even where they are promised already. The block takes them out of the levels.

    ``leaving`` tells how many pieces leave each place; it is asked once before and once under the locks. Where fewer are free,
    promises give way: what channels have not sold yet, then unpaid orders, then paid ones, the latest first. After the block
    they are served again from what is left anywhere; paid lines for which nothing is left stay ``lost``, and ``PromiseBroken``
    tells of every line not served.
    """
    missing = _missing(leaving(False))
    lock_skus([*sku_ids, *(_lock_losers(sku_ids, missing) if missing else ())])
    places = leaving(True)
    missing = shrink_shares(_missing(places))
    losers = _break_promises(sku_ids, missing) if missing else None
    if losers is not None and shrink_shares(_missing(places)):  # unpaid orders gave pieces back to their channels' shares
        raise StockMoved("The stock changed while promises were being taken back.")
    yield places
    if losers is not None:
        _serve_again(losers, cause)


def _lock_losers(sku_ids: Sequence[int], missing: Mapping[Place, int]) -> list[int]:
    """Lock what is held of these SKUs, and all of the orders that will lose: they are served again whole. In one order; returns
    the other SKUs whose levels that touches."""
    unpaid, cuts = _choose(_open_reservations(sku_ids), missing)
    losers = {*unpaid, *(one.order_id for one, _ in cuts)}
    rows = sql.fetch(
        "SELECT order_id, sku_id FROM inventory_reservations WHERE tenant_id = %s AND ("
        " sku_id = ANY(%s::bigint[]) AND state IN ('reserved', 'allocated')"
        " OR order_id = ANY(%s::bigint[]) AND state IN ('reserved', 'allocated', 'lost')) ORDER BY id FOR UPDATE",
        (current_tenant_id(), list(sku_ids), sorted(losers)),
    )
    return sorted({sku_id for order_id, sku_id in rows if order_id in losers})


def _missing(places: Mapping[Place, int]) -> dict[Place, int]:
    """Pieces per place that are not free."""
    if not places:
        return {}
    rows = sql.fetch(
        f"SELECT s.sku_id, s.warehouse_id, u.pieces - ({FREE}) FROM inventory_stock_levels s"
        " JOIN unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS u(sku_id, warehouse_id, pieces) USING (sku_id, warehouse_id)"
        f" WHERE s.tenant_id = %s AND u.pieces > {FREE}",
        ([p[0] for p in places], [p[1] for p in places], list(places.values()), current_tenant_id()),
    )
    return {(sku_id, warehouse_id): pieces for sku_id, warehouse_id, pieces in rows}


def _open_reservations(sku_ids: Sequence[int]) -> list[_Open]:
    """The latest first: the order in which they give way."""
    rows = sql.fetch(
        "SELECT id, order_id, line_id, warehouse_id, sku_id, quantity, state, expires_at, channel_stock_id"
        " FROM inventory_reservations"
        " WHERE tenant_id = %s AND sku_id = ANY(%s::bigint[]) AND state IN ('reserved', 'allocated') ORDER BY id DESC",
        (current_tenant_id(), list(sku_ids)),
    )
    return [_Open(*row) for row in rows]


def _choose(
    reservations: Sequence[_Open], needed: Mapping[Place, int]
) -> tuple[dict[int, datetime | None], list[tuple[_Open, int]]]:
    """Who gives way, latest first: unpaid orders, whole, with the time until which they are held; then pieces of paid lines."""
    missing = dict(needed)
    latest = [one for one in reservations if (one.sku_id, one.warehouse_id) in missing]
    gone: dict[int, datetime | None] = {}
    for one in latest:
        place = (one.sku_id, one.warehouse_id)
        if one.state == "reserved" and (one.order_id in gone or missing[place] > 0):
            gone[one.order_id] = one.expires_at
            missing[place] -= one.quantity
    cuts: list[tuple[_Open, int]] = []
    for one in latest:
        place = (one.sku_id, one.warehouse_id)
        if one.state == "allocated" and missing[place] > 0:
            cuts.append((one, min(one.quantity, missing[place])))
            missing[place] -= cuts[-1][1]
    return gone, cuts


def _break_promises(sku_ids: Sequence[int], missing: Mapping[Place, int]) -> _Losers:
    at = clock.now()
    gone, cuts = _choose(_open_reservations(sku_ids), missing)
    unpaid: dict[tuple[int, int, int, int | None], int] = defaultdict(int)
    for _, order_id, line_id, sku_id, _, quantity, share_id in release_reserved(gone, at):
        unpaid[order_id, line_id, sku_id, share_id] += quantity
    channels = open_channels(line[3] for line in unpaid)
    _cut(cuts, at)
    return _Losers(
        [
            ReserveLine(order_id, line_id, SkuId(sku_id), quantity, gone[order_id], channels.get(share_id, ""))
            for (order_id, line_id, sku_id, share_id), quantity in unpaid.items()
        ],
        [ReserveLine(one.order_id, one.line_id, SkuId(one.sku_id), pieces) for one, pieces in cuts],
    )


def _cut(cuts: Sequence[tuple[_Open, int]], at: datetime) -> None:
    """Paid lines lose pieces: what stays allocated keeps its row, what is lost is a row of its own, of no channel's share."""
    whole = [one.reservation_id for one, pieces in cuts if pieces == one.quantity]
    parted = [(one, pieces) for one, pieces in cuts if pieces < one.quantity]
    tenant_id = current_tenant_id()
    sql.execute(
        "UPDATE inventory_reservations SET state = 'lost', channel_stock_id = NULL, changed_at = %s, lost_at = %s"
        " WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
        (at, at, tenant_id, whole),
    )
    sql.execute(
        "UPDATE inventory_reservations r SET quantity = r.quantity - u.pieces FROM unnest(%s::bigint[], %s::int[])"
        " AS u(id, pieces) WHERE r.tenant_id = %s AND r.id = u.id",
        ([one.reservation_id for one, _ in parted], [pieces for _, pieces in parted], tenant_id),
    )
    sql.insert(
        Reservation,
        ("id", "order_id", "line_id", "warehouse_id", "sku_id", "quantity", "state", "expires_at", "changed_at", "lost_at"),
        [
            (identity, one.order_id, one.line_id, one.warehouse_id, one.sku_id, pieces, "lost", None, at, at)
            for identity, (one, pieces) in zip(ids.next_ids(len(parted)), parted, strict=True)
        ],
    )
    sql.execute(
        "UPDATE inventory_stock_levels s SET allocated = s.allocated - u.pieces FROM (SELECT sku_id, warehouse_id, sum(pieces)"
        " AS pieces FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS w(sku_id, warehouse_id, pieces) GROUP BY 1, 2) u"
        " WHERE s.tenant_id = %s AND s.sku_id = u.sku_id AND s.warehouse_id = u.warehouse_id",
        ([one.sku_id for one, _ in cuts], [one.warehouse_id for one, _ in cuts], [n for _, n in cuts], tenant_id),
    )
    lose_of_shares((one.channel_stock_id, pieces) for one, pieces in cuts)


def _serve_again(losers: _Losers, cause: str) -> None:
    """What is paid comes first."""
    at = clock.now()
    lost = serve_lost({line.order_id for line in losers.paid}, at)
    refused = reserve(losers.unpaid)
    unserved = [(line, True) for line in losers.paid if line.order_id in lost]  # what was lost before was told before
    unserved += [(line, False) for line in losers.unpaid if line.order_id in refused]
    events.record(
        [
            PromiseBroken(
                order_id=line.order_id, line_id=line.line_id, sku_id=line.sku_id, quantity=line.quantity, was_paid=was_paid,
                cause=cause, occurred_at=at,
            )
            for line, was_paid in unserved
        ]
    )  # fmt: skip
    mended = sorted({line.order_id for line in losers.paid} - lost.keys())  # with what they had lost before, if anything
    events.record([PromiseMended(order_id=order_id, occurred_at=at) for order_id in mended])


def serve_lost(order_ids: Iterable[int], at: datetime) -> dict[int, tuple[ReserveLine, ...]]:
    """Try again to serve what paid orders lost: all of an order's lost pieces or none. Returns what stays lost, by order.

    Idempotent: an order that lost nothing is left out. The caller holds the orders' locks, or nobody else moves them.
    """
    lost: dict[int, list[ReserveLine]] = defaultdict(list)
    rows = sql.fetch(
        "SELECT id, order_id, line_id, sku_id, quantity FROM inventory_reservations WHERE tenant_id = %s"
        " AND order_id = ANY(%s::bigint[]) AND state = 'lost' ORDER BY id FOR UPDATE",
        (current_tenant_id(), sorted(set(order_ids))),
    )
    for _, order_id, line_id, sku_id, quantity in rows:
        lost[order_id].append(ReserveLine(order_id, line_id, sku_id, quantity))
    refused = reserve([line for lines in lost.values() for line in lines])
    served = [order_id for order_id in lost if order_id not in refused]
    if served:
        allocate(served, at)
        sql.execute(
            "UPDATE inventory_reservations SET state = 'released', changed_at = %s WHERE tenant_id = %s"
            " AND id = ANY(%s::bigint[])",
            (at, current_tenant_id(), [row[0] for row in rows if row[1] not in refused]),
        )
    return {order_id: tuple(lines) for order_id, lines in lost.items() if order_id in refused}
