"""The common kinds of rules decided fast: who is paid by which rule on which line is worked out once for orders of one shape, and
what is left per order is arithmetic.

It answers only where it is certain to agree with the engine: for the kinds named here, and for orders where no cap over several
shares cuts. Everything else is left to the engine itself (None), so a new kind makes a simulation slower, never wrong. Tests
compare the two on random plans and orders.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from banyan.earnings.commission.types import (
    FULL_BP,
    TIERS,
    All,
    Band,
    Fixed,
    HasTag,
    InCategory,
    IsSku,
    Measure,
    Multiplier,
    NewGoods,
    Not,
    PayeeTier,
    Pays,
    Per,
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
from banyan.kernel.values.money import allocate

from .known import DAY, gather, is_known, micros

_RANK = {tier: rank for rank, tier in enumerate(TIERS)}
Amounts = list[tuple[int, int, int, int]]
"""(rule, place in the upline, line, amount) of every share of an order."""
_Line = Callable[[int, int], int]


class Goods(NamedTuple):
    """What conditions ask of a line. `age`: microseconds between listing and payment; None where it has no listing."""

    sku_id: int
    category_path: tuple[int, ...]
    tags: tuple[str, ...]
    age: int | None
    paid_at: int


class Structure(NamedTuple):
    """Who is paid by which rule on which line, for all orders of one shape.

    `terms`: (rule, place, lines) in canonical order. `rivals`: awards of which one stays (`_rivals`).
    `overlays`: (rule, place, line, places of the awards that it lies upon).
    """

    terms: tuple[tuple[int, int, tuple[int, ...]], ...]
    rivals: tuple[tuple[bool, tuple[int, ...]], ...]
    overlays: tuple[tuple[int, int, int, tuple[int, ...]], ...]
    overlay_rivals: tuple[tuple[bool, tuple[int, ...]], ...]


class Quick:
    """A plan of known kinds. Make it with `quick_of`."""

    def __init__(self, plan: Plan) -> None:
        self.caps = plan.caps
        ordered = sorted(plan.rules, key=lambda rule: (rule.priority, rule.key))
        self.rules = [rule for rule in ordered if not isinstance(rule.amount, Multiplier | Uplift)]
        self.rules += [rule for rule in ordered if isinstance(rule.amount, Multiplier | Uplift)]
        self.keys = [rule.key for rule in self.rules]
        self.compressed = plan.unqualified is Unqualified.COMPRESSION
        deepest = max((rule.pays.depth for rule in plan.rules), default=0)
        self.reach = plan.reach if plan.reach is not None else deepest
        self.stackings = dict(plan.groups)
        self.lines = [_line_amount(rule) for rule in self.rules]
        self.edges: list[int] = []
        self.spans: list[int] = []
        for rule in self.rules:
            gather(rule.when, self.edges, self.spans)
        self.silence = (None,) * len(self.rules)
        """The shape of every line of a plan without conditions."""
        self.asks_lines = any(rule.when is not None for rule in self.rules)
        self.edges.sort()
        self.spans.sort()
        leaves: list[PayeeTier] = []
        for rule in self.rules:
            _tier_leaves(rule.when, leaves)
        classes: dict[tuple[bool, ...], int] = {}
        self.tier_class = {
            tier: classes.setdefault(tuple(tier in leaf.tiers for leaf in leaves), rank) for tier, rank in _RANK.items()
        }
        """The lowest tier that no condition tells apart from this one."""
        self.order_capped = [
            (index, rule.caps.order_minor) for index, rule in enumerate(self.rules) if rule.caps.order_minor is not None
        ]

    def seats(self, upline: Sequence[tuple[int, str, str]], legal_depth: int) -> tuple[Any, ...] | None:
        """For each rule the place of its payee in the upline (sorted by depth), and the payees' tiers so far as conditions tell
        them apart; equal tuples decide alike.

        Members are (depth, tier, status). None where a tier is not known.
        """
        if any(tier not in _RANK for _, tier, _ in upline):
            return None
        found: dict[Pays, int | None] = {}
        places: list[int | None] = []
        for rule in self.rules:
            if rule.pays.to is Recipient.EARNER:
                places.append(None)
                continue
            if rule.pays not in found:
                found[rule.pays] = self._seat(rule.pays, upline, legal_depth)
            places.append(found[rule.pays])
        used = sorted({place for place in places if place is not None})
        return tuple(places), tuple([(place, self.tier_class[upline[place][1]]) for place in used])

    def _seat(self, pays: Pays, upline: Sequence[tuple[int, str, str]], legal_depth: int) -> int | None:
        depth = 0 if pays.to is Recipient.SELLER else pays.depth
        compressed = self.compressed and depth > 0
        rank, nth = _RANK[pays.min_tier] if pays.min_tier else 0, depth
        for place, (at, tier, status) in enumerate(upline):
            if at < depth and (not compressed or at == 0):
                continue
            if compressed and at > self.reach:
                return None
            if at > depth and not compressed:
                return None
            if at > legal_depth:
                return None
            if status == "active" and _RANK[tier] >= rank:
                nth -= 1
                if nth <= 0 or not compressed:
                    return place
            elif not compressed:
                return None
        return None

    def truths(self, goods: Goods) -> tuple[tuple[bool, ...] | None, ...]:
        """For each rule with a condition whether it holds on the line, per tier of the payee."""
        return tuple(
            [None if rule.when is None else tuple([_holds(rule.when, goods, tier) for tier in TIERS]) for rule in self.rules]
        )

    def structure(self, seats: tuple[Any, ...], lines: Sequence[tuple[tuple[bool, ...] | None, ...]]) -> Structure:
        """The structure of orders with these seats and lines."""
        places, members = seats
        tiers = dict(members)
        terms: list[tuple[int, int, tuple[int, ...]]] = []
        at: list[tuple[int, int, int]] = []  # (rule, place, line) of each award
        for index, rule in enumerate(self.rules):
            place = places[index]
            if isinstance(rule.amount, Multiplier | Uplift) or place is None:
                continue
            matched = tuple([n for n, truth in enumerate(lines) if _true(truth[index], tiers[place])])
            if matched:
                terms.append((index, place, matched))
                at += [(index, place, line) for line in matched]
        pairs: dict[tuple[str, int, int], list[int]] = {}
        for award, (index, place, line) in enumerate(at):
            pairs.setdefault((self.rules[index].group, line, place), []).append(award)
        overlays: list[tuple[int, int, int, tuple[int, ...]]] = []
        for index, rule in enumerate(self.rules):
            if not isinstance(rule.amount, Multiplier | Uplift):
                continue
            only = places[index]
            if rule.pays.to is not Recipient.EARNER and only is None:
                continue
            for (group, line, place), awards in pairs.items():
                fits = group == rule.amount.of and (rule.pays.to is Recipient.EARNER or place == only)
                if fits and _true(lines[line][index], tiers[place]):
                    overlays.append((index, place, line, tuple(awards)))
        return Structure(
            tuple(terms),
            self._rivals([(self.rules[i].group, line, place, i) for i, place, line in at]),
            tuple(overlays),
            self._rivals([(self.rules[i].group, line, place, i) for i, place, line, _ in overlays]),
        )

    def _rivals(self, awards: Sequence[tuple[str, int, int, int]]) -> tuple[tuple[bool, tuple[int, ...]], ...]:
        """Awards of which one stays, in canonical order, and whether the first priority alone may win."""
        groups: dict[tuple[str, int, int], list[int]] = {}
        for number, (group, line, place, _) in enumerate(awards):
            if self.stackings[group] is not Stacking.ADD:
                groups.setdefault((group, line, place), []).append(number)
        rivals = []
        for (group, _, _), numbers in groups.items():
            numbers.sort(key=lambda number: (self.rules[awards[number][3]].priority, self.keys[awards[number][3]]))
            rivals.append((self.stackings[group] is Stacking.EXCLUSIVE, tuple(numbers)))
        return tuple(rivals)

    def decide(
        self, structure: Structure, bases: Sequence[int], quantities: Sequence[int], legal_bp: int | None
    ) -> Amounts | None:
        """The shares of one order, or None where a cap over several shares would cut."""
        shares: Amounts = []
        append, total, by_line = shares.append, 0, self.lines
        for index, place, lines in structure.terms:
            alone = by_line[index]
            if alone is not None:
                for line in lines:
                    amount = alone(bases[line], quantities[line])
                    total += amount
                    append((index, place, line, amount))
            else:
                parts = self._by_order(index, place, lines, bases)
                shares += parts
                total += sum([part[3] for part in parts])
        if structure.rivals or structure.overlays:
            chosen = self._choose(shares, structure.rivals)
            if chosen is not None:
                shares = [(i, p, n, a if at in chosen else -1) for at, (i, p, n, a) in enumerate(shares)]
            if structure.overlays:
                shares += self._overlay(structure, shares, bases)
            total = sum([share[3] for share in shares if share[3] > 0])
        return shares if self._within(shares, total, sum(bases), legal_bp) else None

    def _by_order(self, index: int, place: int, lines: tuple[int, ...], bases: Sequence[int]) -> Amounts:
        amount = self.rules[index].amount
        assert isinstance(amount, Progressive | WholeBand)
        own = [bases[line] for line in lines]
        whole = sum(own)
        if isinstance(amount, Progressive):
            total = _climb(amount.bands, whole) // FULL_BP
        else:
            total = whole * amount.bands[bisect_right([band.from_minor for band in amount.bands], whole) - 1].rate_bp // FULL_BP
        cap = self.rules[index].caps.line_minor
        parts = zip(lines, allocate(total, own), own, strict=True)
        return [(index, place, line, min(part, base) if cap is None else min(part, base, cap)) for line, part, base in parts]

    def _overlay(self, structure: Structure, earned: Amounts, bases: Sequence[int]) -> Amounts:
        """Overlays on what was earned; an amount below 0 marks one that has nothing to lie upon."""
        extra: Amounts = []
        for index, place, line, awards in structure.overlays:
            total = sum([earned[award][3] for award in awards if earned[award][3] > 0])
            amount, cap = self.rules[index].amount, self.rules[index].caps.line_minor
            if isinstance(amount, Multiplier):
                more = total * (amount.times_bp - FULL_BP) // FULL_BP
            else:
                assert isinstance(amount, Uplift)
                more = bases[line] * amount.rate_bp // FULL_BP
            more = min(more, bases[line])
            extra.append((index, place, line, -1 if total <= 0 else more if cap is None else min(more, cap)))
        chosen = self._choose(extra, structure.overlay_rivals)
        if chosen is None:
            return extra
        return [(i, p, n, a if at in chosen else -1) for at, (i, p, n, a) in enumerate(extra)]

    def _choose(self, shares: Amounts, rivals: Sequence[tuple[bool, tuple[int, ...]]]) -> set[int] | None:
        """Which of the shares stay; None where all do. Among equals the first in canonical order."""
        if not rivals:
            return None
        chosen = set(range(len(shares)))
        for exclusive, numbers in rivals:
            here = [number for number in numbers if shares[number][3] >= 0]
            if not here:
                continue
            may_win = here
            if exclusive:
                first = self.rules[shares[here[0]][0]].priority
                may_win = [number for number in here if self.rules[shares[number][0]].priority == first]
            best = max(may_win, key=lambda number: shares[number][3])  # max keeps the first of equals
            chosen.difference_update(number for number in here if number != best)
        return chosen

    def _within(self, shares: Amounts, total: int, base_total: int, legal_bp: int | None) -> bool:
        """Whether no cap over several shares cuts."""
        caps = self.caps
        if total > base_total * caps.total_bp // FULL_BP:
            return False
        if legal_bp is not None and total > base_total * legal_bp // FULL_BP:
            return False
        if caps.order_minor is not None and total > caps.order_minor:
            return False
        if caps.payee_minor is not None and total > caps.payee_minor:
            payees: dict[int, int] = {}
            for _, place, _, amount in shares:
                if amount > 0:
                    payees[place] = payees.get(place, 0) + amount
            if max(payees.values()) > caps.payee_minor:
                return False
        for index, cap in self.order_capped:
            if sum([amount for rule, _, _, amount in shares if rule == index and amount > 0]) > cap:
                return False
        return True


def quick_of(plan: Plan) -> Quick | None:
    """The plan made ready, or None when it holds a kind of rule that is not known here."""
    return Quick(plan) if is_known(plan) else None


def _tier_leaves(condition: Any, leaves: list[PayeeTier]) -> None:
    match condition:
        case PayeeTier():
            leaves.append(condition)
        case All() | Some():
            for each in condition.conditions:
                _tier_leaves(each, leaves)
        case Not():
            _tier_leaves(condition.condition, leaves)


def _holds(condition: Any, goods: Goods, tier: str) -> bool:
    match condition:
        case All():
            return all(_holds(each, goods, tier) for each in condition.conditions)
        case Some():
            return any(_holds(each, goods, tier) for each in condition.conditions)
        case Not():
            return not _holds(condition.condition, goods, tier)
        case InCategory():
            return not set(condition.category_ids).isdisjoint(goods.category_path)
        case IsSku():
            return goods.sku_id in condition.sku_ids
        case HasTag():
            return not set(condition.tags).isdisjoint(goods.tags)
        case PayeeTier():
            return tier in condition.tiers
        case NewGoods():
            return goods.age is not None and 0 <= goods.age < condition.days * DAY
        case Window():
            begun = condition.from_at is None or goods.paid_at >= micros(condition.from_at)
            return begun and (condition.to_at is None or goods.paid_at < micros(condition.to_at))
    raise TypeError(type(condition).__name__)


def _true(truth: tuple[bool, ...] | None, rank: int) -> bool:
    return truth is None or truth[rank]


def _line_amount(rule: Rule) -> _Line | None:
    """What a rule gives on one line by its base and quantity; None where the order's other lines count as well."""
    amount, cap = rule.amount, rule.caps.line_minor
    inner: _Line
    match amount:
        case Rate():
            rate = amount.rate_bp
            if cap is None:
                return lambda base, _quantity: base * rate // FULL_BP
            inner = lambda base, _quantity: base * rate // FULL_BP  # noqa: E731
        case Fixed():
            minor, by_unit = amount.minor, amount.per is Per.UNIT
            inner = lambda base, quantity: min(minor * quantity if by_unit else minor, base)  # noqa: E731
        case Progressive(by=Measure.LINE):
            bands = amount.bands
            inner = lambda base, _quantity: _climb(bands, base) // FULL_BP  # noqa: E731
        case WholeBand(by=Measure.LINE):
            starts, rates = [band.from_minor for band in amount.bands], [band.rate_bp for band in amount.bands]
            inner = lambda base, _quantity: base * rates[bisect_right(starts, base) - 1] // FULL_BP  # noqa: E731
        case _:
            return None
    most = cap
    return inner if most is None else lambda base, quantity: min(inner(base, quantity), most)


def _climb(bands: Sequence[Band], amount_minor: int) -> int:
    total = 0
    for index, band in enumerate(bands):
        if amount_minor <= band.from_minor:
            break
        end = bands[index + 1].from_minor if index + 1 < len(bands) else amount_minor
        total += (min(amount_minor, end) - band.from_minor) * band.rate_bp
    return total
