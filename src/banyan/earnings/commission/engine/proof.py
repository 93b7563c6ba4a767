"""The worst case of a plan on one sale, proven: every class of goods, of sales and of tier paths that the plan can tell apart
is gone through (`sale_classes`, `path_classes`), and for each the part of the sale that is paid is worked out for all amounts at
once (`curves`).

One sale is one unit of one line, the first of its period (nothing is spent of budgets yet). A payee's sales figures can be
anything, so bands by them count at their worst; a margin is the whole price, the greatest there is. Where rules pay members or
pools at a period's close, the sale is the only one of its period, and what the close pays on it counts. The proven figure is
before rounding down, so what is paid never exceeds it, and falls short of it by less than a cent for each share. A plan with a
kind of rule that is not known here (`provable`), or with too many cases, is not proven: the answer says so, and the bound of
`facts.paid_range` counts instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from banyan.earnings.commission.types import (
    FULL_BP,
    Basis,
    Multiplier,
    Plan,
    Recipient,
    Rule,
    Stacking,
    Uplift,
    is_overlay,
    is_periodic,
)

from . import curves
from .amount_curves import overlay_curve, share_curve
from .curves import Curve, Peak
from .path_classes import PLAIN, Beside, Path, PathClasses, Place, Standing, Variant
from .provable import unknown_of
from .sale_classes import Goods, Sale, SaleClasses, tiers_for

ANY_SALE = Sale()
CLOSE = -1
"""In the place of a payee: whoever is paid at the close."""
CASES_MAX = 40_000
"""Beyond so many cases a plan is not proven but bounded."""


@dataclass(frozen=True, slots=True)
class Case:
    """One proven case and its witness: on these goods, with these tiers from the seller up, at this base these rules pay so much.

    `ratio` is the exact part of the sale. `base_minor` None: the part is approached as the sale grows. `parts`: each rule's part
    at the witness, before caps over several rules. `inactive`: the depths of the path at which somebody is not active.
    `beside`: (whom, tier) of others who are paid. `sale`: what the plan asks of the order itself.
    """

    goods: Goods
    path: tuple[str, ...]
    ratio: Fraction
    base_minor: int | None
    parts: tuple[tuple[str, Fraction], ...]
    sale: Sale = ANY_SALE
    inactive: tuple[int, ...] = ()
    beside: tuple[tuple[str, str], ...] = ()

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
    unknown = tuple(sorted(set(unknown_of(plan))))
    if unknown:
        return Proof(False, unknown)
    prover, classes = _prover(plan), SaleClasses(plan, category_sets)
    count = classes.count * prover.paths.count
    if count > CASES_MAX:
        return Proof(False, (f"{count} cases, more than {CASES_MAX}",))
    best: dict[tuple[Any, ...], tuple[Goods, Sale, Path, Beside, _Total]] = {}
    sales = classes.sales()
    for goods in classes.goods():
        known = (goods.sku_id, goods.product_id, goods.supplier_id, goods.categories, goods.tags)
        for sale in sales:
            for path, beside, total in prover.totals(goods, sale):
                key = (known, path)
                if total.top.ratio and (key not in best or best[key][-1].top.ratio < total.top.ratio):
                    best[key] = goods, sale, path, beside, total
    cases = [_case(*each) for each in best.values()]
    return Proof(True, (), tuple(sorted(cases, key=lambda case: -case.ratio)), count)


def worst_at(plan: Plan, goods: Goods, base_minor: int) -> int:
    """The most that one sale of these goods at this amount can pay, over all paths and sales, rounded down; rules on the margin
    see the goods' own cost. Of what a close pays: on this sale alone. Raises ValueError where the plan is not provable."""
    prover = _known_prover(plan)
    most = max(curves.value_at(curve, base_minor) for sale in prover.sales for curve in prover.curves_of(goods, sale))
    return most.numerator // most.denominator


def amount_at(plan: Plan, goods: Goods, path: Path, base_minor: int, sale: Sale = ANY_SALE, beside: Beside = ()) -> Fraction:
    """What the proof says of one sale, before rounding: for tests, which compare it with the engine. Raises ValueError."""
    prover = _known_prover(plan)
    tiers = prover.tiers(goods, sale, path[0].tier if path else None)
    return curves.value_at(prover.work_out(prover.pattern(tiers, path, beside), goods.cost_minor).curve, base_minor)


def _case(goods: Goods, sale: Sale, path: Path, beside: Beside, total: _Total) -> Case:
    inactive = tuple(depth for depth, each in enumerate(path) if not each.is_active)
    others = tuple((name, each.tier) for name, each in beside)
    return Case(goods, tuple(each.tier for each in path), total.top.ratio, total.top.base, total.shown, sale, inactive, others)


def _known_prover(plan: Plan) -> _Prover:
    if any(True for _ in unknown_of(plan)):
        raise ValueError("not provable")
    return _prover(plan)


