"""Placing orders: one statement per table for any number of orders, one outcome per order.

Order of work: facts and prices first (nothing locked), then client keys, then stock (levels locked in one order), then the
rows. Stock is locked as late as possible, because hot SKUs make everybody else wait from there to the commit: a large batch
that wants little of much takes its stock after its rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from hashlib import blake2b
from typing import Any

from banyan.goods.catalog.queries import sku_facts
from banyan.goods.catalog.types import SkuFacts, SkuId
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory.types import ReserveLine, Shortage
from banyan.kernel import clock, events, ids, sql, tenancy
from banyan.kernel.secrets import seal
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import Refusal
from banyan.people.identity.types import UserId
from banyan.trade.attribution import commands as attribution
from banyan.trade.attribution.types import OrderReferral
from banyan.trade.offers import commands as selling
from banyan.trade.offers import queries as offers
from banyan.trade.offers.types import Claim, Offer, OfferId
from banyan.trade.orders.commands.errors import ClientKeyReused, out_of_stock
from banyan.trade.orders.commands.wishes import price_request
from banyan.trade.orders.engine.numbers import number_of
from banyan.trade.orders.events import OrderPlaced
from banyan.trade.orders.models import ClientKey, Recipient
from banyan.trade.orders.queries import get_policy
from banyan.trade.orders.types import OrderId, OrderLineId, Placed, PlaceOrder, Refused
from banyan.trade.pricing.types import PricedLine, PricedOrder

DIGEST_SIZE = 16


@dataclass(slots=True)
class _Draft:
    """An order on its way: priced, with its ids, not yet written."""

    index: int
    request: PlaceOrder
    priced: PricedOrder
    placed_at: datetime
    expires_at: datetime
    order_id: int = 0
    number: str = ""
    line_ids: Sequence[int] = ()
    digest: bytes = b""
    sale: Offer | None = None

    def is_of_sale(self, line: PricedLine) -> bool:
        """Whether a line is bought from the flash sale; a part of a bundle never is."""
        return self.sale is not None and line.sku_id == self.sale.sku_id and line.bundle_sku_id is None

    def channel(self, line: PricedLine) -> str:
        """Whose pieces a line takes: the flash sale's, or everybody's."""
        return offers.channel_of(self.sale.offer_id) if self.sale is not None and self.is_of_sale(line) else ""


def place_orders(requests: Sequence[PlaceOrder]) -> list[Placed | Refused]:
    """Place a batch of orders; each is accepted whole or refused alone. Runs inside ``tenancy.enter``.

    A line of a bundle becomes lines of its parts, which cost the bundle's price together.

    Idempotent by ``client_key``: a known key with the same content answers the order placed then (``repeated``), with other
    content it is refused. Refusals: bad_order, bad_amounts, unknown_sku, not_on_sale, out_of_stock (with what is
    available), bundle_overpriced, client_key_reused; of a flash sale also offer_not_found, offer_not_live, not_your_turn,
    offer_limit_reached.
    Amounts are minor units of the tenant's currency.
    """
    outcomes: dict[int, Placed | Refused] = {}
    facts = sku_facts({line[0] for request in requests for line in request.lines})
    drafts = _draft(requests, facts, outcomes)
    _number(drafts)
    drafts = _claim_keys(drafts, outcomes)
    drafts = _claim_sales(drafts, outcomes)
    promised = inventory.promise(
        [
            ReserveLine(
                draft.order_id,
                line_id,
                line.sku_id,  # type: ignore[arg-type]
                line.quantity,
                draft.expires_at,
                draft.channel(line) if draft.sale is not None else "",
            )
            for draft in drafts
            for line_id, line in zip(draft.line_ids, draft.priced.lines, strict=True)
        ]
    )
    freed: set[UserId] = set()
    if promised.refused:
        freed = {d.request.buyer_id for d in drafts if d.sale is not None and d.order_id in promised.refused}
        drafts = _refuse_short(drafts, promised.refused, facts, outcomes)
    with inventory.hold(promised):
        _write(drafts, facts)
    currency = tenancy.get_tenant(current_tenant_id()).currency
    for d in drafts:
        line_ids = tuple(OrderLineId(line_id) for line_id in d.line_ids)
        outcomes[d.index] = Placed(OrderId(d.order_id), d.number, d.priced.total_minor, currency, line_ids, d.expires_at)
    if freed:
        _ask_again(requests, freed, outcomes)
    if len(outcomes) < len(requests):
        _answer_twins(requests, outcomes)
    return [outcomes[index] for index in range(len(requests))]


def _draft(
    requests: Sequence[PlaceOrder], facts: Mapping[SkuId, SkuFacts], outcomes: dict[int, Placed | Refused]
) -> list[_Draft]:
    """Check and price every request; refused ones go to ``outcomes``."""
    now, policy = clock.now(), get_policy()
    window = timedelta(seconds=policy.payment_window_seconds)
    drafts = []
    named = {OfferId(request.offer_id) for request in requests if request.offer_id is not None}
    sales = offers.find_offers(named) if named else {}
    for index, request in enumerate(requests):
        sale = None if request.offer_id is None else sales.get(OfferId(request.offer_id))
        try:
            priced = price_request(request, facts, policy.tariff, sale)
        except Refusal as refusal:
            outcomes[index] = Refused(refusal)
            continue
        placed_at = request.placed_at or now
        own = request.window_seconds
        draft = _Draft(index, request, priced, placed_at, placed_at + (window if own is None else timedelta(seconds=own)))
        draft.sale = sale
        drafts.append(draft)
    return drafts


def _number(drafts: Sequence[_Draft]) -> None:
    zone = tenancy.get_tenant(current_tenant_id()).zone
    days: dict[datetime, date] = {}
    order_ids = ids.next_ids(len(drafts))
    line_ids = ids.next_ids(sum(len(draft.priced.lines) for draft in drafts))
    start = 0
    for draft, order_id in zip(drafts, order_ids, strict=True):
        draft.order_id = order_id
        day = days.get(draft.placed_at)
        if day is None:
            day = days[draft.placed_at] = draft.placed_at.astimezone(zone).date()
        draft.number = number_of(order_id, day)
        end = start + len(draft.priced.lines)
        draft.line_ids = line_ids[start:end]
        start = end


def _digest(request: PlaceOrder) -> bytes:
    content: tuple[Any, ...] = (
        request.buyer_id, [tuple(line) for line in request.lines], request.shipping_minor, request.discount_minor, request.code,
        request.link, request.channel, request.placed_at,
    )  # fmt: skip
    if request.offer_id is not None:
        content = (*content, request.offer_id)
    return blake2b(repr(content).encode(), digest_size=DIGEST_SIZE).digest()


def _claim_keys(drafts: list[_Draft], outcomes: dict[int, Placed | Refused]) -> list[_Draft]:
    """Take the client keys. Those that are known answer the order placed then; a concurrent owner of a key is waited for."""
    keyed = [draft for draft in drafts if draft.request.client_key is not None]
    if not keyed:
        return drafts
    # Keys in one order, so that two batches with the same keys queue instead of deadlocking.
    keyed.sort(key=lambda draft: (draft.request.client_key or "", draft.index))
    for draft in keyed:
        draft.digest = _digest(draft.request)
    claimed = sql.insert(
        ClientKey,
        ("id", "client_key", "digest"),
        [(draft.order_id, draft.request.client_key, draft.digest) for draft in keyed],
        on_conflict="ON CONFLICT (tenant_id, client_key) DO NOTHING",
        returning="id",
    )
    taken = {row[0] for row in claimed}
    known = [draft for draft in keyed if draft.order_id not in taken]
    if not known:
        return drafts
    # A key twice in one batch: the later one is answered when the first is, by place_orders.
    mine = {draft.request.client_key for draft in keyed if draft.order_id in taken}
    _answer_known([draft for draft in known if draft.request.client_key not in mine], outcomes)
    gone = {draft.index for draft in known}
    return [draft for draft in drafts if draft.index not in gone]


def _claim_sales(drafts: list[_Draft], outcomes: dict[int, Placed | Refused]) -> list[_Draft]:
    """Take what the buyers want of flash sales, within what each may take. Nobody asks for any: nothing is done."""
    claims = [
        Claim(d.order_id, d.sale.offer_id, d.sale.sku_id, d.request.buyer_id, line.quantity, d.request.ticket)
        for d in drafts
        if d.sale is not None
        for line in d.priced.lines
        if d.is_of_sale(line)
    ]
    refused = selling.claim(claims, {d.sale.offer_id: d.sale for d in drafts if d.sale is not None}) if claims else {}
    if not refused:
        return drafts
    for draft in drafts:
        if draft.order_id in refused:
            outcomes[draft.index] = Refused(refused[draft.order_id])
    _free_keys([draft for draft in drafts if draft.order_id in refused])
    return [draft for draft in drafts if draft.order_id not in refused]


def _ask_again(requests: Sequence[PlaceOrder], freed: set[UserId], outcomes: dict[int, Placed | Refused]) -> None:
    """Who was over his limit for the sake of an order of this batch that then found no pieces asks again, as he would alone."""
    over = [
        index
        for index, outcome in outcomes.items()
        if isinstance(outcome, Refused) and isinstance(outcome.reason, selling.LimitReached) and requests[index].buyer_id in freed
    ]
    for index, outcome in zip(over, place_orders([requests[index] for index in over]) if over else (), strict=True):
        outcomes[index] = outcome


def _answer_twins(requests: Sequence[PlaceOrder], outcomes: dict[int, Placed | Refused]) -> None:
    """Members whose key another member of the same batch took: the same answer for the same content."""
    first: dict[str, int] = {}
    for index, request in enumerate(requests):
        if index in outcomes:
            if request.client_key is not None:
                first.setdefault(request.client_key, index)
            continue
        other = first[request.client_key or ""]
        outcome = outcomes[other]
        if _digest(requests[other]) != _digest(request):
            outcome = Refused(ClientKeyReused("This client key belongs to another order."))
        outcomes[index] = replace(outcome, repeated=True) if isinstance(outcome, Placed) else outcome


def _answer_known(known: Sequence[_Draft], outcomes: dict[int, Placed | Refused]) -> None:
    if not known:
        return
    tenant_id = current_tenant_id()
    rows = sql.fetch(
        "SELECT k.client_key, k.digest, o.id, o.number, o.total_minor, o.currency, o.expires_at,"
        " (SELECT array_agg(l.id ORDER BY l.position) FROM orders_lines l WHERE l.tenant_id = k.tenant_id AND l.order_id = o.id)"
        " FROM orders_client_keys k LEFT JOIN orders_orders o ON o.id = k.id WHERE k.tenant_id = %s AND k.client_key ="
        " ANY(%s::text[])",
        (tenant_id, [draft.request.client_key for draft in known]),
    )
    by_key = {row[0]: row[1:] for row in rows}
    for draft in known:
        digest, order_id, number, total_minor, currency, expires_at, line_ids = by_key[draft.request.client_key]
        if bytes(digest) != draft.digest or order_id is None:
            outcomes[draft.index] = Refused(ClientKeyReused("This client key belongs to another order."))
        else:
            outcomes[draft.index] = Placed(order_id, number, total_minor, currency, tuple(line_ids), expires_at, repeated=True)


def _refuse_short(
    drafts: list[_Draft],
    short: Mapping[int, tuple[Shortage, ...]],
    facts: Mapping[SkuId, SkuFacts],
    outcomes: dict[int, Placed | Refused],
) -> list[_Draft]:
    for draft in drafts:
        if draft.order_id in short:
            outcomes[draft.index] = Refused(out_of_stock(short[draft.order_id]))
    of_sales = {draft.order_id for draft in drafts if draft.sale is not None} & short.keys()
    common = {order_id: lacking for order_id, lacking in short.items() if order_id not in of_sales}
    inventory.learn([*common.values(), *_scarce_bundles(drafts, common, facts)])
    if of_sales:
        selling.end_claims(of_sales)
    _free_keys([draft for draft in drafts if draft.order_id in short])
    return [draft for draft in drafts if draft.order_id not in short]


def _scarce_bundles(
    drafts: Sequence[_Draft], short: Mapping[int, tuple[Shortage, ...]], facts: Mapping[SkuId, SkuFacts]
) -> list[list[Shortage]]:
    """What is left of the bundles of refused orders, as their scarcest part allows: the mirror gates whole bundles too."""
    found = []
    for draft in drafts:
        left = {one.sku_id: one.available for one in short.get(draft.order_id, ())}
        bundles = {line.bundle_sku_id for line in draft.priced.lines if line.bundle_sku_id is not None} if left else set()
        for bundle_id in map(SkuId, bundles):
            counts = [left[part.sku_id] // part.quantity for part in facts[bundle_id].parts if part.sku_id in left]
            if counts:
                found.append([Shortage(draft.order_id, bundle_id, 1, max(0, min(counts)))])
    return found


def _free_keys(refused: Sequence[_Draft]) -> None:
    """The key of a refused order is free again: the buyer may ask for less under the same key."""
    keyed = [draft.order_id for draft in refused if draft.request.client_key is not None]
    if keyed:
        sql.execute(
            "DELETE FROM orders_client_keys WHERE tenant_id = %s AND id = ANY(%s::bigint[])", (current_tenant_id(), keyed)
        )


INSERT_ORDERS = """
INSERT INTO orders_orders (
  tenant_id, id, number, buyer_id, state, currency, gross_minor, discount_minor, shipping_minor, tax_minor, total_minor, channel,
  placed_at, expires_at
)
SELECT %s::bigint, u.id, u.number, u.buyer_id, 'placed', %s, u.gross, u.discount, u.shipping, u.tax, u.total, u.channel,
       u.placed_at, u.expires_at
