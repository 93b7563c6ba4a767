"""What ``banyan verify`` recomputes of warehousing: what was sent, came in, was lost or counted is what moved."""

from __future__ import annotations

from collections.abc import Iterator

from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.types import MovementKind
from banyan.kernel import ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.verification import Finding, Tally, check

_RECEIVED = """
SELECT l.id, l.transfer_id, coalesce(r.received, 0), coalesce(r.lost, 0), l.received, l.lost FROM warehousing_transfer_lines l
LEFT JOIN (
  SELECT line_id, sum(received)::bigint AS received, sum(lost)::bigint AS lost FROM warehousing_transfer_receipts
  WHERE tenant_id = %(tenant)s GROUP BY line_id
) r ON r.line_id = l.id WHERE l.tenant_id = %(tenant)s
"""
_STATES = """
SELECT t.id, t.state, coalesce(sum(l.quantity), 0)::bigint, coalesce(sum(l.received + l.lost), 0)::bigint
FROM warehousing_transfers t LEFT JOIN warehousing_transfer_lines l ON l.tenant_id = t.tenant_id AND l.transfer_id = t.id
WHERE t.tenant_id = %s GROUP BY t.id, t.state
"""
# What must have moved, one row per kind, reference, warehouse, SKU and lot.
_EXPECTED = """
SELECT 'transfer_out', t.id, t.source_id, l.sku_id, coalesce(l.lot_id, 0), -sum(l.quantity)::bigint
FROM warehousing_transfers t JOIN warehousing_transfer_lines l ON l.tenant_id = t.tenant_id AND l.transfer_id = t.id
WHERE t.tenant_id = %(tenant)s AND t.sent_at IS NOT NULL GROUP BY 2, 3, 4, 5
UNION ALL
SELECT 'transfer_in', t.id, t.destination_id, l.sku_id, coalesce(l.lot_id, 0), sum(l.received + l.lost)::bigint
FROM warehousing_transfers t JOIN warehousing_transfer_lines l ON l.tenant_id = t.tenant_id AND l.transfer_id = t.id
WHERE t.tenant_id = %(tenant)s AND l.received + l.lost > 0 GROUP BY 2, 3, 4, 5
UNION ALL
SELECT 'transfer_loss', t.id, t.destination_id, l.sku_id, coalesce(l.lot_id, 0), -sum(l.lost)::bigint
FROM warehousing_transfers t JOIN warehousing_transfer_lines l ON l.tenant_id = t.tenant_id AND l.transfer_id = t.id
WHERE t.tenant_id = %(tenant)s AND l.lost > 0 GROUP BY 2, 3, 4, 5
"""
_COUNTED = """
SELECT 'stock_take', k.id, k.warehouse_id, l.sku_id, coalesce(l.lot_id, 0), l.counted - l.book
FROM warehousing_stock_takes k JOIN warehousing_stock_take_lines l ON l.tenant_id = k.tenant_id AND l.stock_take_id = k.id
WHERE k.tenant_id = %(tenant)s AND k.state = 'approved' AND l.counted <> l.book
"""
TRANSFER_KINDS = (MovementKind.TRANSFER_OUT, MovementKind.TRANSFER_IN, MovementKind.TRANSFER_LOSS)
_OF_STATE = {
    "draft": lambda quantity, gone: gone == 0,
    "cancelled": lambda quantity, gone: gone == 0,
    "sent": lambda quantity, gone: gone == 0,
    "receiving": lambda quantity, gone: 0 < gone < quantity,
    "closed": lambda quantity, gone: gone == quantity,
}


@check("warehousing.transfers")
def transfers(tally: Tally) -> Iterator[Finding]:
    """Lines are the sums of their receipts, the state is what the lines say, and exactly that has moved."""
    name, tenant_id = "warehousing.transfers", current_tenant_id()
    for line_id, transfer_id, *numbers in sql.fetch(_RECEIVED, {"tenant": tenant_id}):  # type: ignore[arg-type]
        tally.compared += 2
        if numbers[:2] != numbers[2:]:
            subject = f"{ids.public('trf', transfer_id)}/{ids.public('tln', line_id)}"
            yield Finding(name, subject, *(dict(zip(("received", "lost"), numbers[n : n + 2], strict=True)) for n in (0, 2)))
    for transfer_id, state, quantity, gone in sql.fetch(_STATES, (tenant_id,)):
        tally.compared += 1
        if not _OF_STATE[state](quantity, gone):
            yield Finding(name, ids.public("trf", transfer_id), f"state of {gone} of {quantity} pieces", state)
    yield from _moved(tally, name, _EXPECTED, TRANSFER_KINDS, "trf")


@check("warehousing.stock_takes")
def stock_takes(tally: Tally) -> Iterator[Finding]:
    """What an approved stock take found more or less is what moved, and nobody approved his own count."""
    name = "warehousing.stock_takes"
    yield from _moved(tally, name, _COUNTED, (MovementKind.STOCK_TAKE,), "stk")
    for stock_take_id, person in sql.fetch(
        "SELECT DISTINCT k.id, k.decided_by FROM warehousing_stock_takes k JOIN warehousing_stock_take_lines l"
        " ON l.tenant_id = k.tenant_id AND l.stock_take_id = k.id AND l.counted_by = k.decided_by"
        " WHERE k.tenant_id = %s AND k.state = 'approved'",
        (current_tenant_id(),),
    ):
        yield Finding(
            name, ids.public("stk", stock_take_id), "approved by somebody who counted nothing", ids.public("usr", person)
        )


def _moved(tally: Tally, name: str, expected: str, kinds: tuple[MovementKind, ...], prefix: str) -> Iterator[Finding]:
    wanted = {
        (kind, ids.public(prefix, of), warehouse_id, sku_id, lot_id): pieces
        for kind, of, warehouse_id, sku_id, lot_id, pieces in sql.fetch(expected, {"tenant": current_tenant_id()})  # type: ignore[arg-type]
    }
    moved = stock.moved_pieces(kinds)
    tally.compared += len(wanted)
    for key in sorted(wanted.keys() | moved.keys()):
        if wanted.get(key, 0) != moved.get(key, 0):
            kind, reference, warehouse_id, sku_id, lot_id = key
            subject = f"{reference} {kind}/warehouse {warehouse_id} sku {sku_id} lot {lot_id}"
            yield Finding(name, subject, wanted.get(key, 0), moved.get(key, 0))
