"""Who looks at a return first: pure, and every step is told.

Risk overrides everything; then goodwill, what stands on the asker's word alone, and amounts without goods; then newcomers,
unless their tier needs no review; then the tier; then how much it is worth.
"""

from __future__ import annotations

from banyan.trade.returns.types import AskerFacts, ReviewTerms, Route, Ruling

FULL_BP = 10_000


def rule_on(asker: AskerFacts, terms: ReviewTerms) -> Ruling:
    """The route of one request, and the steps that led to it."""
    steps: list[str] = []
    automatic = _is_automatic(asker, terms, steps)
    return Ruling(Route.AUTOMATIC if automatic else Route.REVIEW, tuple(steps))


def _is_automatic(asker: AskerFacts, terms: ReviewTerms, steps: list[str]) -> bool:
    if asker.risks:
        steps += [f"risk:{word}" for word in asker.risks]
        return False
    share_bp = asker.returned_orders * FULL_BP // max(asker.received_orders, 1)
    if asker.received_orders >= terms.risky_orders and share_bp >= terms.risky_share_bp:
        steps.append(f"gives_back_much:{share_bp}")
        return False
    if asker.is_goodwill:
        steps.append("goodwill")
        return False
    if asker.is_on_word_alone:
        steps.append("word_alone")
        return False
    if asker.is_by_amount and asker.worth_minor >= terms.claims_below_minor:
        steps.append(f"amount_without_goods:{asker.worth_minor}")
        return False
    if asker.tier is not None and asker.is_active_distributor and asker.tier in terms.automatic_tiers:
        steps.append(f"tier:{asker.tier.value}")
        return True
    if asker.received_orders < terms.newcomer_orders:
        steps.append(f"newcomer:{asker.received_orders}")
        return False
    if asker.worth_minor < terms.trusted_below_minor:
        steps.append(f"small:{asker.worth_minor}")
        return True
    steps.append("ordinary")
    return False
