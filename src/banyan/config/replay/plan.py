"""The replay's plan: every kind of rule, every stacking, both answers to an ineligible ancestor."""

from __future__ import annotations

from typing import Any

from .goods import CATEGORY_CODES

CHANGE_ON = "2011-04-01T00:00:00+01:00"
"""From here the second version counts: breakage instead of compression."""


def document(category_ids: dict[str, int], unqualified: str) -> dict[str, Any]:
    """Rates, bands, fixed amounts, campaign overlays; caps on the order, a payee and a rule. Amounts in minor units."""
    assert set(category_ids) >= set(CATEGORY_CODES)
    seller, rules = {"to": "seller"}, []
    rules.append(
        _rule("lighting", seller, {"kind": "rate", "rate_bp": 700}, priority=10, when={"category": [category_ids["lighting"]]})
    )
    rules.append(_rule("seller", seller, _bands("progressive", "order", (0, 400), (20_000, 500), (100_000, 600))))
    rules.append(
        _rule(
            "sponsor",
            {"to": "ancestor", "depth": 1},
            _bands("whole_band", "order", (0, 150), (30_000, 200)),
        )
    )
    rules.append(
        _rule(
            "grand-sponsor",
            {"to": "ancestor", "depth": 2, "min_tier": "silver"},
            {"kind": "rate", "rate_bp": 50},
        )
    )
    # The better of two on Christmas goods, for sellers of the upper tiers.
    better = {"all": [{"category": [category_ids["christmas"]]}, {"payee_tier": ["gold", "platinum", "diamond"]}]}
    rules.append(_rule("festive-line", seller, {"kind": "fixed", "minor": 10, "per": "line"}, group="festive", when=better))
    rules.append(
        _rule(
            "festive-rate", seller, {"kind": "rate", "rate_bp": 100}, group="festive", when=better, caps={"order_minor": 50_000}
        )
    )
    rules.append(
        _rule(
            "bag-piece",
            seller,
            {"kind": "fixed", "minor": 1, "per": "unit"},
            group="extra",
            when={"category": [category_ids["bags"]]},
            caps={"line_minor": 500},
        )
    )
    rules.append(
        _rule(
            "spring-double",
            {"to": "earner"},
            {"kind": "multiplier", "of": "base", "times_bp": 12_000},
            group="campaign",
            when={"window": {"from": "2011-03-07T00:00:00+00:00", "to": "2011-03-10T00:00:00+00:00"}},
        )
    )
    rules.append(
        _rule(
            "new-kitchen",
            seller,
            {"kind": "uplift", "of": "base", "rate_bp": 50},
            group="campaign",
            when={"all": [{"category": [category_ids["kitchen"]]}, {"new_goods_days": 60}]},
        )
    )
    return {
        "format": 1,
        "title": f"Replay: every kind of rule ({unqualified})",
        "unqualified": unqualified,
        "hold_days": 14,
        "caps": {"total_bp": 1_500, "order_minor": 200_000, "payee_minor": 150_000},
        "groups": {"base": "exclusive", "festive": "max", "extra": "add", "campaign": "add"},
        "rules": rules,
    }


def _rule(key: str, pays: dict[str, Any], amount: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"key": key, "pays": pays, "amount": amount, **more}


def _bands(kind: str, by: str, *bands: tuple[int, int]) -> dict[str, Any]:
    return {"kind": kind, "by": by, "bands": [{"from_minor": start, "rate_bp": rate} for start, rate in bands]}
