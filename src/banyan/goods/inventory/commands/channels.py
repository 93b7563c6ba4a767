"""Stock set aside for a channel: a campaign, a live room, a group. Pieces of a share are free for its channel, for nobody else.

A level's ``set_aside`` counts the pieces of open shares that no order of their channel holds yet; it is part of the level's
CHECK, so ordinary orders cannot take them. A share's ``taken`` may not exceed its ``quantity``: the channel cannot take more.
Both change under the lock of the level, which everybody takes first. All functions run inside ``tenancy.enter``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from banyan.goods.inventory.commands.moving import lock_places
from banyan.goods.inventory.commands.stocking import QUANTITY_MAX, StockPromised, UnknownSku
from banyan.goods.inventory.models import FREE, ChannelStockRow
from banyan.goods.inventory.types import ChannelStockId, Held, NewChannelStock, ReserveLine
from banyan.kernel import clock, ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import Invalid

CHANNEL_MAX = 60

_FREE_PLACES = f"""
SELECT s.sku_id, s.warehouse_id, {FREE} FROM inventory_stock_levels s JOIN inventory_warehouses w ON w.id = s.warehouse_id
WHERE s.tenant_id = %s AND s.sku_id = ANY(%s::bigint[]) AND w.is_active ORDER BY w.priority, w.id
"""
_RAISE = f"""
UPDATE inventory_stock_levels s SET set_aside = s.set_aside + u.quantity
FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS u(sku_id, warehouse_id, quantity)
WHERE s.tenant_id = %s AND s.sku_id = u.sku_id AND s.warehouse_id = u.warehouse_id AND {FREE} >= u.quantity
"""


def set_aside(shares: Sequence[NewChannelStock]) -> list[ChannelStockId]:
    """Set pieces aside for channels. A share that names no warehouse is taken where it is free, first choice first.

    What a channel already has of a SKU in a warehouse grows. Returns the ids of the shares touched, in lock order. Raises
    StockPromised when fewer pieces are free, Invalid, UnknownSku; then nothing is set aside.
    """
    for share in shares:
        if not 0 < share.quantity <= QUANTITY_MAX:
            raise Invalid("A quantity must lie within 1 and 1,000,000,000.", field="quantity")
        if not share.channel.strip() or len(share.channel) > CHANNEL_MAX:
            raise Invalid("A channel's key has 1 to 60 characters.", field="channel")
    if not shares:
        return []
    tenant_id = current_tenant_id()
    skus = list({share.sku_id for share in shares})
    rows = sql.fetch(_FREE_PLACES, (tenant_id, skus))
    lock_places([(row[0], row[1]) for row in rows])
    free: dict[int, dict[int, int]] = {}
    for sku_id, warehouse_id, pieces in sql.fetch(_FREE_PLACES, (tenant_id, skus)):
        free.setdefault(sku_id, {})[warehouse_id] = pieces
    parts: dict[tuple[int, int, str], tuple[int, datetime | None]] = {}
    for share in shares:
        for warehouse_id, pieces in _where(share, free.get(share.sku_id)):
            key = (share.sku_id, warehouse_id, share.channel.strip())
            parts[key] = (parts.get(key, (0, None))[0] + pieces, share.ends_at)
    return _write(parts)


def _where(share: NewChannelStock, free: dict[int, int] | None) -> list[tuple[int, int]]:
    """The warehouses that give the share's pieces, which are taken out of ``free``."""
    if free is None:
        raise UnknownSku("This SKU has no stock in a warehouse that serves orders.")
    wanted, found = share.quantity, []
    for warehouse_id in [share.warehouse_id] if share.warehouse_id is not None else list(free):
        pieces = min(wanted, max(0, free.get(warehouse_id, 0)))
        if pieces:
            free[warehouse_id] -= pieces
            wanted -= pieces
            found.append((warehouse_id, pieces))
    if wanted:
        raise StockPromised(
            "Fewer pieces are free than are to be set aside.", sku_id=ids.public("sku", share.sku_id),
            requested=share.quantity, available=share.quantity - wanted,
        )  # fmt: skip
    return found


