"""Whom the rules pay on a path, for a proof: the paths and the people beside them that a plan can tell apart, and the places that
a rule pays on one of them, as `seats` and `differential` find them on a real order.

A path that ends earlier pays no more than a full one, because nobody's share depends on who stands above him. Somebody inactive
can raise what is paid, by passing a share on to where it meets no other; he is gone through only where that can be
(`needs_inactive`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import NamedTuple

from banyan.earnings.commission.types import (
    TIERS,
    Differential,
    PayeeTier,
    Plan,
    Recipient,
    Rule,
    SellerTier,
    Stacking,
    Unqualified,
    is_overlay,
)

from .provable import BESIDE, by_seller, leaves_of

Place = int | str
"""A depth of the path, or somebody beside it: `buyer`, `regional_partner:city`, `person:17`."""
Variant = tuple[str, int]
"""What of a differential: ("above", rate in bp) or ("peer", the rate of whose peer he is); else ("", 0)."""
PLAIN: Variant = ("", 0)
_RANK = {tier: rank for rank, tier in enumerate(TIERS)}


class Standing(NamedTuple):
    tier: str
    is_active: bool = True


Path = tuple[Standing, ...]
Beside = tuple[tuple[str, Standing], ...]
"""The people beside the path; each is somebody else, because one person for two meets more caps and rivals, never fewer."""


def beside_of(rule: Rule) -> str | None:
    """The place beside the path that the rule pays, if it is one."""
    pays = rule.pays
    match pays.to:
        case Recipient.BUYER:
            return "buyer"
        case Recipient.REGIONAL_PARTNER:
            return f"regional_partner:{pays.scope}"
        case Recipient.PERSON:
            return f"person:{pays.distributor_id}"
    return None


class PathClasses:
    """The paths of one plan. `count`: how many pairs of a path and people beside it, known before any is made."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.compressed = plan.unqualified is Unqualified.COMPRESSION
        deepest = max((rule.pays.depth for rule in plan.rules if rule.pays.to is Recipient.ANCESTOR), default=0)
        self.reach = plan.reach if plan.reach is not None else deepest
        wide = [rule.pays.to_depth for rule in plan.rules if rule.pays.to in (Recipient.PATH, Recipient.GENERATION)]
        self.length = 1 + max([self.reach if self.compressed else deepest, *wide])
        self.asks_seller = any(isinstance(leaf, SellerTier) for rule in plan.rules for leaf in leaves_of(rule.when))
        with_inactive = needs_inactive(plan)
        self._members = [self._standings(depth, with_inactive) for depth in range(self.length)]
        names = sorted({name for rule in plan.rules if (name := beside_of(rule)) is not None})
        self._beside = [[(name, each) for each in self._standings(name, False)] for name in names]
        self._without_seller = self.asks_seller and (bool(names) or any(rule.pays.to is Recipient.POOL for rule in plan.rules))
        paths = prod(len(each) for each in self._members) + self._without_seller
        self.count = paths * prod(len(each) for each in self._beside)

    def paths(self) -> Iterator[Path]:
        """The seller first. An empty one, where somebody beside it, or a pool, can be paid for a sale of nobody's."""
        yield from product(*self._members)
        if self._without_seller:
            yield ()

    def beside(self) -> list[Beside]:
        return list(product(*self._beside))

    def places(self, rule: Rule, path: Path, beside: Beside, tiers: frozenset[str]) -> list[tuple[Place, Variant]]:
        """Whom the rule pays. `tiers`: those of the payee for which its conditions hold."""
        pays, name = rule.pays, beside_of(rule)
        least = _RANK[pays.min_tier] if pays.min_tier else 0
        if name is not None:
            fit = [(name, each) for place, each in beside if place == name and _RANK[each.tier] >= least]
        elif isinstance(rule.amount, Differential):
            return self._climb(rule, rule.amount, path, tiers, least)
        elif pays.to is Recipient.PATH:
            window = enumerate(path[pays.depth : pays.to_depth + 1], start=pays.depth)
            return [(depth, PLAIN) for depth, each in window if _fits(each, least) and each.tier in tiers]
        else:
            depth = self.seat(rule, path, least)
            return [(depth, PLAIN)] if depth is not None and path[depth].tier in tiers else []
        return [(place, PLAIN) for place, each in fit if each.tier in tiers]

    def is_closed_on(self, rule: Rule, path: Path) -> bool:
        """Whether a rule that the period's close decides can pay on a sale by this path, if its conditions hold. People may stand
        otherwise at the end than at the sale, and others may have joined, so whoever is asked for can be there."""
        return bool(path) or not by_seller(rule)

    def seat(self, rule: Rule, path: Path, least: int | None = None) -> int | None:
        """The one depth that a rule for the seller, an ancestor or a generation pays."""
        pays = rule.pays
        if least is None:
            least = _RANK[pays.min_tier] if pays.min_tier else 0
        if pays.to is Recipient.GENERATION:
            return self._generation(rule, path, least)
        depth = 0 if pays.to is Recipient.SELLER else pays.depth
        if not self.compressed or depth == 0:
            return depth if depth < len(path) and _fits(path[depth], least) else None
        nth = depth
        for place, each in enumerate(path[1 : self.reach + 1], start=1):
            if _fits(each, least):
                nth -= 1
                if nth == 0:
                    return place
        return None

    def _generation(self, rule: Rule, path: Path, least: int) -> int | None:
        nth = rule.pays.depth
        for place, each in enumerate(path[1 : rule.pays.to_depth + 1], start=1):
            if _RANK[each.tier] < least or (self.compressed and not each.is_active):
                continue
            nth -= 1
            if nth == 0:
                return place if each.is_active else None
        return None

    def _climb(
        self, rule: Rule, amount: Differential, path: Path, tiers: frozenset[str], least: int
    ) -> list[tuple[Place, Variant]]:
        rates = dict(amount.rates)
        found: list[tuple[Place, Variant]] = []
        top, holder, peers, earned = 0, "", 0, 0
        for depth, each in enumerate(path[rule.pays.depth : rule.pays.to_depth + 1], start=rule.pays.depth):
            if each.tier not in tiers:
                continue
            rate = rates.get(each.tier, 0)
            if not _fits(each, least):
                if rate > top and not self.compressed:
                    top, holder, peers = rate, "", 0
            elif rate > top:
                earned, top, holder, peers = rate - top, rate, each.tier, 0
                found.append((depth, ("above", earned)))
            elif amount.peer is not None and each.tier == holder and peers < amount.peer.most:
                peers += 1
                found.append((depth, ("peer", earned if amount.peer.of_earned else 0)))
        return found

    def _standings(self, place: Place, with_inactive: bool) -> list[Standing]:
        """One of each kind that the rules that can pay there tell apart."""
        rules = [rule for rule in self.plan.rules if self._can_pay(rule, place)]
        kinds: dict[tuple[object, ...], Standing] = {}
        for tier in TIERS:
            sold = tuple(tier in leaf.tiers for leaf in self._seller_leaves()) if place == 0 else ()
            key = (sold, *(_told_apart(rule, tier) for rule in rules))
            kinds.setdefault((True, key), Standing(tier))
            if with_inactive:
                kinds.setdefault((False, sold if self.compressed else key), Standing(tier, False))
        return list(kinds.values())

    def _seller_leaves(self) -> list[SellerTier]:
        return [leaf for rule in self.plan.rules for leaf in leaves_of(rule.when) if isinstance(leaf, SellerTier)]

    def _can_pay(self, rule: Rule, place: Place) -> bool:
        pays = rule.pays
        if pays.to is Recipient.EARNER:
            return True
        if isinstance(place, str):
            return beside_of(rule) == place
        match pays.to:
            case Recipient.SELLER:
                return place == 0
            case Recipient.ANCESTOR:
                return 0 < place <= self.reach if self.compressed else place == pays.depth
            case Recipient.PATH:
                return pays.depth <= place <= pays.to_depth
            case Recipient.GENERATION:
                return 0 < place <= pays.to_depth
        return False


