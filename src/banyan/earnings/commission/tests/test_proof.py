"""The proof against brute force: the engine itself on every case, and on every amount of a range."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from fractions import Fraction
from itertools import product
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from banyan.earnings.commission.engine import Case, Goods, Sale, compile_plan, parse_plan, prove, worst_at
from banyan.earnings.commission.engine.path_classes import Beside, Path, Standing
from banyan.earnings.commission.engine.proof import Proof, amount_at
from banyan.earnings.commission.engine.provable import leaves_of, unknown_of
from banyan.earnings.commission.engine.trial import Sold, try_period
from banyan.earnings.commission.queries.proofs import thin_skus
from banyan.earnings.commission.tests.shopfront import DOCUMENT, Sales
from banyan.earnings.commission.tests.strategies import NOON, conditions, plans
from banyan.earnings.commission.tests.test_closing_properties import period_rules
from banyan.earnings.commission.types import (
    FULL_BP,
    TIERS,
    LegalCeiling,
    Member,
    OrderFacts,
    PaidLine,
    PaidOrder,
    PayeeTier,
    Period,
    Plan,
    Progressive,
    Recipient,
    Stacking,
    WholeBand,
    is_overlay,
    is_periodic,
)
from banyan.earnings.commission.types.starts import STARTS


def _proven(plan: Plan) -> Proof:
    """Plans of few cases only, so that many of them can be tried."""
    with mock.patch("banyan.earnings.commission.engine.proof.CASES_MAX", 400):
        return prove(plan)


def _plain(plan: Plan) -> Plan:
    """What of a random plan can be proven: rules of other kinds are left out."""
    rules = tuple(rule for rule in plan.rules if not any(unknown_of(replace(plan, rules=(rule,)))))
    return replace(plan, rules=rules)


plain_plans = plans().map(_plain)
NO_LAW = LegalCeiling("none", 99, None)
AMOUNTS = (1, 2, 7, 99, 100, 101, 999, 1_000, 3_333, 9_999, 10_000, 10_001, 14_999, 25_000, 123_457, 9_999_999)


def _figures(plan: Plan, base: int) -> set[int]:
    """Sales of a payee at which some band begins, or this sale ends where one begins."""
    banded = [rule.amount for rule in plan.rules if isinstance(rule.amount, Progressive | WholeBand) and rule.amount.figure]
    edges = {band.from_minor for amount in banded for band in amount.bands}
    return {each for edge in edges for each in (edge, edge - base) if each >= 0} or {0}


def _paid(plan: Plan, goods: Goods, path: Path, base: int, sale: Sale = Sale(), beside: Beside = ()) -> int:
    """What the engine pays, at the sales figures at which that is most."""
    at = goods.at or NOON
    listed = at - timedelta(days=goods.age_days) if goods.age_days is not None else None
    line = PaidLine(
        1, base, 1, goods.sku_id or 999_999, tuple(goods.categories), tuple(goods.tags), listed, goods.product_id,
        goods.supplier_id, goods.cost_minor,
    )  # fmt: skip
    compiled, most = compile_plan(plan), 0
    for figure in _figures(plan, base):
        known = {"month_sales_minor": figure}
        upline = tuple(
            Member(100 + depth, depth, each.tier, "active" if each.is_active else "frozen", known)
            for depth, each in enumerate(path)
        )
        facts = _facts(sale, beside, known)
        shares = compiled.decide(PaidOrder(1, at, (line,), upline, facts), NO_LAW)
        most = max(most, sum(share.amount_minor for share in shares))
    return most


def _facts(sale: Sale, beside: Beside, known: dict[str, int]) -> OrderFacts:
    buyer, partners, people = None, [], []
    for number, (name, each) in enumerate(beside):
        kind, _, which = name.partition(":")
        member = Member(int(which) if kind == "person" else 700 + number, 0, each.tier, "active", known)
        if kind == "buyer":
            buyer = member
        elif kind == "person":
            people.append(member)
        else:
            partners.append((which, member))
    return OrderFacts(*sale, buyer, tuple(partners), tuple(people))


def _people(case: Case) -> tuple[Path, Beside]:
    path = tuple(Standing(tier, depth not in case.inactive) for depth, tier in enumerate(case.path))
    return path, tuple((name, Standing(tier)) for name, tier in case.beside)


def _apart(plan: Plan) -> Plan:
    """Named persons stand nowhere on the path, as in the worst case."""
    rules = (
        replace(rule, pays=replace(rule.pays, distributor_id=600 + (rule.pays.distributor_id or 0)))
        if rule.pays.to is Recipient.PERSON
        else rule
        for rule in plan.rules
    )
    return replace(plan, rules=tuple(rules))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plain_plans.map(_apart), st.integers(1, 60_000), st.data())
def test_what_is_paid_never_exceeds_the_proof_and_falls_short_by_rounding_only(plan: Plan, base: int, data: Any) -> None:
    proof = _proven(plan)
    if not proof.exact:
        event(f"not proven: {proof.why[0][:40]}")
        return
    event("proven")
    if not proof.cases:
        return
    case = data.draw(st.sampled_from(proof.cases[:50]))
    path, beside = _people(case)
    edges = {case.base_minor + step for step in (-1, 0, 1)} if case.base_minor is not None else set()
    for amount in {base, *data.draw(st.lists(st.sampled_from(AMOUNTS), max_size=3)), *edges} - {0}:
        exact = amount_at(plan, case.goods, path, amount, case.sale, beside)
        paid = _paid(plan, case.goods, path, amount, case.sale, beside)
        assert paid <= exact
        assert exact <= case.ratio * amount
        steps = (1 + len(path) + len(beside)) * sum(1 + 3 * len(plan.rules) for _ in plan.rules)
        # Each floor loses less than one, a multiplier up to thrice that; a rule can pay everybody.
        lifts = [rule for rule in plan.rules if rule.key.startswith("o")]
        if not lifts:  # an uplift on a share that rounds down to nothing falls away altogether
            assert exact - paid < steps


tiers = st.builds(Standing, st.sampled_from(TIERS), st.sampled_from([True, True, True, False]))
sales = st.builds(
    Sale, st.sampled_from(["", "shop", "live"]), st.sampled_from(["", "440304", "440100", "310101"]), st.booleans(),
    st.integers(0, 1439),
)  # fmt: skip


@st.composite
def some_goods(draw: st.DrawFn) -> Goods:
    return Goods(
        draw(st.integers(1, 5)), frozenset(draw(st.sampled_from([(1,), (1, 2, 3), (4,), (9,)]))),
        frozenset(draw(st.sampled_from([(), ("eco",), ("hot",), ("eco", "hot")]))),
        draw(st.none() | st.integers(0, 60)), NOON + timedelta(days=draw(st.integers(-90, 90))),
        draw(st.integers(1, 5)), draw(st.none() | st.integers(1, 5)), draw(st.sampled_from([0, 0, 0, 1, 50, 5_000])),
    )  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(plain_plans, st.data())
def test_no_random_sale_pays_more_than_the_worst_of_its_goods_and_of_all(plan: Plan, data: Any) -> None:
    """Anybody at any place, inactive ones and short paths too; people beside the path may stand on it; goods at any cost."""
    proof = _proven(plan)
    assume(proof.exact)
    bound = proof.worst.ratio if proof.worst is not None else Fraction(0)
    for _ in range(6):
        path = tuple(data.draw(st.lists(tiers, max_size=7)))
        goods, sale = data.draw(some_goods()), data.draw(sales)
        on_path = {f"person:{100 + depth}": each for depth, each in enumerate(path)}
        names = [
            "buyer",
            "person:101",
            "person:500",
            *(f"regional_partner:{scope}" for scope in ("province", "city", "district")),
        ]
        beside = tuple((name, on_path.get(name) or data.draw(tiers)) for name in names)
        beside = tuple((name, each) for name, each in beside if each.is_active)
        amount = data.draw(st.sampled_from(AMOUNTS) | st.integers(1, 20_000))
        paid = _paid(plan, goods, path, amount, sale, beside)
        assert Fraction(paid, amount) <= bound
        assert paid <= worst_at(plan, goods, amount)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(plain_plans)
def test_no_case_of_the_engine_pays_a_greater_part_than_the_worst_that_was_proven(plan: Plan) -> None:
    """All tiers at all depths, all goods that the conditions can tell apart and more, two dozen moments and amounts."""
    proof = _proven(plan)
    assume(proof.exact)
    worst = proof.worst
    bound = worst.ratio if worst is not None else Fraction(0)
    depth = max((max(rule.pays.depth, rule.pays.to_depth) for rule in plan.rules), default=0)
    length = 1 + max(plan.reach or 0, depth)
    paths = list(product(TIERS, repeat=min(length, 2)))
    goods = [
        Goods(sku, frozenset(path), frozenset(tags), age, NOON + timedelta(days=shift))
        for sku, path, tags, age, shift in (
            (1, (1,), (), 0, 0), (2, (1, 2, 3), ("eco",), 5, -59), (3, (4,), ("eco", "hot"), 40, 41), (4, (1,), ("hot",), None, 7)
        )
    ]  # fmt: skip
    for path, each, amount in product(paths[::3], goods, AMOUNTS[::2]):
        full = tuple(Standing(tier) for tier in (*path, *("diamond",) * (length - len(path))))
        assert Fraction(_paid(plan, each, full, amount, Sale("shop", "440304", True, 600)), amount) <= bound


def _asks_no_payee(condition: Any) -> bool:
    """A close knows no payee's tier but by `min_tier`: documents that ask for more are refused."""
    return not any(isinstance(leaf, PayeeTier) for leaf in leaves_of(condition))


