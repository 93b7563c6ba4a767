"""What ``banyan verify`` recomputes of catalog."""

from __future__ import annotations

from collections.abc import Iterator

from banyan.kernel import sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.verification import Finding, Tally, check


@check("catalog.paths")
def paths(tally: Tally) -> Iterator[Finding]:
    """Every category's path is its parent's path and itself."""
    rows = sql.fetch(
        "SELECT c.id, coalesce(p.path, '{}') || c.id, c.path FROM catalog_categories c"
        " LEFT JOIN catalog_categories p ON p.id = c.parent_id WHERE c.tenant_id = %s",
        (current_tenant_id(),),
    )
    tally.compared += len(rows)
    for identity, expected, actual in rows:
        if expected != actual:
            yield Finding("catalog.paths", f"catalog_categories/{identity}", expected, actual)


@check("catalog.parts")
def parts(tally: Tally) -> Iterator[Finding]:
    """No part of a bundle is a bundle, and both are SKUs of this shop."""
    rows = sql.fetch(
        "SELECT b.id, EXISTS (SELECT 1 FROM catalog_sku_parts n WHERE n.tenant_id = b.tenant_id AND n.bundle_id = b.part_id),"
        " (SELECT count(*) FROM catalog_skus s WHERE s.tenant_id = b.tenant_id AND s.id IN (b.bundle_id, b.part_id))"
        " FROM catalog_sku_parts b WHERE b.tenant_id = %s",
        (current_tenant_id(),),
    )
    tally.compared += len(rows)
    for identity, nested, known in rows:
        if nested or known != 2:
            yield Finding("catalog.parts", f"catalog_sku_parts/{identity}", "two SKUs of this shop, not nested", (nested, known))


@check("catalog.prices")
def prices(tally: Tally) -> Iterator[Finding]:
    """The open price period of every SKU equals its price, and its periods follow each other without hole or overlap."""
    tenant_id = current_tenant_id()
    rows = sql.fetch(
        "SELECT s.id, s.price_minor, p.price_minor FROM catalog_skus s"
        " LEFT JOIN catalog_prices p ON p.tenant_id = s.tenant_id AND p.sku_id = s.id AND p.valid_to IS NULL WHERE"
        " s.tenant_id = %s",
        (tenant_id,),
    )
    tally.compared += len(rows)
    for identity, expected, actual in rows:
        if expected != actual:
            yield Finding("catalog.prices", f"catalog_skus/{identity}", expected, actual)
    gaps = sql.fetch(
        "SELECT id, valid_to, next_from FROM (SELECT id, valid_to, lead(valid_from) OVER (PARTITION BY sku_id ORDER BY"
        " valid_from,"
        " valid_to NULLS LAST, id) AS next_from FROM catalog_prices WHERE tenant_id = %s) p"
        " WHERE next_from IS DISTINCT FROM valid_to",
        (tenant_id,),
    )
    for identity, expected, actual in gaps:
        yield Finding("catalog.prices", f"catalog_prices/{identity}", expected, actual)