def _fits(each: Standing, least: int) -> bool:
    return each.is_active and _RANK[each.tier] >= least


def _told_apart(rule: Rule, tier: str) -> tuple[object, ...]:
    named = tuple(tier in leaf.tiers for leaf in leaves_of(rule.when) if isinstance(leaf, PayeeTier))
    fits = rule.pays.min_tier is None or _RANK[tier] >= _RANK[rule.pays.min_tier]
    of_its_own = tier if isinstance(rule.amount, Differential) and dict(rule.amount.rates).get(tier, 0) else None
    return (named, fits, of_its_own)


def needs_inactive(plan: Plan) -> bool:
    """Whether somebody inactive can make a sale pay more than a path of active members does.

    Under breakage he takes his own shares with him and changes nobody's, but for a peer bonus, which the next peer then gets.
    Under compression he is as if he did not stand there, but for rules that count by true depth (to: path). Where shares do not
    meet each other either way adds the same, or no more.
    """
    rules = [rule for rule in plan.rules if not is_overlay(rule)]
    leaves = [leaf for rule in plan.rules for leaf in leaves_of(rule.when)]
    meets = len(rules) < len(plan.rules) or plan.caps.payee_minor is not None or plan.caps.payee_period_minor is not None
    for group, stacking in plan.groups:
        meets = meets or (stacking is not Stacking.ADD and sum(rule.group == group for rule in rules) > 1)
    if plan.unqualified is Unqualified.BREAKAGE:
        return meets and any(isinstance(rule.amount, Differential) and rule.amount.peer is not None for rule in rules)
    if not any(rule.pays.to is Recipient.PATH for rule in rules):
        return False
    if any(isinstance(leaf, SellerTier) for leaf in leaves):
        return True
    return len(rules) > 1 and (meets or any(isinstance(leaf, PayeeTier) for leaf in leaves) or _by_tier(rules) > 1)


def _by_tier(rules: Sequence[Rule]) -> int:
    """How many rules of the path pay by the tier of who stands there."""
    on_path = [rule for rule in rules if rule.pays.to not in BESIDE]
    return sum(rule.pays.min_tier is not None or isinstance(rule.amount, Differential) for rule in on_path)
