"""Plan documents as people read and write them: inside they name SKUs and categories by number, outside by public id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from banyan.kernel import ids

_PREFIXES = {"sku": "sku", "product": "prd", "category": "cat", "supplier": "usr"}
"""Condition → prefix of the public ids it lists."""
_PEOPLE = {"distributor": "dst"}
"""Member of `pays` → prefix of the public id it names."""
MAX_NESTING = 40


def inward(written: Any) -> Any:
    """The document with public ids in its conditions turned into numbers; what is no public id is left for the parser.

    Numbers are turned into texts that no parser takes: from outside nobody names things by number.
    """

    def number(prefix: str, value: Any) -> Any:
        if not isinstance(value, str):
            return f"not a public id: {value}"[:60]
        try:
            return ids.parse(prefix, value)
        except ids.BadPublicId:
            return value

    return _walk(written, number)


def outward(kept: Any) -> Any:
    """The document with numbers in its conditions turned into public ids."""
    return _walk(kept, lambda prefix, value: ids.public(prefix, value) if isinstance(value, int) else value)


def _walk(value: Any, turn: Callable[[str, Any], Any], depth: int = 0) -> Any:
    if depth > MAX_NESTING:
        return value
    if isinstance(value, dict):
        return {
            key: (
                [turn(_PREFIXES[key], each) for each in part]
                if key in _PREFIXES and isinstance(part, list)
                else turn(_PEOPLE[key], part)
                if key in _PEOPLE and isinstance(part, str | int)
                else _walk(part, turn, depth + 1)
            )
            for key, part in value.items()
        }
    if isinstance(value, list):
        return [_walk(each, turn, depth + 1) for each in value]
    return value
