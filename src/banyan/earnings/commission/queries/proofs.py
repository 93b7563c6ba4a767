"""The proof of a plan in a shop: against its law, and against the margin of every SKU on sale."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from banyan.earnings.commission.engine import Case, Goods, Proof, parse_plan, prove, worst_at
from banyan.earnings.commission.queries.plans import check_document, plan_facts
from banyan.earnings.commission.types import FULL_BP, Plan, PlanReport, is_periodic
from banyan.goods.catalog import queries as catalog
from banyan.goods.catalog.types import SkuFacts

SHOWN_CASES = 200


@dataclass(frozen=True, slots=True)
class ThinSku:
    """A SKU on which the plan can pay more than its margin at the list price, one unit sold."""

    sku_id: int
    price_minor: int
    margin_minor: int
    worst_minor: int


@dataclass(frozen=True, slots=True)
class ShopProof:
    """What a plan can pay at worst in this shop. `bound_bp` counts for the law; the proof's worst case never exceeds it.

    `thin`: goods that lose money; a plan that has some is not published.
    """

    report: PlanReport
    proof: Proof
    bound_bp: int
    thin: tuple[ThinSku, ...]

    @property
    def is_publishable(self) -> bool:
        return self.report.legal and not self.thin


def prove_document(document: Any, at: datetime) -> ShopProof | PlanReport:
    """The proof of a document under the law at `at`; its faults where it is no plan."""
    report = check_document(document, at)
    return report if report.faults else prove_plan(parse_plan(document), report, at)


def prove_plan(plan: Plan, report: PlanReport, at: datetime) -> ShopProof:
    """The proof of a plan that was checked."""
    proof = prove(plan, [frozenset(each.path) for each in catalog.list_categories()])
    bound = plan_facts(plan).total_rate_bp
    return ShopProof(report, proof, bound, thin_skus(plan, proof, at))


def thin_skus(plan: Plan, proof: Proof | None, at: datetime) -> tuple[ThinSku, ...]:
    """SKUs on sale whose list price leaves less than the plan can pay. A plan with a floor at the margin has none.

    Where the plan is proven, to the cent; else, and where a period's close pays on many sales together, by its bound. Costs of 0
    are not known and not judged.
    """
    if plan.caps.margin_bp is not None:
        return ()
    bound = plan_facts(plan).total_rate_bp
    if proof is None:
        proof = prove(plan)
    alone = proof.exact and not any(is_periodic(rule) for rule in plan.rules)
    thin = []
    for sku in catalog.thin_margins(bound):
        margin = sku.price_minor - sku.cost_minor
        worst = worst_at(plan, _class_of(sku, at), sku.price_minor) if alone else sku.price_minor * bound // FULL_BP
        if worst > margin:
            thin.append(ThinSku(sku.sku_id, sku.price_minor, margin, worst))
    return tuple(thin)


def _class_of(sku: SkuFacts, at: datetime) -> Goods:
    age = (at - sku.listed_at) // timedelta(days=1) if sku.listed_at is not None and at >= sku.listed_at else None
    categories, supplier = frozenset(int(each) for each in sku.category_path), sku.supplier_id
    return Goods(int(sku.sku_id), categories, frozenset(sku.tags), age, at, int(sku.product_id), supplier, max(sku.cost_minor, 0))


def describe_case(case: Case) -> dict[str, Any]:
    """A case as plain values: goods class, tiers from the seller up, the part in basis points (rounded up) and the witness.
    `beside`: others who are paid, such as the buyer. An empty channel or region is one that the plan does not name."""
    goods = case.goods
    return {
        "rate_bp": case.rate_bp,
        "path": list(case.path),
        "sku_id": goods.sku_id,
        "category_ids": sorted(goods.categories),
        "tags": sorted(goods.tags),
        "age_days": goods.age_days,
        "at": goods.at,
        "product_id": goods.product_id or None,
        "supplier_id": goods.supplier_id,
        **case.sale._asdict(),
        "inactive_depths": list(case.inactive),
        "beside": [{"whom": whom, "tier": tier} for whom, tier in case.beside],
        "base_minor": case.base_minor,
        "parts": [{"rule": key, "rate_bp": -(-part.numerator * FULL_BP // part.denominator)} for key, part in case.parts],
    }
