"""What returns needs from outside: bytes of photos kept somewhere, and the word of whoever watches risk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class PhotoStore(Protocol):
    """Keeps bytes under a name; a name is written once."""

    def put(self, tenant_id: int, name: str, content: bytes) -> None:
        """Keep it. The same name with the same bytes again changes nothing."""

    def get(self, tenant_id: int, name: str) -> bytes:
        """What was kept. Raises KeyError when there is nothing."""


class RiskWatch(Protocol):
    """Whoever knows of risk signals and restrictions of persons."""

    def risks_of(self, user_ids: Sequence[int]) -> Mapping[int, tuple[str, ...]]:
        """Words of open signals by user (short, fixed, no colon); users without any are left out. The tenant is entered."""


_photo_stores: list[PhotoStore] = []
_risk_watches: list[RiskWatch] = []


def register_photo_store(store: PhotoStore) -> None:
    """The place for photos; the last one registered counts."""
    _photo_stores[:] = [store]


def photo_store() -> PhotoStore:
    """The place for photos. Raises LookupError when none was registered."""
    if not _photo_stores:
        raise LookupError("no place for photos is wired in")
    return _photo_stores[0]


def register_risk_watch(watch: RiskWatch) -> None:
    """Ask this one, too, before a return goes without review."""
    if watch not in _risk_watches:
        _risk_watches.append(watch)


def risks_of(user_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """The words of all watches by user."""
    found: dict[int, tuple[str, ...]] = {}
    for watch in _risk_watches:
        for user_id, words in watch.risks_of(user_ids).items():
            found[user_id] = (*found.get(user_id, ()), *words)
    return found