@st.composite
def closing_plans(draw: st.DrawFn) -> Plan:
    """Rules of orders and of a month's close."""
    plan = draw(plain_plans)
    rules = [replace(draw(period_rules(number)), group="close") for number in range(draw(st.integers(1, 3)))]
    if draw(st.booleans()):
        rules = [replace(rule, when=draw(conditions.filter(_asks_no_payee))) for rule in rules]
    groups = (*plan.groups, ("close", Stacking.ADD))
    return _plain(_apart(replace(plan, rules=(*plan.rules[:2], *rules), groups=groups)))


def _closed(plan: Plan, goods: Goods, path: Path, base: int, sale: Sale, beside: Beside) -> int:
    """What the engine pays on an order and at the close of a month that has nothing else, as people stand at worst at its end."""
    at = goods.at or NOON
    listed = at - timedelta(days=goods.age_days) if goods.age_days is not None else None
    line = PaidLine(
        1, base, 1, goods.sku_id or 999_999, tuple(goods.categories), tuple(goods.tags), listed, goods.product_id,
        goods.supplier_id, goods.cost_minor,
    )  # fmt: skip
    upline = tuple(
        Member(100 + depth, depth, each.tier, "active" if each.is_active else "frozen") for depth, each in enumerate(path)
    )
    order = Sold(PaidOrder(1, at, (line,), upline, _facts(sale, beside, {})), NO_LAW, {})
    most = 0
    others = [Member(990 + number, 0, tier, "active") for number, tier in enumerate(TIERS)]
    for tier in TIERS:
        members = [Member(100, 0, tier, "active"), *others]
        trial = try_period(compile_plan(plan), Period.MONTH, [order], members, UTC)
        paid = sum(share.amount_minor for _, shares in trial.shares for share in shares)
        most = max(most, paid + sum(each.amount_minor for each in trial.closing.rewards))
    return most


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(closing_plans(), st.integers(1, 60_000), st.data())
def test_what_a_close_pays_on_one_sale_is_proven_like_what_its_order_pays(plan: Plan, base: int, data: Any) -> None:
    proof = _proven(plan)
    assume(proof.exact and proof.cases and any(is_periodic(rule) for rule in plan.rules))
    bound = proof.worst.ratio if proof.worst is not None else Fraction(0)
    for case in data.draw(st.lists(st.sampled_from(proof.cases[:50]), min_size=1, max_size=2)):
        path, beside = _people(case)
        edges = {case.base_minor + step for step in (-1, 0, 1)} if case.base_minor is not None else set()
        for amount in {base, data.draw(st.sampled_from(AMOUNTS)), *edges} - {0}:
            exact = amount_at(plan, case.goods, path, amount, case.sale, beside)
            paid = _closed(plan, case.goods, path, amount, case.sale, beside)
            assert paid <= exact <= case.ratio * amount
            if not any(is_overlay(rule) for rule in plan.rules):
                assert exact - paid < (2 + len(path) + len(beside)) * sum(1 + 3 * len(plan.rules) for _ in plan.rules)
    goods, sale, path = data.draw(some_goods()), data.draw(sales), tuple(data.draw(st.lists(tiers, max_size=4)))
    paid = _closed(plan, goods, path, base, sale, ())
    assert Fraction(paid, base) <= bound
    assert paid <= worst_at(plan, goods, base)


