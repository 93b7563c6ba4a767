"""Personal words as lists and pages show them: enough to recognize somebody, too little to call or to visit."""

from __future__ import annotations

from banyan.kernel.values.divisions import division_in, place_of


def masked(text: str | None) -> str:
    """Names keep their first character, numbers of seven and more digits their first three and last two; a dash for nothing."""
    if not text:
        return "–"
    digits = text.lstrip("+")
    if digits.isdigit() and len(digits) >= 7:
        return f"{text[:3]}{'*' * (len(text) - 5)}{text[-2:]}"
    return text[0] + "*" * min(max(len(text) - 1, 1), 3)


def masked_address(address: str | None, region_code: str = "") -> str:
    """An address down to its district and no further; a dash for nothing. No character that somebody typed is shown.

    What is shown are the names of the division: of ``region_code``, or of the one that the address begins with where that says
    more. Where neither is known, all of it is masked; how long the rest is, is not told.
    """
    if not address or not address.strip():
        return "–"
    code = max(region_code, division_in(address), key=lambda code: len(place_of(code) and code.rstrip("0")))
    return f"{place_of(code)}***"
