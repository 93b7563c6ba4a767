"""The worst case of a plan on one sale, proven: every class of goods, part of time and tier path that the plan can tell apart is
gone through, and for each the part of the sale that is paid is worked out for all amounts at once (`curves`).

One sale is one unit of one line, the first of its period (nothing is spent of budgets yet). The proven figure is before rounding
down, so what is paid never exceeds it, and falls short of it by less than a cent for each share. A plan with a kind of rule that
is not known here, or with too many cases, is not proven: the answer says so, and the bound of `facts.paid_range` counts instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import product
from typing import Any

from banyan.earnings.commission.types import (
    FULL_BP,
    TIERS,
    All,
    Fixed,
    HasTag,
    InCategory,
    IsSku,
    Multiplier,
    NewGoods,
    Not,
    PayeeTier,
    Plan,
    Progressive,
    Rate,
    Recipient,
    Rule,
    Some,
    Stacking,
    Unqualified,
    Uplift,
    WholeBand,
    Window,
)

from . import curves
from .curves import Curve, Peak
from .provable import leaves_of, unknown_of

CASES_MAX = 40_000
"""Beyond so many cases a plan is not proven but bounded."""
_RANK = {tier: rank for rank, tier in enumerate(TIERS)}


@dataclass(frozen=True, slots=True)
class Goods:
    """A class of goods and a part of time, by one of its members: what conditions can tell of it."""

    sku_id: int | None
    categories: frozenset[int]
    tags: frozenset[str]
    age_days: int | None
    """Whole days since listing, None for goods without a listing."""
    at: datetime | None
    """A moment of the part of time; None where the plan has no windows."""


@dataclass(frozen=True, slots=True)
class Case:
    """One proven case and its witness: on these goods, with these tiers from the seller up, at this base these rules pay so much.

    `ratio` is the exact part of the sale. `base_minor` None: the part is approached as the sale grows. `parts`: each rule's part
    at the witness, before caps over several rules.
    """

    goods: Goods
    path: tuple[str, ...]
    ratio: Fraction
    base_minor: int | None
    parts: tuple[tuple[str, Fraction], ...]

    @property
    def rate_bp(self) -> int:
        """The part in basis points, rounded up."""
        return -(-self.ratio.numerator * FULL_BP // self.ratio.denominator)


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proven. `exact` False: `why` says what stood in the way, and `cases` is empty."""

    exact: bool
    why: tuple[str, ...] = ()
    cases: tuple[Case, ...] = ()
    case_count: int = 0

    @property
    def worst(self) -> Case | None:
        return max(self.cases, key=lambda case: case.ratio, default=None)


def prove(plan: Plan, category_sets: Sequence[frozenset[int]] | None = None) -> Proof:
    """The exact worst case per class of goods and tier path; `cases` has one for each pair that pays.

    `category_sets`: which of the named categories one product can lie in together (its chain up to the root); without it every
    combination is thought possible.
    """
    unknown = tuple(sorted(unknown_of(plan)))
    if unknown:
        return Proof(False, unknown)
    prover = _Prover(plan)
    classes = list(prover.goods(category_sets))
    count = len(classes) * len(prover.tiers) ** prover.length
    if count > CASES_MAX:
        return Proof(False, (f"{count} cases, more than {CASES_MAX}",))
    best: dict[tuple[Any, ...], Case] = {}
    for goods in classes:
        for path in product(prover.tiers, repeat=prover.length):
            case = prover.case(goods, path)
            key = (goods.sku_id, goods.categories, goods.tags, path)
            if case is not None and (key not in best or best[key].ratio < case.ratio):
                best[key] = case
    return Proof(True, (), tuple(sorted(best.values(), key=lambda case: -case.ratio)), count)


def worst_at(plan: Plan, goods: Goods, base_minor: int) -> int:
    """The most that one sale of these goods at this amount can pay, over all tier paths, rounded down. Raises ValueError where
    the plan is not provable."""
    if any(True for _ in unknown_of(plan)):
        raise ValueError("not provable")
    prover = _Prover(plan)
    paths = product(prover.tiers, repeat=prover.length)
    most = max(curves.value_at(prover.total(goods, path)[0], base_minor) for path in paths)
    return most.numerator // most.denominator


def amount_at(plan: Plan, goods: Goods, path: Sequence[str], base_minor: int) -> Fraction:
    """What the proof says of one sale, before rounding: for tests, which compare it with the engine. Raises ValueError."""
    if any(True for _ in unknown_of(plan)):
        raise ValueError("not provable")
    return curves.value_at(_Prover(plan).total(goods, tuple(path))[0], base_minor)


@dataclass(frozen=True, slots=True)
class _Award:
    """What one rule gives in one place. `rivals`: those of whom the greatest was taken."""

    rule: Rule
    place: int
    curve: Curve
    rivals: tuple[_Award, ...] = ()


