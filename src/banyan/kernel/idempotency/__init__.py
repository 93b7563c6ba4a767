"""Each intent takes effect at most once: the key and its answer are stored in the transaction of the effect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from typing import Any

from django.conf import settings

from banyan.kernel import clock, ids, jobs, sql, tenancy
from banyan.kernel.values.errors import Refusal

KEPT = timedelta(days=30)
REPLAYED = "Idempotent-Replayed"
"""The header of an answer that was given before."""


class StillRunning(Refusal):
    """The same key is being answered right now by another request."""

    code = "idempotency_in_progress"
    status = 409
    advice = "Wait for the number of seconds in Retry-After and send the same request again."
    retry_after_seconds = 1


class KeyReused(Refusal):
    """The key was used for a different request."""

    code = "idempotency_key_reused"
    status = 422
    advice = "Use a new Idempotency-Key for a new intent; repeat the identical request for the old one."


class KeyMissing(Refusal):
    """A write came without its key."""

    code = "idempotency_key_missing"
    status = 400
    advice = "Send an Idempotency-Key header (1 to 200 printable characters, for example a UUID) with every write."


class ShownOnce(Refusal):
    """The first answer held a secret, which is not kept."""

    code = "shown_once"
    status = 409
    advice = "The request took effect and its secret was shown then. If that was lost, revoke it and ask anew with a new key."


def fitting(key: str, limit: int) -> str:
    """A key for a column of ``limit`` (over 33) characters: as it is where it fits, else its beginning and a digest of all of it,
    so that two long keys with one beginning stay two."""
    if len(key) <= limit:
        return key
    return f"{key[: limit - 33]}#{blake2b(key.encode(), digest_size=16).hexdigest()}"


@dataclass(frozen=True)
class Answer:
    """A stored HTTP answer."""

    status: int
    body: str


def digest_of(*parts: bytes) -> bytes:
    """A digest of the request: method, path, body. Equal requests have equal digests.

    Keyed, because bodies may hold passwords: the stored digest must not be a way to guess them.
    """
    hasher = blake2b(digest_size=32, key=settings.SECRET_KEY.encode()[:64])
    for part in parts:
        hasher.update(len(part).to_bytes(8, "big"))
        hasher.update(part)
    return hasher.digest()


def is_usable(key: str) -> bool:
    """Whether a caller's key can be kept."""
    return 1 <= len(key) <= 200 and key.isprintable() and key.isascii()


def find_answers(asked: Sequence[tuple[int, str, bytes]]) -> list[Answer | Refusal | None]:
    """For each (actor, key, digest): the stored answer, or None when this transaction is now the one to answer.

    Takes a transaction-scoped advisory lock on each key, so that exactly one request at a time works on it. The refusals are
    StillRunning, when another one holds it, and KeyReused, when the digest differs. A key may come once only.
    """
    if not asked:
        return []
    tenant_id = tenancy.current_tenant_id()
    rows = sql.fetch(
        "SELECT is_free, known, status, body FROM banyan_find_answers(%s::bigint[], %s::bigint, %s::bigint[], %s::text[])",
        (
            [_lock_of(tenant_id, actor_id, key) for actor_id, key, _ in asked],
            tenant_id,
            [actor_id for actor_id, _, _ in asked],
            [key for _, key, _ in asked],
        ),
    )
    return [_found(row, digest) for row, (_, _, digest) in zip(rows, asked, strict=True)]


def _lock_of(tenant_id: int, actor_id: int, key: str) -> int:
    return int.from_bytes(blake2b(f"{tenant_id}/{actor_id}/{key}".encode(), digest_size=8).digest(), "big", signed=True)


def _found(row: tuple[Any, ...], digest: bytes) -> Answer | Refusal | None:
    is_free, known, status, body = row
    if not is_free:
        return StillRunning("A request with this Idempotency-Key is being answered.")
    if known is None:
        return None
    if bytes(known) != digest:
        return KeyReused("This Idempotency-Key belongs to a different request.")
    return Answer(status, body)


def find_answer(actor_id: int, key: str, digest: bytes) -> Answer | None:
    """As ``find_answers`` for one request, but raises its refusals."""
    (found,) = find_answers([(actor_id, key, digest)])
    if isinstance(found, Refusal):
        raise found
    return found


def keep_answers(answered: Sequence[tuple[int, str, bytes, Answer]]) -> None:
    """Store the answers, as (actor, key, digest, answer), in the transaction of their effects."""
    from banyan.kernel.idempotency.models import IdempotencyRecord

    now = clock.now()
    sql.insert(
        IdempotencyRecord,
        ("id", "actor_id", "key", "digest", "status", "body", "answered_at"),
        [
            (identity, actor_id, key, digest, answer.status, answer.body, now)
            for identity, (actor_id, key, digest, answer) in zip(ids.next_ids(len(answered)), answered, strict=True)
        ],
    )


@jobs.periodic("kernel.forget_answers", every_seconds=3600, queue="analytics")
def forget_answers() -> int:
    """Delete answers older than 30 days, at most 5,000 a batch."""
    return sql.execute(
        "DELETE FROM idempotency_records WHERE id IN"
        " (SELECT id FROM idempotency_records WHERE tenant_id = %s AND answered_at < %s LIMIT 5000)",
        (tenancy.current_tenant_id(), clock.now() - KEPT),
    )
