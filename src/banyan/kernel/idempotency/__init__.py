"""Each intent takes effect at most once: the key and its answer are stored in the transaction of the effect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b

from django.conf import settings

from banyan.kernel import clock, ids, jobs, sql, tenancy
from banyan.kernel.values.errors import Refusal

KEPT = timedelta(days=30)


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


def find_answer(actor_id: int, key: str, digest: bytes) -> Answer | None:
    """The stored answer for this key, or None when this transaction is now the one to answer.

    Takes a transaction-scoped advisory lock on the key, so exactly one request at a time works on it. Raises StillRunning
    when another one holds it and KeyReused when the digest differs.
    """
    tenant_id = tenancy.current_tenant_id()
    lock = int.from_bytes(blake2b(f"{tenant_id}/{actor_id}/{key}".encode(), digest_size=8).digest(), "big", signed=True)
    free, known, status, body = sql.fetch(
        "SELECT is_free, known, status, body FROM banyan_find_answer(%s::bigint, %s::bigint, %s::bigint, %s::text)",
        (lock, tenant_id, actor_id, key),
    )[0]
    if not free:
        raise StillRunning("A request with this Idempotency-Key is being answered.")
    if known is None:
        return None
    if bytes(known) != digest:
        raise KeyReused("This Idempotency-Key belongs to a different request.")
    return Answer(status, body)


def keep_answer(actor_id: int, key: str, digest: bytes, answer: Answer) -> None:
    """Store the answer in the transaction of its effect."""
    sql.execute(
        "INSERT INTO idempotency_records (id, tenant_id, actor_id, key, digest, status, body, answered_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (ids.next_id(), tenancy.current_tenant_id(), actor_id, key, digest, answer.status, answer.body, clock.now()),
    )


@jobs.periodic("kernel.forget_answers", every_seconds=3600, queue="analytics")
def forget_answers() -> int:
    """Delete answers older than 30 days, at most 5,000 a batch."""
    return sql.execute(
        "DELETE FROM idempotency_records WHERE id IN"
        " (SELECT id FROM idempotency_records WHERE tenant_id = %s AND answered_at < %s LIMIT 5000)",
        (tenancy.current_tenant_id(), clock.now() - KEPT),
    )