@dataclass(frozen=True, slots=True)
class _Award:
    """What one rule gives one payee, or all together at the close. `rivals`: those of whom the greatest was taken."""

    rule: Rule
    payee: int
    curve: Curve
    rivals: tuple[_Award, ...] = ()


@dataclass(frozen=True, slots=True)
class _Total:
    """What all get together, where that is the greatest part, and each rule's part there."""

    curve: Curve
    top: Peak
    shown: tuple[tuple[str, Fraction], ...]


_Tiers = tuple[frozenset[str], ...]
"""By rule: the tiers of the payee for which its conditions hold."""
_Paid = tuple[tuple[int, int, Variant], ...]
"""(number of the rule, whom, what)."""
_Lifted = tuple[tuple[int, frozenset[int]], ...]
"""(number of the overlay, whom it can lift)."""
_Closed = tuple[int, ...]
"""Numbers of the rules that pay at the close."""
_Pattern = tuple[_Paid, _Lifted, _Closed]


class _Prover:
    """Everything that was worked out of one plan; equal cases are worked out once."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.rules = sorted(plan.rules, key=lambda rule: (rule.priority, rule.key))
        self.paths = PathClasses(plan)
        self.of_margin = plan.caps.margin_bp is not None or any(rule.basis is Basis.MARGIN for rule in plan.rules)
        self.overlays = [number for number, rule in enumerate(self.rules) if is_overlay(rule)]
        self._known: dict[_Pattern, _Pattern] = {}
        self._totals: dict[int, _Total] = {}
        """By the identity of a known pattern; on goods that cost nothing."""
        self._by_tiers: dict[tuple[_Tiers, str | None], list[tuple[Path, Beside, _Pattern]]] = {}
        self._curves: dict[tuple[int, Variant], Curve] = {}
        self._sales: list[Sale] | None = None
        self._grouped: dict[str | None, list[Path]] | None = None

    @property
    def sales(self) -> list[Sale]:
        if self._sales is None:
            self._sales = SaleClasses(self.plan, []).sales()
        return self._sales

    def totals(self, goods: Goods, sale: Sale) -> Iterator[tuple[Path, Beside, _Total]]:
        """What is paid on every path, on goods that cost nothing."""
        for path, beside, pattern in self._patterns(goods, sale):
            yield path, beside, self.work_out(pattern, 0)

    def curves_of(self, goods: Goods, sale: Sale) -> Iterator[Curve]:
        """The different totals over all paths, for goods at their cost."""
        for pattern in {id(pattern): pattern for _, _, pattern in self._patterns(goods, sale)}.values():
            yield self.work_out(pattern, goods.cost_minor).curve

    def _patterns(self, goods: Goods, sale: Sale) -> Iterator[tuple[Path, Beside, _Pattern]]:
        for seller, paths in self._paths().items():
            tiers = self.tiers(goods, sale, seller)
            found = self._by_tiers.get((tiers, seller))
            if found is None:
                others = self.paths.beside()
                found = [(path, beside, self.pattern(tiers, path, beside)) for path in paths for beside in others]
                self._by_tiers[tiers, seller] = found
            yield from found

    def tiers(self, goods: Goods, sale: Sale, seller: str | None) -> _Tiers:
        return tuple(tiers_for(rule.when, goods, sale, seller) for rule in self.rules)

    def pattern(self, tiers: _Tiers, path: Path, beside: Beside) -> _Pattern:
        """Who is paid by which rules; equal ones are one object. People are numbered as they come, because what they are paid
        depends on who meets whom, not on where they stand."""
        paid: list[tuple[int, Place, Variant]] = []
        for number, rule in enumerate(self.rules):
            if not is_overlay(rule) and not is_periodic(rule):
                paid += [(number, *each) for each in self.paths.places(rule, path, beside, tiers[number])]
        lifted: list[tuple[int, frozenset[Place]]] = []
        if self.overlays:
            standings: dict[Place, Standing] = {**dict(enumerate(path)), **dict(beside)}
            places = {place for _, place, _ in paid}
            for number in self.overlays:
                rule = self.rules[number]
                reached = places if rule.pays.to is Recipient.EARNER else places & {self.paths.seat(rule, path)}
                lifted.append((number, frozenset(place for place in reached if standings[place].tier in tiers[number])))
        closed = tuple(
            number
            for number, rule in enumerate(self.rules)
            if is_periodic(rule) and tiers[number] and self.paths.is_closed_on(rule, path)
        )
        numbers: dict[Place, int] = {}
        for _, place, _ in paid:
            numbers.setdefault(place, len(numbers))
        pattern = (
            tuple((number, numbers[place], variant) for number, place, variant in paid),
            tuple((number, frozenset(numbers[place] for place in held)) for number, held in lifted),
            closed,
        )
        return self._known.setdefault(pattern, pattern)

    def work_out(self, pattern: _Pattern, cost_minor: int) -> _Total:
        if not (cost_minor and self.of_margin):
            found = self._totals.get(id(pattern))
            if found is None:
                found = self._totals[id(pattern)] = self._work_out(*pattern, 0)
            return found
        return self._work_out(*pattern, cost_minor)

    def _paths(self) -> dict[str | None, list[Path]]:
        """The paths by the seller's tier, where conditions ask for it; else all under one head."""
        if self._grouped is None:
            self._grouped = {}
            for path in self.paths.paths():
                seller = path[0].tier if path and self.paths.asks_seller else None
                self._grouped.setdefault(seller, []).append(path)
        return self._grouped

    def _share(self, number: int, variant: Variant, cost: int) -> Curve:
        if cost:
            return share_curve(self.rules[number], variant, cost)
        if (number, variant) not in self._curves:
            self._curves[number, variant] = share_curve(self.rules[number], variant, 0)
        return self._curves[number, variant]

    def _work_out(self, paid: _Paid, lifted: _Lifted, closed: _Closed, cost: int) -> _Total:
        awards = self._stacked(
            [_Award(self.rules[number], payee, self._share(number, variant, cost)) for number, payee, variant in paid]
        )
        earned: dict[tuple[str, int], list[Curve]] = {}
        for award in awards:
            if not curves.is_zero(award.curve):
                earned.setdefault((award.rule.group, award.payee), []).append(award.curve)
        extra: list[_Award] = []
        for number, held in lifted:
            rule = self.rules[number]
            assert isinstance(rule.amount, Multiplier | Uplift)
            for (group, payee), under in earned.items():
                if group == rule.amount.of and payee in held:
                    extra.append(_Award(rule, payee, overlay_curve(rule, under)))
        awards += self._stacked(extra)
        payees: dict[int, list[Curve]] = {}
        for award in awards:
            payees.setdefault(award.payee, []).append(award.curve)
        together = curves.added([self._payee(each) for each in payees.values()])
        ceilings = self._ceilings(cost)
        order_cap = [curves.straight(Fraction(0), cap) for cap in (self.plan.caps.order_minor,) if cap is not None]
        total = curves.least([together, *ceilings, *order_cap])
        if closed:
            rewards = [_Award(self.rules[number], CLOSE, self._share(number, PLAIN, cost)) for number in closed]
            total = curves.least([curves.added([total, *(each.curve for each in rewards)]), *ceilings])
            awards += rewards
        top = curves.peak(total)
        return _Total(total, top, _shown(awards, top.base if top.base is not None else total[-1][0] * FULL_BP))

    def _stacked(self, awards: list[_Award]) -> list[_Award]:
        """Of rivals one stays: of `max` the greatest at each base, of `exclusive` the greatest of the first priority."""
        stackings = dict(self.plan.groups)
        kept = [award for award in awards if stackings[award.rule.group] is Stacking.ADD]
        rivals: dict[tuple[str, int], list[_Award]] = {}
        for award in awards:
            if stackings[award.rule.group] is not Stacking.ADD:
                rivals.setdefault((award.rule.group, award.payee), []).append(award)
        for (group, payee), each in rivals.items():
            if stackings[group] is Stacking.EXCLUSIVE:
                first = min(award.rule.priority for award in each)
                each = [award for award in each if award.rule.priority == first]
            best = curves.greatest([award.curve for award in each])
            kept.append(_Award(each[0].rule, payee, best, tuple(each) if len(each) > 1 else ()))
        return kept

    def _payee(self, own: list[Curve]) -> Curve:
        total = curves.added(own)
        caps = (self.plan.caps.payee_minor, self.plan.caps.payee_period_minor)
        return curves.least([total, *(curves.straight(Fraction(0), cap) for cap in caps if cap is not None)])

    def _ceilings(self, cost: int) -> list[Curve]:
        """Of the order, and of the order with what the close adds."""
        caps = self.plan.caps
        found = [curves.straight(Fraction(caps.total_bp, FULL_BP))]
        if caps.budget_minor is not None:
            found.append(curves.straight(Fraction(0), caps.budget_minor))
        if caps.margin_bp is not None:
            found.append(curves.shifted(curves.straight(Fraction(caps.margin_bp, FULL_BP)), cost))
        return found


_prover = lru_cache(maxsize=4)(_Prover)


def _shown(awards: Sequence[_Award], base: int) -> tuple[tuple[str, Fraction], ...]:
    """Each rule's part of the sale at this base; of several payees together."""
    parts: dict[str, Fraction] = {}
    for award in awards:
        for each in award.rivals or (award,):
            part = curves.value_at(each.curve, base) / base
            if part:
                parts[each.rule.key] = parts.get(each.rule.key, Fraction(0)) + part
    return tuple(parts.items())
