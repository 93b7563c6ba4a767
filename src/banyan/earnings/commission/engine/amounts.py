"""How much: each amount of a rule compiled into a closure over the matching lines and the payee.

An evaluator answers (line, amount_minor, rate_bp) per line, before caps and stacking. Flooring happens here: per line,
or once per order where a band is decided by the order, the total then going to the lines by largest remainder.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence

from banyan.earnings.commission.types import (
    FULL_BP,
    Amount,
    Band,
    BandPart,
    Differential,
    Fixed,
    Measure,
    Member,
    Multiplier,
    PaidLine,
    Per,
    Progressive,
    Rate,
    Target,
    UnitBand,
    UnitBands,
    Uplift,
    WholeBand,
)
from banyan.kernel.values.money import allocate

Evaluator = Callable[[Sequence[PaidLine], Member], list[tuple[PaidLine, int, int]]]


def compile_amount(amount: Amount) -> Evaluator:
    """The evaluator of an ordinary amount; overlays are compiled with their target group elsewhere."""
    match amount:
        case Fixed():
            return _fixed(amount.minor, amount.per)
        case Rate():
            return _rate(amount.rate_bp)
        case Progressive():
            return _progressive_per_line(amount) if amount.by is Measure.LINE else _progressive_per_order(amount)
        case WholeBand():
            return _whole_band(amount)
        case UnitBands():
            return _unit_bands(amount)
        case Multiplier() | Uplift() | Differential() | Target():
            raise TypeError(f"{type(amount).__name__} is not computed on lines alone")


def _fixed(minor: int, per: Per) -> Evaluator:
    if per is Per.ORDER:

        def once(lines: Sequence[PaidLine], _member: Member) -> list[tuple[PaidLine, int, int]]:
            bases = [line.base_minor for line in lines]
            parts = allocate(min(minor, sum(bases)), bases)
            return [(line, part, 0) for line, part in zip(lines, parts, strict=True)]

        return once
    if per is Per.UNIT:
        return lambda lines, _member: [(line, minor * line.quantity, 0) for line in lines]
    return lambda lines, _member: [(line, minor, 0) for line in lines]


def _rate(rate_bp: int) -> Evaluator:
    return lambda lines, _member: [(line, line.base_minor * rate_bp // FULL_BP, rate_bp) for line in lines]


def _progressive_per_line(amount: Progressive) -> Evaluator:
    bands = amount.bands
    return lambda lines, _member: [(line, climb_e4(bands, line.base_minor) // FULL_BP, 0) for line in lines]


def _progressive_per_order(amount: Progressive) -> Evaluator:
    """The order's matching total lies on top of the payee's figure (0 when decided by the order alone)."""
    bands = amount.bands

    def evaluate(lines: Sequence[PaidLine], member: Member) -> list[tuple[PaidLine, int, int]]:
        start = figure_of(amount, member)
        bases = [line.base_minor for line in lines]
        total = (climb_e4(bands, start + sum(bases)) - climb_e4(bands, start)) // FULL_BP
        return [(line, part, 0) for line, part in zip(lines, allocate(total, bases), strict=True)]

    return evaluate


def _whole_band(amount: WholeBand) -> Evaluator:
    bands = amount.bands
    starts = [band.from_minor for band in bands]

    def per_line(lines: Sequence[PaidLine], _member: Member) -> list[tuple[PaidLine, int, int]]:
        rows = []
        for line in lines:
            rate_bp = bands[bisect_right(starts, line.base_minor) - 1].rate_bp
            rows.append((line, line.base_minor * rate_bp // FULL_BP, rate_bp))
        return rows

    def per_order(lines: Sequence[PaidLine], member: Member) -> list[tuple[PaidLine, int, int]]:
        bases = [line.base_minor for line in lines]
        reached = figure_of(amount, member) if amount.by is Measure.FIGURE else sum(bases)
        rate_bp = bands[bisect_right(starts, reached) - 1].rate_bp
        parts = allocate(sum(bases) * rate_bp // FULL_BP, bases)
        return [(line, part, rate_bp) for line, part in zip(lines, parts, strict=True)]

    return per_line if amount.by is Measure.LINE else per_order


def _unit_bands(amount: UnitBands) -> Evaluator:
    """Decided by the order, the total goes to the lines by their units."""
    bands, progressive = amount.bands, amount.progressive

    def per_line(lines: Sequence[PaidLine], _member: Member) -> list[tuple[PaidLine, int, int]]:
        return [(line, by_units(bands, line.quantity, progressive), 0) for line in lines]

    def per_order(lines: Sequence[PaidLine], _member: Member) -> list[tuple[PaidLine, int, int]]:
        units = [line.quantity for line in lines]
        parts = allocate(by_units(bands, sum(units), progressive), units)
        return [(line, part, 0) for line, part in zip(lines, parts, strict=True)]

    return per_line if amount.by is Measure.LINE else per_order


def by_units(bands: Sequence[UnitBand], units: int, progressive: bool) -> int:
    """What so many units give; whole-band: a band is reached with its first unit. `from_units` units lie below a band."""
    total = 0
    for index, band in enumerate(bands):
        if units <= band.from_units if progressive else units < band.from_units:
            break
        end = bands[index + 1].from_units if index + 1 < len(bands) else units
        total = total + (min(units, end) - band.from_units) * band.minor if progressive else units * band.minor
    return total


def figure_of(amount: Progressive | WholeBand, member: Member) -> int:
    """The payee's frozen figure that decides the band; 0 where none was frozen, which is the lowest band."""
    if amount.figure is None or member.figures is None:
        return 0
    return max(member.figures.get(amount.figure, 0), 0)


def climb_e4(bands: Sequence[Band], amount_minor: int) -> int:
    """Σ part × rate over the bands below `amount_minor`, exact, in 1/10,000 of a minor unit."""
    total = 0
    for index, band in enumerate(bands):
        if amount_minor <= band.from_minor:
            break
        end = bands[index + 1].from_minor if index + 1 < len(bands) else amount_minor
        total += (min(amount_minor, end) - band.from_minor) * band.rate_bp
    return total


def band_parts(amount: Amount, lines: Sequence[PaidLine], line: PaidLine, member: Member) -> tuple[BandPart, ...]:
    """For the trace: the bands that `line` (or, decided by order or figure, all of `lines`) goes through."""
    if not isinstance(amount, Progressive | WholeBand):
        return ()
    base = line.base_minor if amount.by is Measure.LINE else sum(each.base_minor for each in lines)
    start = figure_of(amount, member)
    if isinstance(amount, WholeBand):
        reached = start if amount.by is Measure.FIGURE else base
        band = amount.bands[bisect_right([each.from_minor for each in amount.bands], reached) - 1]
        return (BandPart(band.from_minor, base, band.rate_bp, base * band.rate_bp),)
    parts = []
    for index, band in enumerate(amount.bands):
        end = amount.bands[index + 1].from_minor if index + 1 < len(amount.bands) else start + base
        part = min(start + base, end) - max(band.from_minor, start)
        if part > 0:
            parts.append(BandPart(band.from_minor, part, band.rate_bp, part * band.rate_bp))
    return tuple(parts)
