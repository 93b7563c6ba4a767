"""Bundles (组合商品): what a SKU consists of. An order of a bundle is an order of its parts; it has no stock of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from banyan.goods.catalog import queries
from banyan.goods.catalog.models import SkuPartRow
from banyan.goods.catalog.types import SkuFacts, SkuId, SkuPart
from banyan.kernel import ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import Conflict, Invalid, NotFound

PARTS_MAX = 20
PIECES_MAX = 10_000


class BadParts(Invalid):
    """Parts that no bundle can have."""

    code = "bad_parts"
    advice = "Name 1 to 20 other SKUs of this shop, each once, with 1 to 10,000 pieces; an empty list makes it a plain SKU again."


class NestedBundle(Conflict):
    """A bundle would be a part of a bundle."""

    code = "nested_bundle"
    advice = "Name the parts of the inner bundle instead."


class BundleOverpriced(Conflict):
    """The bundle costs more than its parts bought one by one."""

    code = "bundle_overpriced"
    advice = "Lower the price of the bundle, or put more into it; details.parts_minor is what the parts cost."


def set_parts(sku_id: SkuId, parts: Sequence[SkuPart]) -> int:
    """Say what a bundle consists of, in place of what was said before; no parts make it a plain SKU again.

    Returns 1, or 0 when it is so already. Idempotent. Stock that the SKU has of its own stays where it is, but is not sold as
    long as it has parts. Raises NotFound, BadParts, NestedBundle, and BundleOverpriced (minor units) when its price is above
    the list prices of the parts; then nothing is changed. One at a time per shop, or two at once could nest.
    """
    _check(sku_id, parts)
    tenant_id = current_tenant_id()
    sql.execute("SELECT pg_advisory_xact_lock(hashtextextended('catalog.parts', %s))", (tenant_id,))
    facts = queries.sku_facts([sku_id, *(part.sku_id for part in parts)])
    if sku_id not in facts:
        raise NotFound("No such SKU.")
    if any(part.sku_id not in facts for part in parts):
        raise BadParts("A part does not exist in this shop.", field="parts")
    _check_depth(sku_id, parts, facts)
    whole = sum(facts[part.sku_id].price_minor * part.quantity for part in parts)
    if parts and facts[sku_id].price_minor > whole:
        raise BundleOverpriced("The bundle costs more than its parts.", price_minor=facts[sku_id].price_minor, parts_minor=whole)
    if facts[sku_id].parts == tuple(parts):
        return 0
    sql.execute("DELETE FROM catalog_sku_parts WHERE tenant_id = %s AND bundle_id = %s", (tenant_id, sku_id))
    rows = [(row_id, sku_id, *part) for row_id, part in zip(ids.next_ids(len(parts)), parts, strict=True)] if parts else []
    sql.insert(SkuPartRow, ("id", "bundle_id", "part_id", "quantity"), rows)
    return 1


def _check(sku_id: SkuId, parts: Sequence[SkuPart]) -> None:
    if len(parts) > PARTS_MAX or len({part.sku_id for part in parts}) != len(parts):
        raise BadParts("A bundle has at most 20 parts, each named once.", field="parts")
    if any(not 0 < part.quantity <= PIECES_MAX for part in parts):
        raise BadParts("A part has 1 to 10000 pieces.", field="quantity")
    if any(part.sku_id == sku_id for part in parts):
        raise BadParts("A bundle is no part of itself.", field="parts")


def _check_depth(sku_id: SkuId, parts: Sequence[SkuPart], facts: Mapping[SkuId, SkuFacts]) -> None:
    if any(facts[part.sku_id].parts for part in parts):
        raise NestedBundle("A part of this bundle is a bundle itself.")
    if parts and sql.fetch(
        "SELECT 1 FROM catalog_sku_parts WHERE tenant_id = %s AND part_id = %s LIMIT 1", (current_tenant_id(), sku_id)
    ):
        raise NestedBundle("This SKU is a part of a bundle.")
