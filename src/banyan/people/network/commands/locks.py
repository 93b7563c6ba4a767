"""The lock of a tenant's tree: joinings share it, a move has it alone."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from banyan.kernel import sql, tenancy

BUCKETS = 64


def _key(name: str) -> int:
    text = f"network/{tenancy.current_tenant_id()}/{name}"
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)


def share_tree(joining_ids: Iterable[int]) -> None:
    """Hold the paths still until this transaction ends: nobody moves a team, and nobody else lets these distributors join."""
    sql.fetch(
        "SELECT pg_advisory_xact_lock_shared(%s) UNION ALL SELECT pg_advisory_xact_lock(k) FROM unnest(%s::bigint[]) k",
        (_key("tree"), _buckets("joining", joining_ids)),
    )


def lock_tree() -> None:
    """Be the only one that changes the tenant's tree until this transaction ends."""
    sql.fetch("SELECT pg_advisory_xact_lock(%s)", (_key("tree"),))


def lock_consumers(consumer_ids: Iterable[int]) -> None:
    """Be the only one that binds these consumers until this transaction ends."""
    sql.fetch("SELECT pg_advisory_xact_lock(k) FROM unnest(%s::bigint[]) k", (_buckets("consumer", consumer_ids),))


def _buckets(name: str, members: Iterable[int]) -> list[int]:
    """At most 64 locks, always in the same order, however large the batch: the server's lock table is finite."""
    return [_key(f"{name}/{bucket}") for bucket in sorted({member % BUCKETS for member in members})]
