"""Redeem codes as people read and type them. Drawing one is not pure; how it looks is."""

from __future__ import annotations

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""32 signs that nobody takes for another: no 0 and O, no 1 and I."""
LENGTH = 8
"""32⁸ ≈ 10¹² codes; five tries in a quarter of an hour do not get far."""


def written(drawn: bytes) -> str:
    """Eight random bytes as a code: each gives one sign, evenly (256 is a multiple of 32)."""
    if len(drawn) != LENGTH:
        raise ValueError("a code is made of eight bytes")
    return "".join(ALPHABET[byte % len(ALPHABET)] for byte in drawn)


def typed(text: str) -> str | None:
    """What somebody typed, as the code it means: case, spaces and dashes do not matter. None when it is no code."""
    code = "".join(text.upper().replace("-", "").split())
    return code if len(code) == LENGTH and set(code) <= set(ALPHABET) else None