class _Prover:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.compressed = plan.unqualified is Unqualified.COMPRESSION
        deepest = max((rule.pays.depth for rule in plan.rules), default=0)
        self.reach = plan.reach if plan.reach is not None else deepest
        self.length = 1 + (self.reach if self.compressed else deepest)
        self.rules = sorted(plan.rules, key=lambda rule: (rule.priority, rule.key))
        self.leaves = [leaf for rule in plan.rules for leaf in leaves_of(rule.when)]
        self.tiers = self._tiers()
        self._known: dict[Any, tuple[Curve, tuple[tuple[str, Curve], ...], Peak]] = {}

    def _tiers(self) -> list[str]:
        """One tier of each kind that the plan can tell apart."""
        kinds: dict[tuple[Any, ...], str] = {}
        lowest = [rule.pays.min_tier for rule in self.plan.rules if rule.pays.min_tier]
        for tier in TIERS:
            named = tuple(tier in leaf.tiers for leaf in self.leaves if isinstance(leaf, PayeeTier))
            kinds.setdefault((named, tuple(_RANK[tier] >= _RANK[each] for each in lowest)), tier)
        return list(kinds.values())

    def goods(self, category_sets: Sequence[frozenset[int]] | None) -> Iterator[Goods]:
        """One member of every class of goods and part of time."""
        skus = sorted({sku for leaf in self.leaves if isinstance(leaf, IsSku) for sku in leaf.sku_ids})
        tags = sorted({tag for leaf in self.leaves if isinstance(leaf, HasTag) for tag in leaf.tags})
        named = frozenset(each for leaf in self.leaves if isinstance(leaf, InCategory) for each in leaf.category_ids)
        sets = {frozenset(each) & named for each in category_sets} if category_sets is not None else set(_subsets(sorted(named)))
        spans = sorted({leaf.days for leaf in self.leaves if isinstance(leaf, NewGoods)})
        edges = sorted({at for leaf in self.leaves if isinstance(leaf, Window) for at in (leaf.from_at, leaf.to_at) if at})
        moments: list[datetime | None] = [edges[0] - timedelta(microseconds=1), *edges] if edges else [None]
        for sku, categories, tag_set, age, at in product(
            [None, *skus],
            sorted(sets | {frozenset()}, key=sorted),
            _subsets(tags),
            [None, *([0, *spans] if spans else [])],
            moments,
        ):
            yield Goods(sku, categories, tag_set, age, at)

    def case(self, goods: Goods, path: tuple[str, ...]) -> Case | None:
        total, parts, top = self.total(goods, path)
        if not top.ratio:
            return None
        at = top.base if top.base is not None else total[-1][0] * FULL_BP
        shown = tuple((key, curves.value_at(curve, at) / at) for key, curve in parts if curves.value_at(curve, at))
        return Case(goods, path, top.ratio, top.base, shown)

    def total(self, goods: Goods, path: tuple[str, ...]) -> tuple[Curve, tuple[tuple[str, Curve], ...], Peak]:
        """What all get together, what each rule gives, and the greatest part; worked out once for cases that pay alike."""
        places = tuple(self._place(rule, path) for rule in self.rules)
        holds = tuple(tuple(rule.when is None or _holds(rule.when, goods, tier) for tier in path) for rule in self.rules)
        found = self._known.get((places, holds))
        if found is None:
            found = self._known[places, holds] = self._work_out(places, holds)
        return found

    def _work_out(
        self, places: Sequence[int | None], holds: Sequence[tuple[bool, ...]]
    ) -> tuple[Curve, tuple[tuple[str, Curve], ...], Peak]:
        awards: list[_Award] = []
        for rule, place, held in zip(self.rules, places, holds, strict=True):
            if place is not None and held[place] and not isinstance(rule.amount, Multiplier | Uplift):
                awards.append(_Award(rule, place, _capped(rule, _amount(rule))))
        awards = self._stacked(awards)
        earned: dict[tuple[str, int], list[Curve]] = {}
        for award in awards:
            if not curves.is_zero(award.curve):
                earned.setdefault((award.rule.group, award.place), []).append(award.curve)
        extra: list[_Award] = []
        for rule, only, held in zip(self.rules, places, holds, strict=True):
            if not isinstance(rule.amount, Multiplier | Uplift):
                continue
            for (group, place), paid in earned.items():
                fits = group == rule.amount.of and (rule.pays.to is Recipient.EARNER or only == place)
                if fits and held[place]:
                    extra.append(_Award(rule, place, _capped(rule, _overlay(rule, paid))))
        paid_out = [*awards, *self._stacked(extra)]
        payees: dict[int, list[Curve]] = {}
        for award in paid_out:
            payees.setdefault(award.place, []).append(award.curve)
        total = curves.least([curves.added([self._payee(each) for each in payees.values()]), *self._ceilings()])
        parts = tuple((rival.rule.key, award.curve if not award.rivals else rival.curve) for award in paid_out
                      for rival in (award.rivals or (award,)))  # fmt: skip
        return total, parts, curves.peak(total)

    def _stacked(self, awards: list[_Award]) -> list[_Award]:
        """Of rivals one stays: of `max` the greatest at each base, of `exclusive` the greatest of the first priority."""
        stackings = dict(self.plan.groups)
        kept = [award for award in awards if stackings[award.rule.group] is Stacking.ADD]
        rivals: dict[tuple[str, int], list[_Award]] = {}
        for award in awards:
            if stackings[award.rule.group] is not Stacking.ADD:
                rivals.setdefault((award.rule.group, award.place), []).append(award)
        for (group, place), each in rivals.items():
            if stackings[group] is Stacking.EXCLUSIVE:
                first = min(award.rule.priority for award in each)
                each = [award for award in each if award.rule.priority == first]
            best = curves.greatest([award.curve for award in each])
            kept.append(_Award(each[0].rule, place, best, tuple(each) if len(each) > 1 else ()))
        return kept

    def _payee(self, own: list[Curve]) -> Curve:
        total = curves.added(own)
        caps = (self.plan.caps.payee_minor, self.plan.caps.payee_period_minor)
        return curves.least([total, *(curves.straight(Fraction(0), cap) for cap in caps if cap is not None)])

    def _ceilings(self) -> list[Curve]:
        caps = self.plan.caps
        found = [curves.straight(Fraction(caps.total_bp, FULL_BP))]
        found += [curves.straight(Fraction(0), cap) for cap in (caps.order_minor, caps.budget_minor) if cap is not None]
        if caps.margin_bp is not None:  # goods that cost nothing have the greatest margin
            found.append(curves.straight(Fraction(caps.margin_bp, FULL_BP)))
        return found

    def _place(self, rule: Rule, path: tuple[str, ...]) -> int | None:
        pays = rule.pays
        if pays.to is Recipient.EARNER:
            return None
        depth = 0 if pays.to is Recipient.SELLER else pays.depth
        rank, nth = _RANK[pays.min_tier] if pays.min_tier else 0, depth
        if not self.compressed or depth == 0:
            return depth if _RANK[path[depth]] >= rank else None
        for place in range(1, len(path)):
            if _RANK[path[place]] >= rank:
                nth -= 1
                if nth == 0:
                    return place
        return None


