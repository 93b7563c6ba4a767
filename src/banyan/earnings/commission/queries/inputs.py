"""The frozen inputs of a decision: read for a batch of orders, kept as compact text, and read back."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from banyan.earnings.commission.types import LegalCeiling, Member, OrderFacts, PaidLine, PaidOrder, Spent
from banyan.rules.compliance import queries as compliance
from banyan.trade.attribution import queries as attribution
from banyan.trade.attribution.types import FrozenAttribution
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import CommissionableOrder, OrderId


class ReadOrder(NamedTuple):
    """A paid order as every plan needs it, and where it was read from, for plans that ask more (`queries.facts`)."""

    order: PaidOrder
    currency: str
    source: CommissionableOrder
    path: FrozenAttribution


def read_paid_orders(order_ids: Sequence[int]) -> list[ReadOrder]:
    """Those of the orders that are paid and frozen, each with its frozen upline, in the order of the ids."""
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
        paid = PaidOrder(order.order_id, order.paid_at, lines, upline)
        found[int(order.order_id)] = ReadOrder(paid, order.currency, order, path)
    return [found[order_id] for order_id in order_ids if order_id in found]


def freeze_inputs(order: PaidOrder) -> str:
    """The order's lines, upline and facts as compact JSON text, exactly what the engine was given. What a plan did not ask for
    takes no place."""
    kept: dict[str, Any] = {
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
            if line.cost_minor is None
            else tuple(line)
            for line in order.lines
        ],
        "upline": [tuple(each) for each in order.upline],
    }
    if order.facts is not None:
        kept["facts"] = _freeze_facts(order.facts)
    return orjson.dumps(kept).decode()


def _freeze_facts(facts: OrderFacts) -> dict[str, Any]:
    kept: dict[str, Any] = {name: value for name, value in facts._asdict().items() if value not in (None, "", ())}
    if facts.buyer is not None:
        kept["buyer"] = tuple(facts.buyer)
    if facts.partners:
        kept["partners"] = [(scope, tuple(member)) for scope, member in facts.partners]
    if facts.people:
        kept["people"] = [tuple(member) for member in facts.people]
    if facts.spent is not None:
        kept["spent"] = tuple(facts.spent)
    return kept


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
            *goods,
        )
        for line_id, base, quantity, sku_id, path, tags, listed, *goods in kept["lines"]
    )
    facts = _thaw_facts(kept["facts"]) if "facts" in kept else None
    return PaidOrder(order_id, paid_at, lines, tuple(Member(*each) for each in kept["upline"]), facts)


def _thaw_facts(kept: dict[str, Any]) -> OrderFacts:
    if "buyer" in kept:
        kept["buyer"] = Member(*kept["buyer"])
    if "partners" in kept:
        kept["partners"] = tuple((scope, Member(*member)) for scope, member in kept["partners"])
    if "people" in kept:
        kept["people"] = tuple(Member(*member) for member in kept["people"])
    if "spent" in kept:
        budget, payees, rules = kept["spent"]
        kept["spent"] = Spent(budget, tuple(tuple(each) for each in payees), tuple(tuple(each) for each in rules))
    return OrderFacts(**kept)


def ceilings_at(moments: Sequence[datetime]) -> list[LegalCeiling]:
    """The law's ceiling at each moment. Asked once per UTC day and reading: between those nothing changes it."""
    turns = compliance.turns()
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