def test_a_targets_step_and_a_pools_pot_are_found_with_their_witness() -> None:
    step = {"from_minor": 100_000, "minor": 6_000}
    plan = parse_plan({
        **DOCUMENT, "caps": {"total_bp": 10_000},
        "rules": [
            {"key": "all", "pays": {"to": "seller"}, "amount": {"kind": "rate", "rate_bp": 500}},
            {"key": "aim", "pays": {"to": "member", "period": "month"}, "amount": {"kind": "target", "steps": [step]}},
            {"key": "pot", "pays": {"to": "pool", "period": "month"}, "amount": {"kind": "rate", "rate_bp": 100}},
        ],
    })  # fmt: skip
    worst = prove(plan).worst
    assert worst is not None
    assert (worst.rate_bp, worst.base_minor) == (500 + 600 + 100, 100_000)
    assert {key: part * FULL_BP for key, part in worst.parts} == {"all": 500, "aim": 600, "pot": 100}
    goods = Goods(None, frozenset(), frozenset(), None, None)
    assert [worst_at(plan, goods, base) for base in (99_999, 100_000)] == [5_999, 12_000]
    asks = [replace(rule, pays=replace(rule.pays, min_sales_minor=150_000)) if is_periodic(rule) else rule for rule in plan.rules]
    assert [worst_at(replace(plan, rules=tuple(asks[:2])), goods, base) for base in (149_999, 150_000)] == [7_499, 13_500]
    capped = prove(replace(plan, caps=replace(plan.caps, total_bp=900))).worst
    assert capped is not None
    assert capped.rate_bp == 900