FROM unnest(
  %s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[],
  %s::timestamptz[], %s::timestamptz[]
) AS u(id, number, buyer_id, gross, discount, shipping, tax, total, channel, placed_at, expires_at)
"""
# What was true of each SKU comes once per SKU and is joined to the lines here.
INSERT_LINES = """
INSERT INTO orders_lines (
  tenant_id, id, order_id, position, sku_id, product_id, quantity, unit_price_minor, unit_cost_minor, gross_minor, discount_minor,
  payable_minor, tax_minor, commissionable_minor, is_commissionable, tax_bp, category_path, tags, supplier_id, listed_at,
  bundle_sku_id
)
SELECT %s::bigint, l.id, l.order_id, l.position, l.sku_id, f.product_id, l.quantity, l.price, f.cost, l.quantity * l.price,
       l.discount, l.quantity * l.price - l.discount, l.tax,
       CASE WHEN f.commissionable THEN l.quantity * l.price - l.discount - l.tax ELSE 0 END, f.commissionable, f.tax_bp,
       f.category_path::bigint[], f.tags::text[], f.supplier_id, f.listed_at, l.bundle_sku_id
FROM unnest(
  %s::bigint[], %s::bigint[], %s::int[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[]
) AS l(id, order_id, position, sku_id, quantity, price, discount, tax, bundle_sku_id)
JOIN unnest(
  %s::bigint[], %s::bigint[], %s::bigint[], %s::boolean[], %s::int[], %s::text[], %s::text[], %s::bigint[], %s::timestamptz[]
) AS f(sku_id, product_id, cost, commissionable, tax_bp, category_path, tags, supplier_id, listed_at) ON f.sku_id = l.sku_id
"""


def _write(drafts: Sequence[_Draft], facts: Mapping[SkuId, SkuFacts]) -> None:
    """Referrals, orders, lines, recipients and events, all in one statement."""
    if not drafts:
        return
    currency = tenancy.get_tenant(current_tenant_id()).currency
    with sql.together():
        attribution.record(
            [
                OrderReferral(
                    d.order_id, d.request.buyer_id, d.request.code, d.request.link, d.placed_at, d.request.buyer_is_consumer
                )
                for d in drafts
            ]
        )
        sql.write(INSERT_ORDERS, _order_columns(drafts, currency))
        sql.write(INSERT_LINES, [*_line_columns(drafts), *_fact_columns(drafts, facts)])
        _write_recipients(drafts)
        events.record(
            [
                OrderPlaced(
                    order_id=d.order_id, buyer_id=d.request.buyer_id, total_minor=d.priced.total_minor, currency=currency,
                    occurred_at=d.placed_at,
                )
                for d in drafts
            ]
        )  # fmt: skip


def _order_columns(drafts: Sequence[_Draft], currency: str) -> list[Any]:
    priced = [d.priced for d in drafts]
    return [
        current_tenant_id(), currency,
        [d.order_id for d in drafts], [d.number for d in drafts], [d.request.buyer_id for d in drafts],
        [p.gross_minor for p in priced], [p.discount_minor for p in priced], [p.shipping_minor for p in priced],
        [p.tax_minor for p in priced], [p.total_minor for p in priced], [d.request.channel for d in drafts],
        [d.placed_at for d in drafts], [d.expires_at for d in drafts],
    ]  # fmt: skip


def _line_columns(drafts: Sequence[_Draft]) -> list[Any]:
    lines = [line for d in drafts for line in d.priced.lines]
    return [
        current_tenant_id(),
        [line_id for d in drafts for line_id in d.line_ids],
        [d.order_id for d in drafts for _ in d.line_ids],
        [position for d in drafts for position in range(1, len(d.line_ids) + 1)],
        [line.sku_id for line in lines], [line.quantity for line in lines], [line.unit_price_minor for line in lines],
        [line.discount_minor for line in lines], [line.tax_minor for line in lines], [line.bundle_sku_id for line in lines],
    ]  # fmt: skip


def _fact_columns(drafts: Sequence[_Draft], facts: Mapping[SkuId, SkuFacts]) -> list[Any]:
    """What was true of each SKU at placement, once per SKU: the statement joins it to the lines."""
    skus = [facts[sku_id] for sku_id in {line.sku_id for d in drafts for line in d.priced.lines}]  # type: ignore[index]
    return [
        [sku.sku_id for sku in skus], [sku.product_id for sku in skus], [sku.cost_minor for sku in skus],
        [sku.commissionable for sku in skus], [sku.tax_bp for sku in skus],
        [sql.tuple_literal(sku.category_path) for sku in skus], [sql.tuple_literal(sku.tags) for sku in skus],
        [sku.supplier_id for sku in skus], [sku.listed_at for sku in skus],
    ]  # fmt: skip


def _write_recipients(drafts: Sequence[_Draft]) -> None:
    tenant_id = current_tenant_id()
    rows = []
    for draft in drafts:
        recipient = draft.request.recipient
        if recipient is not None:
            parts = {"name": recipient.name, "phone": recipient.phone, "address": recipient.address}
            sealed = (seal(tenant_id, f"orders_recipients.{column}", draft.order_id, text) for column, text in parts.items())
            rows.append((draft.order_id, *sealed, recipient.region_code))
    sql.insert(Recipient, ("id", "name", "phone", "address", "region_code"), rows)
