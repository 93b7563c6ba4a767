"""Provinces, prefectures and districts of China by their six-digit codes: how far a place may be told that is somebody's."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

_DEPTHS = (2, 4, 6)
"""How many digits of a code name a province, a prefecture and a district."""


@cache
def _names() -> dict[str, str]:
    text = files("banyan.kernel.values").joinpath("divisions_cn.csv").read_text(encoding="utf-8")
    return dict(line.split(",") for line in text.splitlines() if not line.startswith(("#", "code")))


@cache
def _codes() -> dict[tuple[int, str], list[str]]:
    """The codes of each name, by how many digits they have."""
    codes: dict[tuple[int, str], list[str]] = {}
    for code, name in _names().items():
        codes.setdefault((_digits(code), name), []).append(code)
    return codes


@cache
def _longest() -> int:
    return max(map(len, _names().values()))


def place_of(code: str) -> str:
    """Province, prefecture and district of a six-digit code in words, as far as they are known; empty when nothing is."""
    known = (_names().get(code[:digits].ljust(6, "0")) for digits in _DEPTHS)
    return "".join(dict.fromkeys(name for name in known if name))


def division_in(address: str) -> str:
    """The code of the deepest division with whose full names a written address begins; empty when there is none.

    Only names that are known count, so a street or a housing estate that merely ends in 区 is never taken for a district. A
    province or a prefecture may be left out; a name that several places of the division have names none of them.
    """
    rest, code = "".join(address.split()), ""
    for digits in _DEPTHS:
        if digits == 6 and not code:
            break  # a district alone: too many are called the same
        found = [
            (key, length)
            for length in range(1, min(len(rest), _longest()) + 1)
            for key in _codes().get((digits, rest[:length]), ())
            if key.startswith(code)
        ]
        if len(found) == 1:
            code, rest = found[0][0][:digits], rest[found[0][1] :]
    return code.ljust(6, "0") if code else ""


def _digits(code: str) -> int:
    return next(digits for digits in _DEPTHS if code[digits:].strip("0") == "")
