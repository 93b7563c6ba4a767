"""The frozen inputs of a decision: read for a batch of orders, kept as compact text, and read back."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime

import orjson

from banyan.earnings.commission.types import LegalCeiling, Member, PaidLine, PaidOrder
from banyan.rules.compliance import queries as compliance
from banyan.trade.attribution import queries as attribution
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import OrderId


def read_paid_orders(order_ids: Sequence[int]) -> list[tuple[PaidOrder, str]]:
    """(order with its frozen upline, currency) of those ids that are paid and frozen, in the order of the ids."""
    frozen = attribution.frozen(order_ids)
    found = {}
    for order in orders.commissionable([OrderId(order_id) for order_id in order_ids]):
        path = frozen.get(order.order_id)
        if path is None:
            continue
        lines = tuple(
            [
                PaidLine(
                    line.line_id, line.commissionable_minor, line.quantity, sku.sku_id, sku.category_path, sku.tags, sku.listed_at
                )
                for line in order.lines
                for sku in (line.sku,)
            ]
        )
        upline = tuple([Member(each.distributor_id, each.depth, each.tier, each.status) for each in path.upline])
        found[int(order.order_id)] = (PaidOrder(order.order_id, order.paid_at, lines, upline), order.currency)
    return [found[order_id] for order_id in order_ids if order_id in found]


def freeze_inputs(order: PaidOrder) -> str:
    """The order's lines and upline as compact JSON text, exactly what the engine was given."""
    return orjson.dumps(
        {
            "lines": [
                (
                    line.line_id,
                    line.base_minor,
                    line.quantity,
                    line.sku_id,
                    line.category_path,
                    line.tags,
                    line.listed_at,
                )
                for line in order.lines
            ],
            "upline": [(each.distributor_id, each.depth, each.tier, each.status, each.figures) for each in order.upline],
        }
    ).decode()


def thaw_inputs(order_id: int, paid_at: datetime, text: str) -> PaidOrder:
    """The order as it was frozen."""
    kept = orjson.loads(text)
    lines = tuple(
        PaidLine(
            line_id,
            base,
            quantity,
            sku_id,
            tuple(path),
            tuple(tags),
            datetime.fromisoformat(listed) if listed is not None else None,
        )
        for line_id, base, quantity, sku_id, path, tags, listed in kept["lines"]
    )
    return PaidOrder(order_id, paid_at, lines, tuple(Member(*each) for each in kept["upline"]))


def ceilings_at(moments: Sequence[datetime]) -> list[LegalCeiling]:
    """The law's ceiling at each moment. Asked once per UTC day and reading: between those nothing changes it."""
    turns = sorted(each.accepted_at for each in compliance.list_acknowledgements(limit=10_000))
    known: dict[tuple[int, int], LegalCeiling] = {}
    ceilings = []
    for at in moments:
        span = (at.astimezone(UTC).toordinal(), bisect_right(turns, at))
        ceiling = known.get(span)
        if ceiling is None:
            caps = compliance.caps_at(at)
            ceiling = known[span] = LegalCeiling(caps.rule_set, caps.upline_depth_paid, caps.total_rate_bp)
        ceilings.append(ceiling)
    return ceilings