def test_a_margin_has_to_bear_what_a_close_pays_on_many_sales(sales: Sales, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sale of 10,000 does not reach the target; ten of them do, and then each costs 5 % more than its order paid."""
    step = {"from_minor": 100_000, "minor": 5_000}
    rules = [
        {"key": "all", "pays": {"to": "seller"}, "amount": {"kind": "rate", "rate_bp": 500}},
        {"key": "aim", "pays": {"to": "member", "period": "month"}, "amount": {"kind": "target", "steps": [step]}},
    ]
    plan = parse_plan({**DOCUMENT, "caps": {"total_bp": 10_000}, "rules": rules})
    sku = SimpleNamespace(
        sku_id=1, product_id=1, category_path=(), tags=(), listed_at=None, supplier_id=None, price_minor=10_000, cost_minor=9_300
    )
    monkeypatch.setattr("banyan.earnings.commission.queries.proofs.catalog.thin_margins", lambda _rate_bp: [sku])
    with sales.shop.enter():
        (thin,) = thin_skus(plan, prove(plan), NOON)
        assert (thin.margin_minor, thin.worst_minor) == (700, 1_000)
        assert thin_skus(replace(plan, rules=plan.rules[:1]), None, NOON) == ()


def test_an_inactive_member_is_gone_through_where_he_parts_rivals() -> None:
    """Under compression the second ancestor's share passes over him, and no longer meets the one for the true depth."""
    at_two = {"amount": {"kind": "rate", "rate_bp": 1_000}}
    plan = parse_plan({
        **DOCUMENT, "unqualified": "compression", "reach": 3, "caps": {"total_bp": 10_000}, "groups": {"base": "max"},
        "rules": [{**at_two, "key": "second", "pays": {"to": "ancestor", "depth": 2}},
                  {**at_two, "key": "team", "pays": {"to": "path", "from_depth": 2, "to_depth": 2}}],
    })  # fmt: skip
    worst = prove(plan).worst
    assert worst is not None
    assert (worst.rate_bp, worst.inactive) == (2_000, (1,))


def test_the_plans_to_begin_with_are_proven() -> None:
    """Each with what its rules give together."""
    found = {start.key: prove(parse_plan(start.document)) for start in STARTS}
    assert [key for key, proof in found.items() if not proof.exact] == []
    rates = {key: proof.worst.rate_bp for key, proof in found.items() if proof.worst is not None}
    assert rates == {"seller": 800, "two": 1_100, "own": 1_300, "differential": 1_800, "ladder": 1_200, "new_goods": 1_600,
                     "regional": 1_000, "pool": 1_000}  # fmt: skip
    by_difference = found["differential"].worst
    assert by_difference is not None
    # 15 % by difference; three tiers of the six can be doubled, each by a peer bonus that 5,000 caps at 500,000.
    assert (len(by_difference.path), by_difference.base_minor) == (6, 500_000)
    assert len(set(by_difference.path)) == 3


def test_margins_are_proven_for_goods_that_cost_nothing_and_to_the_cent_for_goods_at_their_cost() -> None:
    rules = [{**DOCUMENT["rules"][0], "basis": "margin", "amount": {"kind": "rate", "rate_bp": 5_000}}]
    plan = parse_plan({**DOCUMENT, "caps": {"total_bp": 10_000}, "rules": rules})
    worst = prove(plan).worst
    assert worst is not None
    assert worst.rate_bp == 5_000
    goods = Goods(1, frozenset(), frozenset(), None, None)
    assert [worst_at(plan, replace(goods, cost_minor=cost), 1_000) for cost in (0, 700, 1_200)] == [500, 150, 0]


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
        "rules": [
            *DOCUMENT["rules"],
            {"key": "me", "pays": {"to": "member", "period": "month", "sales": "team"}, "amount": {"kind": "rate", "rate_bp": 1}},
        ],
    }
    proof = prove(parse_plan(document))
    assert (proof.exact, proof.cases) == (False, ())
    assert "me" in proof.why[0]
    many = {"any": [{"tag": [f"t{number}" for number in range(13)]}]}
    assert not prove(parse_plan({**DOCUMENT, "rules": [{**DOCUMENT["rules"][0], "when": many}]})).exact
