"""What a plan would do: with one sample order, computed by the engine that decides real ones. Keeps nothing.

The plan editor, the command line and the API ask here; a proof's witness is shown through here, too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from banyan.earnings.commission.engine import CompiledPlan, compile_plan, parse_plan
from banyan.earnings.commission.engine.samples import names_for, sample_order
from banyan.earnings.commission.queries.plans import get_version
from banyan.earnings.commission.queries.words import say_share
from banyan.earnings.commission.types import LegalCeiling
from banyan.earnings.commission.types.samples import Preview, SampleOrder
from banyan.goods.catalog import queries as catalog
from banyan.goods.catalog.types import SkuId
from banyan.kernel.tenancy import current_tenant_id, get_tenant
from banyan.rules.compliance import queries as compliance


def preview_order(plan: CompiledPlan, sample: SampleOrder, legal: LegalCeiling | None = None) -> Preview:
    """Decide a sample order by a plan, under the shop's law at its payment, or under `legal` where it is given.

    A line that names a SKU takes what it does not say itself (category, tags, supplier, cost, listing) from the catalog.
    """
    tenant = get_tenant(current_tenant_id())
    if legal is None:
        caps = compliance.caps_at(sample.paid_at)
        legal = LegalCeiling(caps.rule_set, caps.upline_depth_paid, caps.total_rate_bp)
    sample = _with_catalog(sample)
    names = names_for((sample,))
    order = sample_order(sample, names, tenant.zone)
    trace = plan.trace(order, legal)
    by_id = names.by_id()
    words = tuple(tuple(say_share(share, trace, tenant.currency)) for share in trace.shares)
    return Preview(trace, legal, by_id, words)


def compiled(document: Any = None, version_id: int | None = None) -> CompiledPlan:
    """A document, or a version of any status, ready to decide. Raises PlanDocumentError, PlanVersionNotFound."""
    return compile_plan(parse_plan(get_version(version_id).document if version_id is not None else document))


def _with_catalog(sample: SampleOrder) -> SampleOrder:
    wanted = {line.sku_id for line in sample.lines if line.sku_id}
    if not wanted:
        return sample
    facts = catalog.sku_facts([SkuId(sku_id) for sku_id in wanted])
    lines = []
    for line in sample.lines:
        sku = facts.get(SkuId(line.sku_id))
        if sku is not None:
            line = replace(
                line,
                product_id=line.product_id or sku.product_id,
                category_path=line.category_path or tuple(sku.category_path),
                tags=line.tags or tuple(sku.tags),
                supplier_id=line.supplier_id if line.supplier_id is not None else sku.supplier_id,
                cost_minor=line.cost_minor or sku.cost_minor * line.quantity,
                listed_at=line.listed_at or sku.listed_at,
            )
        lines.append(line)
    return replace(sample, lines=tuple(lines))
