"""Amounts as exact functions of what was paid for one line: piecewise straight, over the whole numbers from 1 up.

A curve is what a rule gives before rounding down, as fractions, so that sums, caps and choices of rules can be worked out for
every amount at once. Nothing is sampled: each operation is exact for every whole number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple

Piece = tuple[int, Fraction, Fraction]
"""(start, slope, offset): slope × base + offset for bases from `start` to before the next piece's start."""
Curve = tuple[Piece, ...]
ZERO: Curve = ((1, Fraction(0), Fraction(0)),)


class Peak(NamedTuple):
    """The greatest part of the base that a curve reaches. `base`: where; None: approached as the base grows."""

    ratio: Fraction
    base: int | None


def straight(slope: Fraction, offset: int = 0) -> Curve:
    return ((1, slope, Fraction(offset)),)


def stepped(pieces: Iterable[Piece]) -> Curve:
    """Pieces in order of their starts; the first begins at 0 or 1."""
    return tuple((max(start, 1), slope, offset) for start, slope, offset in pieces)


def value_at(curve: Curve, base: int) -> Fraction:
    found = curve[0]
    for piece in curve:
        if piece[0] > base:
            break
        found = piece
    return found[1] * base + found[2]


def scaled(curve: Curve, factor: Fraction) -> Curve:
    return tuple((start, slope * factor, offset * factor) for start, slope, offset in curve)


def added(curves: Sequence[Curve]) -> Curve:
    whole = ZERO
    for curve in curves:
        whole = _merged(whole, curve, lambda _start, _end, a, b: [(_start, a[0] + b[0], a[1] + b[1])])
    return whole


def least(curves: Sequence[Curve]) -> Curve:
    return _folded(curves, lower=True)


def greatest(curves: Sequence[Curve]) -> Curve:
    return _folded(curves, lower=False) if curves else ZERO


def shifted(curve: Curve, by: int) -> Curve:
    """The curve of what lies above `by`: nothing up to there, and from there on as if counted from there."""
    if by <= 0:
        return curve
    return ((1, *ZERO[0][1:]), *((start + by, slope, offset - slope * by) for start, slope, offset in curve))


def where_paid(curve: Curve, paid: Curve) -> Curve:
    """The curve where `paid` gives anything, else nothing."""
    return _merged(curve, paid, lambda start, _end, a, b: [(start, *(a if any(b) else ZERO[0][1:]))])


def is_zero(curve: Curve) -> bool:
    return all(slope == 0 and offset == 0 for _, slope, offset in curve)


def peak(curve: Curve) -> Peak:
    """The supremum of curve / base: on a piece slope + offset / base is monotone, so it lies at an end of some piece."""
    best = Peak(Fraction(0), None)
    for index, (start, slope, offset) in enumerate(curve):
        end = curve[index + 1][0] - 1 if index + 1 < len(curve) else None
        if offset > 0:
            here = Peak(slope + offset / start, start)
        elif end is not None:
            here = Peak(slope + offset / end, end)
        else:
            here = Peak(slope, None)
        if here.ratio > best.ratio:
            best = here
    return best


_Line = tuple[Fraction, Fraction]
_Join = Callable[[int, int | None, _Line, _Line], list[Piece]]


def _folded(curves: Sequence[Curve], *, lower: bool) -> Curve:
    first, *others = curves

    def choose(start: int, end: int | None, a: _Line, b: _Line) -> list[Piece]:
        return _chosen(start, end, a, b, lower)

    for curve in others:
        first = _merged(first, curve, choose)
    return first


def _chosen(start: int, end: int | None, a: _Line, b: _Line, lower: bool) -> list[Piece]:
    """The lower or the higher of two lines on [start, end), cut at the first whole number behind their crossing."""

    def at(base: int) -> _Line:
        left, right = a[0] * base + a[1], b[0] * base + b[1]
        if left == right:  # the one that stays on the wanted side from here on
            return a if (a[0] <= b[0]) == lower else b
        return a if (left < right) == lower else b

    pieces = [(start, *at(start))]
    if a[0] != b[0]:
        crossing = (b[1] - a[1]) / (a[0] - b[0])
        behind = crossing.numerator // crossing.denominator + 1
        if start < behind and (end is None or behind < end):
            pieces.append((behind, *at(behind)))
    return pieces


def _merged(one: Curve, other: Curve, join: _Join) -> Curve:
    starts = sorted({piece[0] for piece in one} | {piece[0] for piece in other})
    pieces: list[Piece] = []
    i = j = 0
    for number, start in enumerate(starts):
        while i + 1 < len(one) and one[i + 1][0] <= start:
            i += 1
        while j + 1 < len(other) and other[j + 1][0] <= start:
            j += 1
        end = starts[number + 1] if number + 1 < len(starts) else None
        for piece in join(start, end, one[i][1:], other[j][1:]):
            if not pieces or pieces[-1][1:] != piece[1:]:
                pieces.append(piece)
    return tuple(pieces)