def _write(parts: dict[tuple[int, int, str], tuple[int, datetime | None]]) -> list[ChannelStockId]:
    now = clock.now()
    keys = sorted(parts)
    totals: dict[tuple[int, int], int] = {}
    for sku_id, warehouse_id, channel in keys:
        totals[sku_id, warehouse_id] = totals.get((sku_id, warehouse_id), 0) + parts[sku_id, warehouse_id, channel][0]
    places = sorted(totals)
    columns = ([p[0] for p in places], [p[1] for p in places], [totals[p] for p in places])
    if sql.execute(_RAISE, (*columns, current_tenant_id())) != len(places):
        raise StockPromised("Fewer pieces are free than are to be set aside.")
    rows = sql.insert(
        ChannelStockRow,
        ("id", "sku_id", "warehouse_id", "channel", "quantity", "taken", "ends_at", "opened_at"),
        [
            (identity, *key, parts[key][0], 0, parts[key][1], now)
            for identity, key in zip(ids.next_ids(len(keys)), keys, strict=True)
        ],
        on_conflict="ON CONFLICT (tenant_id, sku_id, warehouse_id, channel) WHERE ended_at IS NULL"
        " DO UPDATE SET quantity = inventory_channel_stocks.quantity + EXCLUDED.quantity,"
        " ends_at = coalesce(EXCLUDED.ends_at, inventory_channel_stocks.ends_at)",
        returning="id",
    )
    return [ChannelStockId(row[0]) for row in rows]


_END = """
WITH ended AS (
  UPDATE inventory_channel_stocks SET ended_at = %s WHERE tenant_id = %s AND id = ANY(%s::bigint[]) AND ended_at IS NULL
  RETURNING sku_id, warehouse_id, quantity - taken AS left_over
), back AS (SELECT sku_id, warehouse_id, sum(left_over) AS pieces FROM ended GROUP BY sku_id, warehouse_id), given AS (
  UPDATE inventory_stock_levels s SET set_aside = s.set_aside - b.pieces FROM back b
  WHERE s.tenant_id = %s AND s.sku_id = b.sku_id AND s.warehouse_id = b.warehouse_id
)
SELECT coalesce(sum(pieces), 0)::bigint, count(*) FROM back
"""


def end_channels(channels: Iterable[str]) -> int:
    """Give what these channels have left back to everybody; returns the pieces. What their orders hold stays. Idempotent."""
    rows = sql.fetch(
        "SELECT id, sku_id, warehouse_id FROM inventory_channel_stocks WHERE tenant_id = %s AND ended_at IS NULL"
        " AND channel = ANY(%s::text[])",
        (current_tenant_id(), list(channels)),
    )
    return _end(rows)


def end_due_channels(at: datetime, limit: int = 500) -> int:
    """End shares whose time is over, at most ``limit``; returns how many shares."""
    rows = sql.fetch(
        "SELECT id, sku_id, warehouse_id FROM inventory_channel_stocks WHERE tenant_id = %s AND ended_at IS NULL"
        " AND ends_at <= %s ORDER BY id LIMIT %s",
        (current_tenant_id(), at, limit),
    )
    _end(rows)
    return len(rows)


def _end(rows: Sequence[tuple[int, ...]]) -> int:
    if not rows:
        return 0
    lock_places([(row[1], row[2]) for row in rows])
    tenant_id = current_tenant_id()
    return int(sql.fetch(_END, (clock.now(), tenant_id, [row[0] for row in rows], tenant_id))[0][0])


class Share(NamedTuple):
    """Pieces that a channel may still take of a SKU in a warehouse."""

    channel_stock_id: int
    warehouse_id: int
    left: int


