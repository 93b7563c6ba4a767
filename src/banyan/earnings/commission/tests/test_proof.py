"""The proof against brute force: the engine itself on every case, and on every amount of a range."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from itertools import product
from typing import Any

from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from banyan.earnings.commission.engine import compile_plan, parse_plan, prove
from banyan.earnings.commission.engine.proof import Goods, amount_at
from banyan.earnings.commission.tests.shopfront import DOCUMENT
from banyan.earnings.commission.tests.strategies import NOON, plans
from banyan.earnings.commission.types import FULL_BP, TIERS, LegalCeiling, Member, PaidLine, PaidOrder, Plan


def _plain(plan: Plan) -> Plan:
    """What of a random plan can be proven: rules of other kinds are left out."""
    rules = tuple(rule for rule in plan.rules if prove(replace(plan, rules=(rule,))).exact)
    return replace(plan, rules=rules)


plain_plans = plans().map(_plain)
NO_LAW = LegalCeiling("none", 99, None)
AMOUNTS = (1, 2, 7, 99, 100, 101, 999, 1_000, 3_333, 9_999, 10_000, 10_001, 14_999, 25_000, 123_457, 9_999_999)


def _paid(plan: Plan, goods: Goods, path: tuple[str, ...], base: int) -> int:
    at = goods.at or NOON
    listed = at - timedelta(days=goods.age_days) if goods.age_days is not None else None
    line = PaidLine(1, base, 1, goods.sku_id or 999_999, tuple(goods.categories), tuple(goods.tags), listed)
    upline = tuple(Member(100 + depth, depth, tier, "active") for depth, tier in enumerate(path))
    return sum(share.amount_minor for share in compile_plan(plan).decide(PaidOrder(1, at, (line,), upline), NO_LAW))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plain_plans, st.integers(1, 60_000), st.data())
def test_what_is_paid_never_exceeds_the_proof_and_falls_short_by_rounding_only(plan: Plan, base: int, data: Any) -> None:
    proof = prove(plan)
    if not proof.exact:
        event(f"not proven: {proof.why[0][:40]}")
        return
    event("proven")
    if not proof.cases:
        return
    case = data.draw(st.sampled_from(proof.cases[:50]))
    for amount in {base, *data.draw(st.lists(st.sampled_from(AMOUNTS), max_size=3)), case.base_minor or base}:
        exact, paid = amount_at(plan, case.goods, case.path, amount), _paid(plan, case.goods, case.path, amount)
        assert paid <= exact
        assert exact <= case.ratio * amount
        steps = sum(1 + 3 * len(plan.rules) for _ in plan.rules)  # each floor loses less than one, a multiplier up to thrice that
        lifts = [rule for rule in plan.rules if rule.key.startswith("o")]
        if not lifts:  # an uplift on a share that rounds down to nothing falls away altogether
            assert exact - paid < steps


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(plain_plans)
def test_no_case_of_the_engine_pays_a_greater_part_than_the_worst_that_was_proven(plan: Plan) -> None:
    """All tiers at all depths, all goods that the conditions can tell apart and more, two dozen moments and amounts."""
    proof = prove(plan)
    assume(proof.exact)
    worst = proof.worst
    bound = worst.ratio if worst is not None else Fraction(0)
    depth = max((rule.pays.depth for rule in plan.rules), default=0)
    length = 1 + (plan.reach or depth)
    paths = list(product(TIERS, repeat=min(length, 2)))
    goods = [
        Goods(sku, frozenset(path), frozenset(tags), age, NOON + timedelta(days=shift))
        for sku, path, tags, age, shift in (
            (1, (1,), (), 0, 0), (2, (1, 2, 3), ("eco",), 5, -59), (3, (4,), ("eco", "hot"), 40, 41), (4, (1,), ("hot",), None, 7)
        )
    ]  # fmt: skip
    for path, each, amount in product(paths[::3], goods, AMOUNTS[::2]):
        full = (*path, *("diamond",) * (length - len(path)))
        assert Fraction(_paid(plan, each, full, amount), amount) <= bound


def test_the_worst_case_comes_with_its_witness() -> None:
    plan = parse_plan({
        **DOCUMENT, "caps": {"total_bp": 10_000}, "groups": {"base": "max", "above": "add"},
        "rules": [
            {"key": "all", "pays": {"to": "seller"}, "amount": {"kind": "rate", "rate_bp": 500}},
            {"key": "tea", "pays": {"to": "seller"}, "amount": {"kind": "rate", "rate_bp": 900}, "when": {"category": [1]}},
            {"key": "gold", "pays": {"to": "ancestor", "depth": 1}, "amount": {"kind": "rate", "rate_bp": 300}, "group": "above",
             "when": {"payee_tier": ["gold"]}},
            {"key": "gift", "pays": {"to": "ancestor", "depth": 1}, "amount": {"kind": "fixed", "minor": 50, "per": "line"},
             "group": "above", "caps": {"line_minor": 20}},
        ],
    })  # fmt: skip
    proof = prove(plan)
    assert proof.exact
    rates = {(case.goods.categories, case.path[1]): case for case in proof.cases}
    tea, other = frozenset({1}), frozenset[int]()
    # The gift is the whole of a sale of up to 20 minor units: with it such a sale is paid out whole.
    assert rates[tea, "gold"].ratio == 1
    assert rates[tea, "gold"].base_minor is not None
    assert {key for key, _ in rates[other, "bronze"].parts} == {"all", "gift"}
    without = parse_plan({**DOCUMENT, "caps": {"total_bp": 1_000}})
    worst = prove(without).worst
    assert worst is not None
    assert (worst.rate_bp, dict(worst.parts)["seller"]) == (1_000, Fraction(1_000, FULL_BP))


def test_what_is_not_known_is_not_proven() -> None:
    document = {
        **DOCUMENT,
        "rules": [*DOCUMENT["rules"], {"key": "me", "pays": {"to": "buyer"}, "amount": {"kind": "rate", "rate_bp": 1}}],
    }
    proof = prove(parse_plan(document))
    assert (proof.exact, proof.cases) == (False, ())
    assert "me" in proof.why[0]
    many = {"any": [{"tag": [f"t{number}" for number in range(13)]}]}
    assert not prove(parse_plan({**DOCUMENT, "rules": [{**DOCUMENT["rules"][0], "when": many}]})).exact
