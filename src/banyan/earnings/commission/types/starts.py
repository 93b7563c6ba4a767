"""Plans to begin with: the common ones of the market, each small enough to read and to change. Whether one is legal where the
shop stands is for the law to say; most pay deeper than the letter of the law of mainland China allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class PlanStart:
    """A document that is a plan already; amounts in minor units, rates in basis points. ``title`` in English, ``title_zh``."""

    key: str
    title: str
    title_zh: str
    document: dict[str, Any]


def _plan(title: str, total_bp: int, *rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "format": 1,
        "title": title,
        "unqualified": "breakage",
        "hold_days": 7,
        "caps": {"total_bp": total_bp, **more.pop("caps", {})},
        **more,
        "rules": list(rules),
    }


def _rate(rate_bp: int) -> dict[str, Any]:
    return {"kind": "rate", "rate_bp": rate_bp}


_SELLER: Final = {"key": "seller", "title": "直推", "pays": {"to": "seller"}, "amount": _rate(800)}

STARTS: Final[tuple[PlanStart, ...]] = (
    PlanStart("seller", "The seller alone", "只奖直推", _plan("直推 8%", 800, _SELLER)),
    PlanStart(
        "two", "The seller and his sponsor", "直推加间推",
        _plan(
            "直推 8%，间推 3%", 1100, _SELLER,
            {"key": "sponsor", "title": "间推", "pays": {"to": "ancestor", "depth": 1}, "amount": _rate(300)},
        ),
    ),
    PlanStart(
        "own", "Own purchases and sharing", "自购省、分享赚",
        _plan(
            "自购 5%，分享 8%", 1300,
            {"key": "own", "title": "自购", "pays": {"to": "buyer"}, "amount": _rate(500)},
            {**_SELLER, "title": "分享"},
        ),
    ),
    PlanStart(
        "differential", "By difference of tier, with peers", "级差加平级",
        _plan(
            "级差", 2000,
            {
                "key": "differential", "title": "级差", "pays": {"to": "path", "from_depth": 0, "to_depth": 5},
                "amount": {
                    "kind": "differential",
                    "rates_bp": {"bronze": 500, "silver": 800, "gold": 1100, "platinum": 1300, "diamond": 1500},
                    "peer": {"rate_bp": 100, "of": "line", "most": 1, "cap_minor": 5000},
                },
            },
        ),
    ),
    PlanStart(
        "ladder", "A ladder by the month's own sales", "按月销售额阶梯",
        _plan(
            "月度阶梯", 1200,
            {
                "key": "ladder", "title": "月度阶梯", "pays": {"to": "seller"},
                "amount": {
                    "kind": "progressive", "by": "figure", "figure": "month_sales_minor", "true_up": True,
                    "bands": [
                        {"from_minor": 0, "rate_bp": 500},
                        {"from_minor": 500_000, "rate_bp": 800},
                        {"from_minor": 2_000_000, "rate_bp": 1200},
                    ],
                },
            },
        ),
    ),
    PlanStart(
        "new_goods", "Double on new goods", "新品双倍",
        _plan(
            "新品双倍", 1600, _SELLER,
            {
                "key": "new-double", "title": "新品 30 天双倍", "pays": {"to": "earner"}, "group": "campaign",
                "amount": {"kind": "multiplier", "of": "base", "times_bp": 20_000}, "when": {"new_goods_days": 30},
            },
            groups={"base": "add", "campaign": "add"},
        ),
    ),
    PlanStart(
        "pool", "A pool of the month", "月度分红",
        _plan(
            "直推加分红", 1000, _SELLER,
            {
                "key": "pool", "title": "月度分红",
                "pays": {"to": "pool", "period": "month", "weight": "personal_sales", "min_tier": "gold"}, "amount": _rate(200),
            },
        ),
    ),
    PlanStart(
        "regional", "The seller and the regional partner", "直推加区域代理",
        _plan(
            "直推加区域", 1000, _SELLER,
            {
                "key": "city", "title": "市级代理", "pays": {"to": "regional_partner", "scope": "city"}, "amount": _rate(200),
            },
        ),
    ),
)  # fmt: skip