class Shares:
    """The shares of a batch of lines, for the choice of warehouses: a channel's SKU is a SKU of its own there.

    Stand-ins are negative, so they are nobody's id. Batches without a channel pay nothing: ``key_of`` is the SKU.
    """

    def __init__(self, lines: Iterable[ReserveLine]) -> None:
        wanted = sorted({(line.channel, line.sku_id) for line in lines if line.channel})
        self._stand_in = {pair: -number for number, pair in enumerate(wanted, start=1)}
        self._sku_of = {key: sku_id for (_, sku_id), key in self._stand_in.items()}
        self._share: dict[tuple[int, int], int] = {}

    def __bool__(self) -> bool:
        return bool(self._stand_in)

    def key_of(self, line: ReserveLine) -> int:
        """What the line asks for: its SKU, or the stand-in of its channel's share of it."""
        return self._stand_in[line.channel, line.sku_id] if line.channel else line.sku_id

    def sku_of(self, key: int) -> int:
        """The SKU behind a key."""
        return self._sku_of.get(key, key)

    def free(self) -> dict[int, dict[int, int]]:
        """Pieces left by stand-in and warehouse. The levels are locked already: nobody else can take them now."""
        pairs = list(self._stand_in)
        rows = sql.fetch(
            "SELECT c.channel, c.sku_id, c.warehouse_id, c.id, c.quantity - c.taken FROM inventory_channel_stocks c"
            " JOIN unnest(%s::text[], %s::bigint[]) AS u(channel, sku_id) ON u.channel = c.channel AND u.sku_id = c.sku_id"
            " WHERE c.tenant_id = %s AND c.ended_at IS NULL AND (c.ends_at IS NULL OR c.ends_at > %s)",
            ([pair[0] for pair in pairs], [pair[1] for pair in pairs], current_tenant_id(), clock.now()),
        )
        found: dict[int, dict[int, int]] = {}
        for channel, sku_id, warehouse_id, share_id, left in rows:
            key = self._stand_in[channel, sku_id]
            found.setdefault(key, {})[warehouse_id] = left
            self._share[key, warehouse_id] = share_id
        return found

    def named(self, held: Held) -> Held:
        """What was chosen, with its real SKU and the share that it is taken from."""
        if held.sku_id >= 0:
            return held
        return held._replace(sku_id=self._sku_of[held.sku_id], channel_stock_id=self._share[held.sku_id, held.warehouse_id])


# The conditions are the guard: an ended share, or one with too little left, is not taken from; then the counts differ.
_TAKE = """
WITH u AS (SELECT * FROM unnest(%s::bigint[], %s::bigint[]) AS u(id, quantity)), taken AS (
  UPDATE inventory_channel_stocks c SET taken = c.taken + u.quantity FROM u
  WHERE c.tenant_id = %s AND c.id = u.id AND c.ended_at IS NULL AND c.quantity - c.taken >= u.quantity
  RETURNING c.sku_id, c.warehouse_id, u.quantity
), places AS (SELECT sku_id, warehouse_id, sum(quantity) AS pieces FROM taken GROUP BY sku_id, warehouse_id), moved AS (
  UPDATE inventory_stock_levels s SET reserved = s.reserved + p.pieces, set_aside = s.set_aside - p.pieces FROM places p
  WHERE s.tenant_id = %s AND s.sku_id = p.sku_id AND s.warehouse_id = p.warehouse_id
)
SELECT count(*) FROM taken
"""


def take_shares(holds: Sequence[Held]) -> bool:
    """Move pieces of shares to their channels' orders: set aside − , reserved +. False when a share has less by now."""
    totals: dict[int, int] = {}
    for held in holds:
        if held.channel_stock_id is not None:
            totals[held.channel_stock_id] = totals.get(held.channel_stock_id, 0) + held.quantity
    if not totals:
        return True
    tenant_id = current_tenant_id()
    return bool(sql.fetch(_TAKE, (list(totals), list(totals.values()), tenant_id, tenant_id))[0][0] == len(totals))


_SHRINK = """
WITH u AS (SELECT * FROM unnest(%s::bigint[], %s::bigint[]) AS u(id, pieces)), cut AS (
  UPDATE inventory_channel_stocks c SET quantity = c.quantity - u.pieces FROM u WHERE c.tenant_id = %s AND c.id = u.id
  RETURNING c.sku_id, c.warehouse_id, u.pieces
), places AS (SELECT sku_id, warehouse_id, sum(pieces) AS pieces FROM cut GROUP BY sku_id, warehouse_id)
UPDATE inventory_stock_levels s SET set_aside = s.set_aside - p.pieces FROM places p
WHERE s.tenant_id = %s AND s.sku_id = p.sku_id AND s.warehouse_id = p.warehouse_id
"""


