"""From sums to what people read: totals, ratios, who gains and who loses, month by month. All JSON values, minor units."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from banyan.earnings.simulation.types import Pair, Tally

FULL_BP = 10_000
LISTED_PEOPLE = 50
LISTED_GOODS = 200


def summarize(tally: Tally) -> dict[str, Any]:
    """The outcome of a run. Ratios are basis points of the commissionable amount, rounded down; `delta` is new − old."""
    months: dict[str, list[int]] = {}
    for day, numbers in tally.by_day.items():
        sums = months.setdefault(day[:7], [0, 0, 0, 0])
        for place, number in enumerate(numbers):
            sums[place] += number
    return {
        "orders": tally.order_count,
        "base_minor": tally.base_minor,
        "differing_orders": tally.differing,
        **_sides(tally.total.old, tally.total.new, tally.base_minor),
        "by_rule": [_rule(key, tally.by_rule) for key in sorted({rule for _, rule in tally.by_rule})],
        "by_tier": [{"tier": name, **_sides(pair.old, pair.new)} for name, pair in sorted(tally.by_tier.items())],
        "by_depth": [{"depth": depth, **_sides(pair.old, pair.new)} for depth, pair in sorted(tally.by_depth.items())],
        "by_sku": _goods(tally.by_sku, "sku_id"),
        "by_category": _goods(tally.by_category, "category_id"),
        "by_month": [
            {"month": month, "orders": n, "base_minor": base, **_sides(old, new, base)}
            for month, (n, base, old, new) in sorted(months.items())
        ],
        "by_day": [
            {"day": day, "orders": n, "base_minor": base, "old_minor": old, "new_minor": new}
            for day, (n, base, old, new) in sorted(tally.by_day.items())
        ],
        "released_by_day": [
            {"day": day, "old_minor": pair.old, "new_minor": pair.new} for day, pair in sorted(tally.released.items()) if day
        ],
        "awaiting_receipt": _sides_plain(tally.released.get("", Pair())),
        "by_period": [
            {
                "period": period, "first_day": first_day, "end_day": pair.end_day, **_sides(pair.old, pair.new),
                "is_whole": pair.is_whole, "is_open": pair.is_open,
            }
            for (period, first_day), pair in sorted(tally.by_period.items(), key=lambda each: (each[0][1], each[0][0]))
        ],
        **_people(tally.paid),
    }  # fmt: skip


def _sides(old: int, new: int, base: int | None = None) -> dict[str, int]:
    sides = {"old_minor": old, "new_minor": new, "delta_minor": new - old}
    if base is not None:
        sides |= {"old_bp": old * FULL_BP // base if base else 0, "new_bp": new * FULL_BP // base if base else 0}
    return sides


def _sides_plain(pair: Pair) -> dict[str, int]:
    return {"old_minor": pair.old, "new_minor": pair.new}


def _rule(key: str, by_rule: dict[tuple[int, str], int]) -> dict[str, Any]:
    return {"rule": key, **_sides(by_rule.get((0, key), 0), by_rule.get((1, key), 0))}


def _goods(sums: dict[int, tuple[int, int, int]], name: str) -> list[dict[str, int]]:
    """Those with the greatest change first; what is beyond the list is one row with id 0."""
    ordered = sorted(sums.items(), key=lambda each: (-abs(each[1][2] - each[1][1]), -each[1][0], each[0]))
    rows = [{name: key, "base_minor": base, **_sides(old, new, base)} for key, (base, old, new) in ordered[:LISTED_GOODS]]
    rest = [numbers for _, numbers in ordered[LISTED_GOODS:]]
    if rest:
        base, old, new = (sum(column) for column in zip(*rest, strict=True))
        rows.append({name: 0, "base_minor": base, **_sides(old, new, base)})
    return rows


def _people(paid: dict[tuple[int, int, str], int]) -> dict[str, Any]:
    sums: dict[int, list[int]] = {}
    for (payee, side, _), amount in paid.items():
        sums.setdefault(payee, [0, 0])[side] += amount
    changed = sorted(
        ((new - old, payee) for payee, (old, new) in sums.items() if new != old), key=lambda each: (each[0], each[1])
    )
    losing = [payee for delta, payee in changed if delta < 0][:LISTED_PEOPLE]
    gaining = [payee for delta, payee in reversed(changed) if delta > 0][:LISTED_PEOPLE]
    wanted = {*losing, *gaining}
    parts: dict[int, dict[str, Pair]] = {}
    for (payee, side, rule), amount in paid.items():
        if payee in wanted:
            pair = parts.setdefault(payee, {}).setdefault(rule, Pair())
            if side:
                pair.new += amount
            else:
                pair.old += amount
    return {
        "people": len(sums),
        "gaining": sum(1 for delta, _ in changed if delta > 0),
        "losing": sum(1 for delta, _ in changed if delta < 0),
        "gainers": list(_why(gaining, sums, parts)),
        "losers": list(_why(losing, sums, parts)),
    }


def _why(people: Iterable[int], sums: dict[int, list[int]], parts: dict[int, dict[str, Pair]]) -> Iterable[dict[str, Any]]:
    """Each with the rules behind the change, the weightiest first."""
    for payee in people:
        old, new = sums[payee]
        rules = sorted(parts[payee].items(), key=lambda each: (-abs(each[1].new - each[1].old), each[0]))
        yield {
            "payee_id": payee,
            **_sides(old, new),
            "why": [{"rule": rule, **_sides(pair.old, pair.new)} for rule, pair in rules if pair.new != pair.old],
        }
