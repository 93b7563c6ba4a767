"""Amounts of rules as curves of what one sale of one unit was paid, before rounding down."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from banyan.earnings.commission.types import (
    FULL_BP,
    Band,
    Basis,
    Differential,
    Fixed,
    Measure,
    Multiplier,
    Progressive,
    Rate,
    Rule,
    Target,
    UnitBands,
    Uplift,
    WholeBand,
)

from . import curves
from .amounts import by_units
from .curves import Curve
from .path_classes import Variant
from .provable import ends_highest

_NOTHING: curves.Piece = (0, Fraction(0), Fraction(0))


def share_curve(rule: Rule, variant: Variant, cost_minor: int) -> Curve:
    """What an ordinary rule gives one payee, or a rule that the close decides gives of this sale alone. A rule on the margin sees
    what lies above the cost."""
    given = _capped(rule, _amount(rule, variant))
    if rule.pays.min_sales_minor:
        given = curves.where_paid(given, curves.stepped([_NOTHING, (rule.pays.min_sales_minor, Fraction(0), Fraction(1))]))
    return curves.shifted(given, cost_minor) if rule.basis is Basis.MARGIN else given


def overlay_curve(rule: Rule, paid: Sequence[Curve]) -> Curve:
    """What an overlay gives on top of what its group pays one payee; nothing where that is nothing."""
    together = curves.added(paid)
    if isinstance(rule.amount, Multiplier):
        return _capped(rule, curves.scaled(together, Fraction(rule.amount.times_bp - FULL_BP, FULL_BP)))
    assert isinstance(rule.amount, Uplift)
    return curves.where_paid(_capped(rule, curves.straight(_part(rule.amount.rate_bp))), together)


def _part(rate_bp: int) -> Fraction:
    return Fraction(rate_bp, FULL_BP)


def _amount(rule: Rule, variant: Variant) -> Curve:
    amount = rule.amount
    match amount:
        case Rate():
            return curves.straight(_part(amount.rate_bp))
        case Fixed():
            return curves.straight(Fraction(0), amount.minor)
        case UnitBands():
            return curves.straight(Fraction(0), by_units(amount.bands, 1, amount.progressive))
        case WholeBand() if amount.by is Measure.FIGURE:
            return curves.straight(_part(max(band.rate_bp for band in amount.bands)))
        case WholeBand():
            return curves.stepped((band.from_minor, _part(band.rate_bp), Fraction(0)) for band in amount.bands)
        case Progressive() if amount.by is Measure.FIGURE:
            return _climb_anywhere(amount.bands)
        case Progressive():
            return _climb((band.from_minor, band.rate_bp) for band in amount.bands)
        case Differential():
            return _difference(amount, variant)
        case Target():
            return curves.stepped([_NOTHING, *((step.from_minor, Fraction(0), Fraction(step.minor)) for step in amount.steps)])
    raise TypeError(type(amount).__name__)


def _climb(bands: Iterable[tuple[int, int]]) -> Curve:
    """Each part at the rate of its band; (start, rate) in order."""
    pieces: list[curves.Piece] = []
    for start, rate_bp in bands:
        below = pieces[-1][1] * start + pieces[-1][2] if pieces else Fraction(0)
        pieces.append((start, _part(rate_bp), below - _part(rate_bp) * start))
    return curves.stepped(pieces)


def _climb_anywhere(bands: Sequence[Band]) -> Curve:
    """The most that a sale can give on top of any figure: it then begins or ends at the start of a band."""
    if ends_highest(tuple(bands)):
        return curves.straight(_part(bands[-1].rate_bp))
    found = []
    for number, band in enumerate(bands):
        edge = band.from_minor
        found.append(_climb((each.from_minor - edge, each.rate_bp) for each in bands[number:]))
        if number:  # down from the edge; a sale larger than that begins at 0
            ends = [each.from_minor for each in bands[1 : number + 1]]
            down = [(edge - end, each.rate_bp) for each, end in zip(bands, ends, strict=False)]
            found.append(_climb([*reversed(down), *((each.from_minor, each.rate_bp) for each in bands[number:])]))
    return curves.greatest(found)


def _difference(amount: Differential, variant: Variant) -> Curve:
    kind, rate_bp = variant
    if kind == "above":
        return curves.straight(_part(rate_bp))
    peer = amount.peer
    assert peer is not None
    bonus = curves.straight(_part(peer.rate_bp) * (_part(rate_bp) if peer.of_earned else 1))
    return bonus if peer.cap_minor is None else curves.least([bonus, curves.straight(Fraction(0), peer.cap_minor)])


def _capped(rule: Rule, curve: Curve) -> Curve:
    """No share is larger than what was paid for the line, nor than the rule's own caps: one sale is one line, and one share of
    each payee."""
    caps = [rule.caps.line_minor, rule.caps.payee_minor, rule.caps.period_minor, rule.caps.order_minor]
    bounds = [curves.straight(Fraction(0), cap) for cap in caps if cap is not None]
    return curves.least([curve, curves.straight(Fraction(1)), *bounds])
