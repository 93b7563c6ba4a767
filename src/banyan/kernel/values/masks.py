"""Personal words as lists and pages show them: enough to recognize somebody, too little to call."""

from __future__ import annotations


def masked(text: str | None) -> str:
    """Names keep their first character, numbers of seven and more digits their first three and last two; a dash for nothing."""
    if not text:
        return "–"
    digits = text.lstrip("+")
    if digits.isdigit() and len(digits) >= 7:
        return f"{text[:3]}{'*' * (len(text) - 5)}{text[-2:]}"
    return text[0] + "*" * min(max(len(text) - 1, 1), 3)
