"""Lots and which SKUs have them. All functions run inside ``tenancy.enter``."""

from __future__ import annotations

from collections.abc import Sequence

from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory.commands.moving import shop_day
from banyan.goods.inventory.models import Lot, LotDecision
from banyan.goods.inventory.types import LotId, LotState, LotTurn, NewLot
from banyan.kernel import clock, ids, sql
from banyan.kernel.tenancy import current_actor, current_tenant_id
from banyan.kernel.values.errors import Conflict, Invalid


class LotDiffers(Conflict):
    """The lot is known with other dates."""

    code = "lot_differs"
    advice = "Read the lot; name its dates as they are, or give the goods another lot number."


def find_or_begin(named: Sequence[tuple[SkuId, NewLot]]) -> dict[tuple[SkuId, str], LotId]:
    """The lots of these SKUs by number; unknown ones begin. A lot that is past its date begins as expired.

    Raises Invalid on an empty or over-long number, or an expiry before production; LotDiffers when a known lot has other dates.
    """
    if not named:
        return {}
    for _, lot in named:
        if not lot.number.strip() or len(lot.number) > 80 or not lot.number.isprintable() or len(lot.supplier_note) > 200:
            raise Invalid("A lot needs a number of 1 to 80 and a note of at most 200 characters.", field="number")
        if lot.produced_on and lot.expires_on and lot.expires_on < lot.produced_on:
            raise Invalid("A lot cannot expire before it is produced.", field="expires_on")
    now = clock.now()
    today = shop_day(now)
    rows = {
        (sku_id, lot.number): (lot.produced_on, lot.expires_on, lot.supplier_note, _first_state(lot, today))
        for sku_id, lot in named
    }
    begun = sql.insert(
        Lot,
        ("id", "sku_id", "number", "produced_on", "expires_on", "supplier_note", "state", "created_at"),
        [(identity, *key, *rows[key], now) for identity, key in zip(ids.next_ids(len(rows)), sorted(rows), strict=True)],
        on_conflict="ON CONFLICT (tenant_id, sku_id, number) DO NOTHING",
        returning="id, state",
    )
    write_decisions([lot_id for lot_id, state in begun if state == LotState.EXPIRED], LotTurn.EXPIRED, "received past its date")
    known = sql.fetch(
        "SELECT l.sku_id, l.number, l.id, l.produced_on, l.expires_on FROM inventory_lots l"
        " JOIN unnest(%s::bigint[], %s::text[]) AS u(sku_id, number) USING (sku_id, number) WHERE l.tenant_id = %s",
        ([key[0] for key in rows], [key[1] for key in rows], current_tenant_id()),
    )
    found = {(sku_id, number): (lot_id, produced_on, expires_on) for sku_id, number, lot_id, produced_on, expires_on in known}
    for sku_id, lot in named:
        _, produced_on, expires_on = found[sku_id, lot.number]
        if (lot.produced_on or produced_on) != produced_on or (lot.expires_on or expires_on) != expires_on:
            raise LotDiffers("This lot number is known with other dates.", number=lot.number)
    return {key: LotId(value[0]) for key, value in found.items()}


def _first_state(lot: NewLot, today: object) -> str:
    past = lot.expires_on is not None and lot.expires_on <= today  # type: ignore[operator]
    return (LotState.EXPIRED if past else LotState.OPEN).value


def write_decisions(lot_ids: Sequence[int], turn: LotTurn, reason: str) -> None:
    """Write what was decided about lots as facts; the caller changes their state."""
    now, actor = clock.now(), current_actor()
    sql.insert(
        LotDecision,
        ("id", "lot_id", "turn", "reason", "decided_by", "decided_at"),
        [(i, lot_id, turn.value, reason, actor, now) for i, lot_id in zip(ids.next_ids(len(lot_ids)), lot_ids, strict=True)],
    )
