"""Identity: compact bigints inside, opaque prefixed ids outside.

Inside, ids come from one database sequence in blocks (hi/lo): one round trip per thousand, unique over all tables and
processes, known before the insert, so a batch of orders with lines needs no RETURNING. Outside, ``ord_4hx…`` is the
bigint under a keyed Feistel permutation: nobody can count or guess rows from ids, and no column is needed.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from banyan.kernel.values.errors import Invalid
from banyan.kernel.values.filled import Filled

BLOCK = 1000
BATCH_FROM, BLOCKS_AHEAD = 100, 9
"""Who asks for many ids will ask again: he takes ten blocks at a time, in one round trip."""
SEQUENCE = "banyan_ids"
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base32: no i, l, o, u
_LETTERS = frozenset(_ALPHABET)
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)  # ten bits at a time
_TO_BASE_32 = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")  # as int() reads it
_lock = threading.Lock()
_blocks: deque[range] = deque()


os.register_at_fork(after_in_child=_blocks.clear)


def next_ids(count: int) -> Sequence[int]:
    """``count`` new ids, ascending. One round trip when what the process has taken is used up."""
    with _lock:
        if _blocks and count <= len(_blocks[0]):
            first = _blocks[0]
            _blocks[0] = first[count:]
            return first[:count]
        short = count - sum(map(len, _blocks))
        if short > 0:
            _fetch_blocks(-(-short // BLOCK) + (BLOCKS_AHEAD if count >= BATCH_FROM else 0))
        taken: list[int] = []
        while len(taken) < count:
            block = _blocks.popleft()
            wanted = count - len(taken)
            taken += block[:wanted]
            if wanted < len(block):
                _blocks.appendleft(block[wanted:])
        return taken


def _fetch_blocks(count: int) -> None:
    from banyan.kernel import sql

    for (start,) in sql.fetch(f"SELECT nextval('{SEQUENCE}') FROM generate_series(1, %s)", (count,)):
        _blocks.append(range(start, start + BLOCK))


def next_id() -> int:
    """One new id."""
    return next_ids(1)[0]


class BadPublicId(Invalid):
    """Text that is not an id of the expected kind."""

    code = "bad_id"
    advice = "Use the id exactly as Banyan gave it, with its prefix."


@lru_cache(maxsize=64)
def _key(prefix: str) -> bytes:
    from django.conf import settings

    return blake2b(prefix.encode(), key=settings.BANYAN_PUBLIC_ID_KEY, digest_size=32).digest()


@lru_cache(maxsize=64)
def _keyed(prefix: str) -> Any:
    """The round function's hash with its key taken in; copied for each use."""
    return blake2b(key=_key(prefix), digest_size=4)


def _round(keyed: Any, turn: bytes, half: int) -> int:
    hashing = keyed.copy()
    hashing.update(half.to_bytes(5, "big") + turn)
    return int.from_bytes(hashing.digest(), "big")


_TURNS = (b"\0", b"\1", b"\2", b"\3")


def public(prefix: str, identity: int) -> str:
    """The outside form of a bigint id, e.g. ``ord_0c5m7z2k9w1ye``; stable for the life of the installation's key."""
    keyed = _keyed(prefix)
    left, right = identity >> 32, identity & 0xFFFFFFFF
    for turn in _TURNS:
        left, right = right, left ^ _round(keyed, turn, right)
    number = (left << 32) | right
    return (
        f"{prefix}_{_ALPHABET[number >> 60]}{_PAIRS[number >> 50 & 1023]}{_PAIRS[number >> 40 & 1023]}"
        f"{_PAIRS[number >> 30 & 1023]}{_PAIRS[number >> 20 & 1023]}{_PAIRS[number >> 10 & 1023]}{_PAIRS[number & 1023]}"
    )


def parse(prefix: str, text: str) -> int:
    """The bigint behind a public id; raises BadPublicId. That the row exists and is the caller's is checked by the query."""
    head, _, letters = text.partition("_")
    if head != prefix or len(letters) != 13:
        raise BadPublicId(Filled("Expected an id that starts with {prefix}_.", prefix=prefix))
    if not _LETTERS.issuperset(letters):
        raise BadPublicId(Filled("Not a valid {prefix}_ id.", prefix=prefix))
    number = int(letters.translate(_TO_BASE_32), 32)
    if number >> 64:
        raise BadPublicId(Filled("Not a valid {prefix}_ id.", prefix=prefix))
    keyed = _keyed(prefix)
    left, right = number >> 32, number & 0xFFFFFFFF
    for turn in reversed(_TURNS):
        left, right = right ^ _round(keyed, turn, left), left
    identity = (left << 32) | right
    if identity >> 63:
        raise BadPublicId(Filled("Not a valid {prefix}_ id.", prefix=prefix))
    return identity
