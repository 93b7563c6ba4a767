"""Which pieces go into a parcel: never more than are left to pack."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from banyan.trade.fulfillment.types import FulfillmentLine, Pieces


def to_pack(lines: Iterable[FulfillmentLine], wanted: Sequence[Pieces] = ()) -> tuple[Pieces, ...] | None:
    """The pieces of a new parcel: the wanted ones, or all that are left when none are named. None when that cannot be:
    nothing is left, a line is not of this fulfillment, or more is wanted than is left."""
    left = {line.line_id: line.quantity - line.packed_quantity for line in lines}
    if not wanted:
        return tuple(Pieces(line_id, quantity) for line_id, quantity in left.items() if quantity > 0) or None
    asked: dict[int, int] = {}
    for line_id, quantity in wanted:
        asked[line_id] = asked.get(line_id, 0) + quantity
        if quantity <= 0 or asked[line_id] > left.get(line_id, 0):
            return None
    return tuple(Pieces(line_id, asked[line_id]) for line_id in left if line_id in asked)
