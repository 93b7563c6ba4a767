"""A strict reader of JSON values that remembers where it is and collects every fault instead of stopping at the first."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple


class Fault(NamedTuple):
    """`path` is a JSON path such as `rules[2].amount.bands[0].rate_bp`."""

    path: str
    message: str


class PlanDocumentError(ValueError):
    """The document is not a plan. `faults` names every place and what is wrong there."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("; ".join(f"{fault.path or '$'}: {fault.message}" for fault in faults))
        self.faults = faults


MAX_MINOR = 10**15


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can keep the text: no NUL, no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text


@dataclass(slots=True)
class Reader:
    """One JSON object under `path`. Every key must be read; `close` reports those nobody asked for."""

    document: object
    path: str
    faults: list[Fault]
    members: dict[str, object] = field(init=False)
    seen: set[str] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self.members = {}
        if isinstance(self.document, dict) and all(isinstance(key, str) for key in self.document):
            self.members = self.document
        else:
            self.fault("", "must be an object")

    def at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path and key else self.path or key

    def fault(self, key: str, message: str) -> None:
        # A path repeats the caller's own keys; what cannot be encoded must not come back in an answer.
        self.faults.append(Fault(self.at(key).encode("utf-8", "replace").decode()[:300], message))

    def has(self, key: str) -> bool:
        return self.members.get(key) is not None

    def value(self, key: str) -> object:
        self.seen.add(key)
        return self.members.get(key)

    def child(self, key: str) -> Reader:
        return Reader(self.value(key), self.at(key), self.faults)

    def close(self) -> None:
        for key in self.members:
            if key not in self.seen:
                self.fault(key, "is not a known key here")

    def integer(self, key: str, low: int, high: int = MAX_MINOR, default: int | None = None) -> int:
        value = self.value(key)
        if value is None and default is not None and key not in self.members:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            self.fault(key, "is required, a whole number" if value is None else "must be a whole number")
            return low
        if not low <= value <= high:
            self.fault(key, f"must be from {low} to {high}")
            return low
        return value

    def optional_integer(self, key: str, low: int, high: int = MAX_MINOR) -> int | None:
        if self.has(key):
            return self.integer(key, low, high)
        self.seen.add(key)
        return None

    def boolean(self, key: str, default: bool) -> bool:
        value = self.value(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.fault(key, "must be true or false")
            return default
        return value

    def text(self, key: str, longest: int = 200, default: str | None = None) -> str:
        value = self.value(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or (not value and default is None):
            self.fault(key, "is required, a text" if value is None else "must be a text that is not empty")
            return ""
        if len(value) > longest:
            self.fault(key, f"must have at most {longest} characters")
        if not is_storable(value):
            self.fault(key, "must not contain NUL or half characters")
            return ""
        return value

    def choice(self, key: str, choices: tuple[str, ...], default: str | None = None) -> str:
        value = self.value(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or value not in choices:
            self.fault(key, "must be one of " + ", ".join(choices))
            return choices[0]
        return value

    def instant(self, key: str) -> datetime | None:
        value = self.value(key)
        if value is None:
            return None
        try:
            at = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            at = None
        if at is None or at.tzinfo is None or not 1970 <= at.year <= 2200:
            self.fault(key, "must be an instant with its offset, like 2026-03-01T00:00:00+08:00")
            return None
        return at

    def texts(self, key: str, choices: tuple[str, ...] | None = None) -> tuple[str, ...]:
        values = self.array(key)
        for index, value in enumerate(values):
            if not isinstance(value, str) or not value or len(value) > 200 or not is_storable(value):
                self.fault(f"{key}[{index}]", "must be a text of 1 to 200 characters")
            elif choices is not None and value not in choices:
                self.fault(f"{key}[{index}]", "must be one of " + ", ".join(choices))
        return tuple(value for value in values if isinstance(value, str))

    def integers(self, key: str) -> tuple[int, ...]:
        values = self.array(key)
        for index, value in enumerate(values):
            if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**63:
                self.fault(f"{key}[{index}]", "must be a positive whole number")
        return tuple(value for value in values if isinstance(value, int))

    def array(self, key: str, longest: int = 1000) -> list[object]:
        value = self.value(key)
        if not isinstance(value, list) or not value:
            self.fault(key, "must be a list that is not empty")
            return []
        if len(value) > longest:
            self.fault(key, f"must have at most {longest} members")
            return []
        return value
