"""What only some plans ask about an order, read for a batch in one statement per question, and only for the orders whose plan
asks (`engine.needs`). What is read here is frozen with the order and never read again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from banyan.earnings.commission.engine.needs import Needs
from banyan.earnings.commission.queries.inputs import ReadOrder
from banyan.earnings.commission.queries.partners import partners_at_each
from banyan.earnings.commission.types import Member, OrderFacts, PaidOrder, Scope
from banyan.kernel.tenancy import current_tenant_id, get_tenant
from banyan.people.distributors import queries as distributors
from banyan.people.distributors.types import DistributorId
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import OrderId

SCOPES = {Scope.PROVINCE: 2, Scope.CITY: 4, Scope.DISTRICT: 6}
"""How many digits of an adcode name a region of this size."""


def complete(asked: Sequence[tuple[ReadOrder, Needs]]) -> list[PaidOrder]:
    """The orders with the facts that are theirs for good, in order: all but figures and what was spent before."""
    facts = _order_facts([(read, needs) for read, needs in asked if needs.facts])
    completed = []
    for read, needs in asked:
        order = _with_goods(read) if needs.goods else read.order
        completed.append(order._replace(facts=facts[order.order_id]) if needs.facts else order)
    return completed


def _with_goods(read: ReadOrder) -> PaidOrder:
    lines = tuple(
        line._replace(
            product_id=sold.sku.product_id, supplier_id=sold.sku.supplier_id, cost_minor=sold.sku.cost_minor * sold.quantity
        )
        for line, sold in zip(read.order.lines, read.source.lines, strict=True)
    )
    return read.order._replace(lines=lines)


def _order_facts(asked: Sequence[tuple[ReadOrder, Needs]]) -> dict[int, OrderFacts]:
    if not asked:
        return {}
    zone = get_tenant(current_tenant_id()).zone
    channels = orders.channels(_ids(asked, "channel"))
    regions = orders.region_codes(_ids(asked, "region"))
    first = orders.first_paid(_ids(asked, "first_order"))
    holders = _partners([read for read, needs in asked if needs.partners], regions)
    standings = _standings(asked)
    found = {}
    for read, needs in asked:
        order = read.order
        local = order.paid_at.astimezone(zone)
        buyer_id = read.path.buyer_distributor_id
        found[order.order_id] = OrderFacts(
            channel=channels.get(read.source.order_id, "") if needs.channel else "",
            region_code=regions.get(read.source.order_id, "") if needs.region else "",
            first_order=read.source.order_id in first if needs.first_order else None,
            local_minute=local.hour * 60 + local.minute if needs.local_time else None,
            buyer=standings.get((buyer_id, order.paid_at)) if needs.buyer and buyer_id is not None else None,
            partners=holders.get(order.order_id, ()),
            people=tuple(
                member for person_id in needs.people if (member := standings.get((person_id, order.paid_at))) is not None
            ),
        )
    return found


def _ids(asked: Iterable[tuple[ReadOrder, Needs]], question: str) -> list[OrderId]:
    return [read.source.order_id for read, needs in asked if getattr(needs, question)]


def _standings(asked: Sequence[tuple[ReadOrder, Needs]]) -> dict[tuple[int, datetime], Member]:
    moments = []
    for read, needs in asked:
        if needs.buyer and read.path.buyer_distributor_id is not None:
            moments.append((DistributorId(read.path.buyer_distributor_id), read.order.paid_at))
        moments += [(DistributorId(person_id), read.order.paid_at) for person_id in needs.people]
    return members_at_each(moments)


def members_at_each(moments: Sequence[tuple[DistributorId, datetime]]) -> dict[tuple[int, datetime], Member]:
    """Distributors as they stood at a moment, at depth 0; who was none then is absent."""
    if not moments:
        return {}
    found = distributors.standings_at_each(moments)
    return {
        (int(distributor_id), at): Member(distributor_id, 0, standing.tier.value, standing.status.value)
        for (distributor_id, at), standing in zip(moments, found, strict=True)
        if standing is not None
    }


def _partners(reads: Sequence[ReadOrder], regions: Mapping[OrderId, str]) -> dict[int, tuple[tuple[str, Member], ...]]:
    asked = [
        (read.order, scope, code[:digits])
        for read in reads
        if (code := regions.get(read.source.order_id, ""))
        for scope, digits in SCOPES.items()
        if len(code) >= digits
    ]
    holders = partners_at_each([(code, order.paid_at) for order, _, code in asked])
    moments = [(holder, order.paid_at) for holder, (order, _, _) in zip(holders, asked, strict=True) if holder is not None]
    members = members_at_each(moments)
    found: dict[int, list[tuple[str, Member]]] = {}
    for holder, (order, scope, _) in zip(holders, asked, strict=True):
        if holder is not None and (int(holder), order.paid_at) in members:
            found.setdefault(order.order_id, []).append((scope.value, members[int(holder), order.paid_at]))
    return {order_id: tuple(each) for order_id, each in found.items()}
