"""What compliance needs from outside: a feed of the law, and the public keys that its updates are signed with.

config/wiring registers both. Without a feed the files of `law/` are all there is, and without keys nothing is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol


class LawFeed(Protocol):
    """A source of signed updates."""

    def updates_after(self, sequence: int) -> list[bytes]:
        """Envelopes with a greater sequence (1, 2, 3…), in order, at most a hundred. Raises OSError when it cannot be reached."""


_feeds: list[Callable[[], LawFeed]] = []
_keys: dict[str, bytes] = {}


def register_feed(factory: Callable[[], LawFeed] | None) -> None:
    """Name the feed to pull from; None takes it away."""
    _feeds[:] = [factory] if factory is not None else []


def feed() -> LawFeed | None:
    """The feed, if one was wired in."""
    return _feeds[0]() if _feeds else None


def trust_keys(keys: Mapping[str, bytes]) -> None:
    """Raw Ed25519 public keys by id; replaces those that were trusted before."""
    _keys.clear()
    _keys.update(keys)


def trusted_keys() -> Mapping[str, bytes]:
    """The keys that are trusted."""
    return dict(_keys)
