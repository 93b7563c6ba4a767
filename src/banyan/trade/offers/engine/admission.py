"""Who is let in when, and what a place in the queue costs."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256

from banyan.trade.offers.types import Offer

PUZZLE_BITS_MAX = 24
NONCE_MAX = 40


def admitted(offer: Offer, at: datetime) -> int:
    """How many places from the front have been let in by then: so many per second, the first second's at the start.

    Without a queue everybody is let in from the start: -1 says so.
    """
    if at < offer.starts_at:
        return 0
    if not offer.admit_per_second:
        return -1
    return offer.admit_per_second * (1 + int((at - offer.starts_at).total_seconds()))


def is_admitted(offer: Offer, position: int, at: datetime) -> bool:
    """Whether this place is let in."""
    upto = admitted(offer, at)
    return upto < 0 or position <= upto


def seconds_to_wait(offer: Offer, position: int, at: datetime) -> int:
    """Until this place is let in, whole seconds, rounded up; 0 for who is."""
    if is_admitted(offer, position, at):
        return 0
    to_start = max(0.0, (offer.starts_at - at).total_seconds())
    if not offer.admit_per_second:
        return -int(-to_start // 1)
    turn = (position - 1) // offer.admit_per_second
    since = max(0.0, (at - offer.starts_at).total_seconds())
    return max(1, -int(-(to_start + turn - since) // 1))


def is_solved(challenge: str, nonce: str, bits: int) -> bool:
    """Whether SHA-256 of ``challenge:nonce`` begins with so many zero bits."""
    if not bits:
        return True
    if not nonce or len(nonce) > NONCE_MAX or not nonce.isascii():
        return False
    return int.from_bytes(sha256(f"{challenge}:{nonce}".encode()).digest(), "big") >> (256 - bits) == 0