def shrink_shares(missing: Mapping[tuple[int, int], int]) -> dict[tuple[int, int], int]:
    """Where pieces are missing, by (SKU, warehouse), what channels have not sold yet gives way; returns what is missing still.

    The caller holds the levels' locks.
    """
    if not missing:
        return {}
    tenant_id, still = current_tenant_id(), dict(missing)
    rows = sql.fetch(
        "SELECT c.id, c.sku_id, c.warehouse_id, c.quantity - c.taken FROM inventory_channel_stocks c"
        " JOIN unnest(%s::bigint[], %s::bigint[]) AS u(sku_id, warehouse_id) USING (sku_id, warehouse_id)"
        " WHERE c.tenant_id = %s AND c.ended_at IS NULL AND c.quantity > c.taken ORDER BY c.id DESC",
        ([place[0] for place in still], [place[1] for place in still], tenant_id),
    )
    cuts: dict[int, int] = {}
    for share_id, sku_id, warehouse_id, left in rows:
        part = min(left, still[sku_id, warehouse_id])
        if part > 0:
            cuts[share_id] = part
            still[sku_id, warehouse_id] -= part
    if cuts:
        sql.execute(_SHRINK, (list(cuts), list(cuts.values()), tenant_id, tenant_id))
    return {place: pieces for place, pieces in still.items() if pieces > 0}


def open_channels(share_ids: Iterable[int | None]) -> dict[int | None, str]:
    """The channels of these shares; ended ones, None and unknown ones are left out."""
    wanted = [share_id for share_id in set(share_ids) if share_id is not None]
    if not wanted:
        return {}
    rows = sql.fetch(
        "SELECT id, channel FROM inventory_channel_stocks WHERE tenant_id = %s AND id = ANY(%s::bigint[]) AND ended_at IS NULL",
        (current_tenant_id(), wanted),
    )
    return dict(rows)


def lose_of_shares(lost: Iterable[tuple[int | None, int]]) -> None:
    """Pieces (share or None, quantity) of a channel's paid orders are gone: its share shrinks by what it sold of them."""
    totals: dict[int, int] = {}
    for share_id, quantity in lost:
        if share_id is not None:
            totals[share_id] = totals.get(share_id, 0) + quantity
    if totals:
        sql.execute(
            "UPDATE inventory_channel_stocks c SET taken = c.taken - u.pieces, quantity = c.quantity - u.pieces"
            " FROM unnest(%s::bigint[], %s::bigint[]) AS u(id, pieces) WHERE c.tenant_id = %s AND c.id = u.id",
            (list(totals), list(totals.values()), current_tenant_id()),
        )


_GIVE_BACK = """
WITH u AS (SELECT * FROM unnest(%s::bigint[], %s::bigint[]) AS u(id, quantity)), given AS (
  UPDATE inventory_channel_stocks c SET taken = c.taken - u.quantity FROM u WHERE c.tenant_id = %s AND c.id = u.id
  RETURNING c.sku_id, c.warehouse_id, CASE WHEN c.ended_at IS NULL THEN u.quantity ELSE 0 END AS pieces
), places AS (SELECT sku_id, warehouse_id, sum(pieces) AS pieces FROM given GROUP BY sku_id, warehouse_id)
UPDATE inventory_stock_levels s SET set_aside = s.set_aside + p.pieces FROM places p
WHERE s.tenant_id = %s AND s.sku_id = p.sku_id AND s.warehouse_id = p.warehouse_id AND p.pieces > 0
"""


def give_back(released: Iterable[tuple[int | None, int]]) -> None:
    """Pieces (share or None, quantity) that an order gave up go back to their share while it is open, else to everybody.

    The caller has released them in this transaction and so holds the levels' locks.
    """
    totals: dict[int, int] = {}
    for share_id, quantity in released:
        if share_id is not None:
            totals[share_id] = totals.get(share_id, 0) + quantity
    if totals:
        tenant_id = current_tenant_id()
        sql.execute(_GIVE_BACK, (list(totals), list(totals.values()), tenant_id, tenant_id))
