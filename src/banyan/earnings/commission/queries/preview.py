"""What a plan would do with a sample order, or with a sample period to its close. Keeps nothing.

The engine that decides real orders computes it. The plan editor, the command line and the API ask here; a proof's witness is
shown through here, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from banyan.earnings.commission.engine import CompiledPlan, PlanDocumentError, compile_plan, parse_plan
from banyan.earnings.commission.engine.periods import span_of
from banyan.earnings.commission.engine.samples import names_for, sample_order
from banyan.earnings.commission.engine.trial import PeriodTrial, Sold, try_period
from banyan.earnings.commission.queries.plans import get_version
from banyan.earnings.commission.queries.words import say_share
from banyan.earnings.commission.types import LegalCeiling, PaidLine
from banyan.earnings.commission.types.samples import Preview, SampleOrder, SamplePeriod
from banyan.goods.catalog import queries as catalog
from banyan.goods.catalog.types import SkuId
from banyan.kernel.tenancy import current_tenant_id, get_tenant
from banyan.kernel.values.errors import Invalid
from banyan.kernel.values.filled import Filled
from banyan.rules.compliance import queries as compliance

__all__ = ["LINES", "CompiledPlan", "PlanDocumentError", "compiled", "preview_order", "preview_period"]


def preview_order(plan: CompiledPlan, sample: SampleOrder, legal: LegalCeiling | None = None) -> Preview:
    """Decide a sample order by a plan, under the shop's law at its payment, or under `legal` where it is given.

    A line that names a SKU takes what it does not say itself (category, tags, supplier, cost, listing) from the catalog.
    """
    tenant = get_tenant(current_tenant_id())
    legal = legal or _law_at(sample.paid_at)
    sample = _with_catalog(sample)
    names = names_for((sample,))
    order = sample_order(sample, names, tenant.zone)
    trace = plan.trace(order, legal)
    by_id = names.by_id()
    words = tuple(tuple(say_share(share, trace, tenant.currency)) for share in trace.shares)
    return Preview(trace, legal, by_id, words)


def preview_period(
    plan: CompiledPlan, sample: SamplePeriod, legal: LegalCeiling | None = None
) -> tuple[PeriodTrial, Mapping[int, str]]:
    """Decide a sample period's orders as they come, then close it: accruals, true-ups, rewards, pools; and who the ids are.

    The figures of the orders are computed from the orders themselves. Raises Invalid where the orders are not of one period.
    """
    tenant = get_tenant(current_tenant_id())
    names = names_for(sample.orders)
    spans = {span_of(sample.period, order.paid_at, tenant.zone) for order in sample.orders}
    if len(spans) != 1:
        raise Invalid(Filled("All orders must be paid in one {period}.", period=sample.period), field="orders")
    sold = []
    for number, order in enumerate(sample.orders, start=1):
        ceiling = legal or _law_at(order.paid_at)
        paid = sample_order(_with_catalog(order), names, tenant.zone, number)
        lines = tuple(line._replace(line_id=number * LINES + line.line_id) for line in paid.lines)
        sold.append(Sold(paid._replace(lines=lines), ceiling, _returned(sample, number, lines)))
    members = [names.member(person) for person in sample.members]
    return try_period(plan, sample.period, sold, members, tenant.zone), names.by_id()


LINES = 1_000
"""Line n of sample order m has the id m × LINES + n."""


def _returned(sample: SamplePeriod, number: int, lines: Sequence[PaidLine]) -> dict[int, tuple[int, int]]:
    back: dict[int, tuple[int, int]] = {}
    for each in sample.returns:
        if each.order == number and 1 <= each.line <= len(lines):
            line = lines[each.line - 1]
            back[line.line_id] = (back.get(line.line_id, (0, 0))[0] + each.refund_minor, line.base_minor)
    return back


def _law_at(at: datetime) -> LegalCeiling:
    caps = compliance.caps_at(at)
    return LegalCeiling(caps.rule_set, caps.upline_depth_paid, caps.total_rate_bp)


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
