"""The lock of a tenant's tree: joinings share it, a move has it alone."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from banyan.kernel import sql, tenancy

BUCKETS = 64


def _key(name: str) -> int:
    text = f"network/{tenancy.current_tenant_id()}/{name}"
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)


def share_tree() -> None:
    """Hold the paths still: nobody moves a subtree until this transaction ends."""
    sql.fetch("SELECT pg_advisory_xact_lock_shared(%s)", (_key("tree"),))


def lock_tree() -> None:
    """Be the only one that changes the tenant's tree until this transaction ends."""
    sql.fetch("SELECT pg_advisory_xact_lock(%s)", (_key("tree"),))


def lock_consumers(consumer_ids: Iterable[int]) -> None:
    """Be the only one that binds these consumers. At most 64 locks, always in the same order, however large the batch."""
    keys = [_key(f"consumer/{bucket}") for bucket in sorted({consumer_id % BUCKETS for consumer_id in consumer_ids})]
    sql.fetch("SELECT pg_advisory_xact_lock(k) FROM unnest(%s::bigint[]) k", (keys,))