def _amount(rule: Rule) -> Curve:
    amount = rule.amount
    match amount:
        case Rate():
            return curves.straight(Fraction(amount.rate_bp, FULL_BP))
        case Fixed():
            return curves.straight(Fraction(0), amount.minor)
        case WholeBand():
            return curves.stepped((band.from_minor, Fraction(band.rate_bp, FULL_BP), Fraction(0)) for band in amount.bands)
        case Progressive():
            pieces, below = [], Fraction(0)
            for index, band in enumerate(amount.bands):
                rate = Fraction(band.rate_bp, FULL_BP)
                pieces.append((band.from_minor, rate, below - rate * band.from_minor))
                if index + 1 < len(amount.bands):
                    below += rate * (amount.bands[index + 1].from_minor - band.from_minor)
            return curves.stepped(pieces)
    raise TypeError(type(amount).__name__)


def _overlay(rule: Rule, paid: list[Curve]) -> Curve:
    if isinstance(rule.amount, Multiplier):
        return curves.scaled(curves.added(paid), Fraction(rule.amount.times_bp - FULL_BP, FULL_BP))
    assert isinstance(rule.amount, Uplift)
    return curves.straight(Fraction(rule.amount.rate_bp, FULL_BP))


def _capped(rule: Rule, curve: Curve) -> Curve:
    """No share is larger than what was paid for the line, nor than the rule's own caps: one sale is one line and one payee."""
    caps = [rule.caps.line_minor, rule.caps.payee_minor, rule.caps.period_minor, rule.caps.order_minor]
    bounds = [curves.straight(Fraction(0), cap) for cap in caps if cap is not None]
    return curves.least([curve, curves.straight(Fraction(1)), *bounds])


def _holds(condition: Any, goods: Goods, tier: str) -> bool:
    match condition:
        case All():
            return all(_holds(each, goods, tier) for each in condition.conditions)
        case Some():
            return any(_holds(each, goods, tier) for each in condition.conditions)
        case Not():
            return not _holds(condition.condition, goods, tier)
        case InCategory():
            return not goods.categories.isdisjoint(condition.category_ids)
        case IsSku():
            return goods.sku_id in condition.sku_ids
        case HasTag():
            return not goods.tags.isdisjoint(condition.tags)
        case PayeeTier():
            return tier in condition.tiers
        case NewGoods():
            return goods.age_days is not None and goods.age_days < condition.days
        case Window():
            assert goods.at is not None
            begun = condition.from_at is None or goods.at >= condition.from_at
            return begun and (condition.to_at is None or goods.at < condition.to_at)
    raise TypeError(type(condition).__name__)


def _subsets(members: Sequence[Any]) -> list[frozenset[Any]]:
    found: list[frozenset[Any]] = [frozenset()]
    for member in members[:16]:
        found += [each | {member} for each in found]
    return found
