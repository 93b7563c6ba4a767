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

from banyan.kernel.values.errors import Invalid

BLOCK = 1000
BATCH_FROM, BLOCKS_AHEAD = 100, 9
"""Who asks for many ids will ask again: he takes ten blocks at a time, in one round trip."""
SEQUENCE = "banyan_ids"
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base32: no i, l, o, u
_VALUE_OF = {letter: value for value, letter in enumerate(_ALPHABET)}
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


def _round(key: bytes, turn: int, half: int) -> int:
    return int.from_bytes(blake2b(half.to_bytes(5, "big") + bytes((turn,)), key=key, digest_size=4).digest(), "big")


def public(prefix: str, identity: int) -> str:
    """The outside form of a bigint id, e.g. ``ord_0c5m7z2k9w1ye``; stable for the life of the installation's key."""
    key = _key(prefix)
    left, right = identity >> 32, identity & 0xFFFFFFFF
    for turn in range(4):
        left, right = right, left ^ _round(key, turn, right)
    number = (left << 32) | right
    letters = []
    for _ in range(13):
        letters.append(_ALPHABET[number & 31])
        number >>= 5
    return f"{prefix}_{''.join(reversed(letters))}"


def parse(prefix: str, text: str) -> int:
    """The bigint behind a public id; raises BadPublicId. That the row exists and is the caller's is checked by the query."""
    head, _, letters = text.partition("_")
    if head != prefix or len(letters) != 13:
        raise BadPublicId(f"Expected an id that starts with {prefix}_.")
    number = 0
    for letter in letters:
        value = _VALUE_OF.get(letter)
        if value is None:
            raise BadPublicId(f"Not a valid {prefix}_ id.")
        number = (number << 5) | value
    if number >> 64:
        raise BadPublicId(f"Not a valid {prefix}_ id.")
    key = _key(prefix)
    left, right = number >> 32, number & 0xFFFFFFFF
    for turn in reversed(range(4)):
        left, right = right ^ _round(key, turn, left), left
    identity = (left << 32) | right
    if identity >> 63:
        raise BadPublicId(f"Not a valid {prefix}_ id.")
    return identity
