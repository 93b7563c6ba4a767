"""The hash chain over the audit log: sealed in blocks by a job, checked entry by entry by ``banyan verify``.

An entry's digest is SHA-256 over the text form of its row. Altering, removing, adding or reordering an entry of a sealed
block changes a digest, an id or a position, and the check names the entry. Re-hashing the whole chain is visible to anybody
who kept an earlier digest; anchoring digests outside is a later capability.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from banyan.kernel import clock, ids, jobs, sql, tenancy, verification
from banyan.kernel.audit.models import AuditSeal

BLOCK = 2000
_DIGEST = (
    "sha256(convert_to(concat_ws('|', id, tenant_id, extract(epoch FROM occurred_at)::text, actor, reason, origin, table_name,"
    " coalesce(row_id::text, '-'), operation, coalesce(before::text, '-'), coalesce(after::text, '-'), transaction_id), 'UTF8'))"
)
# The blocks are laid out row by row: equality can be hashed, so the whole log is compared in one pass.
_STRAYS = (
    "SELECT e.id FROM audit_entries e WHERE e.tenant_id = %s"
    " AND (e.transaction_id, e.id) <= (SELECT until_transaction_id, until_entry_id FROM audit_seals"
    "   WHERE tenant_id = %s ORDER BY number DESC LIMIT 1)"
    " AND NOT EXISTS (SELECT FROM (SELECT unnest(entry_ids) AS id FROM audit_seals WHERE tenant_id = %s) sealed"
    "   WHERE sealed.id = e.id) LIMIT 100"
)
_HORIZON = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"


def _chain(previous: bytes, entry_ids: list[int], digests: bytes) -> bytes:
    return sha256(previous + b"".join(entry_id.to_bytes(8, "big") for entry_id in entry_ids) + digests).digest()


@jobs.periodic("kernel.seal_audit", every_seconds=60, queue="analytics")
def seal_audit() -> int:
    """Seal the next block of the entered tenant's audit entries; returns how many entries. Two workers cannot fork the chain."""
    tenant_id = tenancy.current_tenant_id()
    sql.fetch("SELECT pg_advisory_xact_lock(hashtext('banyan.audit'), %s)", (tenant_id % 2**31,))
    latest = sql.fetch(
        "SELECT number, until_transaction_id, until_entry_id, digest FROM audit_seals"
        " WHERE tenant_id = %s ORDER BY number DESC LIMIT 1",
        (tenant_id,),
    )
    number, transaction_id, entry_id, previous = latest[0] if latest else (0, 0, 0, b"")
    rows = sql.fetch(
        f"SELECT id, transaction_id, {_DIGEST} FROM audit_entries WHERE tenant_id = %s AND (transaction_id, id) > (%s, %s)"
        f" AND transaction_id < {_HORIZON} ORDER BY transaction_id, id LIMIT %s",
        (tenant_id, transaction_id, entry_id, BLOCK),
    )
    if not rows:
        return 0
    entry_ids, digests = [row[0] for row in rows], b"".join(bytes(row[2]) for row in rows)
    AuditSeal.objects.create(
        id=ids.next_id(),
        number=number + 1,
        entry_ids=entry_ids,
        entry_digests=digests,
        until_transaction_id=rows[-1][1],
        until_entry_id=rows[-1][0],
        previous_digest=bytes(previous),
        digest=_chain(bytes(previous), entry_ids, digests),
        sealed_at=clock.now(),
    )
    return len(rows)


@verification.check("audit.chain")
def check_chain(tally: verification.Tally) -> Iterator[verification.Finding]:
    """Every sealed entry is there, unaltered and in place, and the blocks follow each other."""
    tenant_id, previous, number = tenancy.current_tenant_id(), b"", 0
    for seal in AuditSeal.objects.order_by("number").iterator(chunk_size=20):
        number += 1
        name = f"audit seal {seal.number}"
        tally.compared += len(seal.entry_ids) + 1
        if seal.number != number:
            yield verification.Finding("audit.chain", f"audit seal {number}", "present", "missing")
            number = seal.number
        elif bytes(seal.previous_digest) != previous:
            yield verification.Finding("audit.chain", name, previous.hex(), bytes(seal.previous_digest).hex())
        digests = bytes(seal.entry_digests)
        if bytes(seal.digest) != _chain(bytes(seal.previous_digest), seal.entry_ids, digests):
            yield verification.Finding("audit.chain", name, "its own digest", "altered")
        previous = bytes(seal.digest)
        yield from _check_block(tenant_id, seal.entry_ids, digests)
    yield from _check_strays(tenant_id, tally)


def _check_block(tenant_id: int, entry_ids: list[int], digests: bytes) -> Iterator[verification.Finding]:
    found = dict(
        sql.fetch(
            f"SELECT id, {_DIGEST} FROM audit_entries WHERE tenant_id = %s AND id = ANY(%s::bigint[])", (tenant_id, entry_ids)
        )
    )
    for position, entry_id in enumerate(entry_ids):
        sealed = digests[position * 32 : position * 32 + 32]
        if entry_id not in found:
            yield verification.Finding("audit.chain", f"audit entry {entry_id}", sealed.hex(), "removed")
        elif bytes(found[entry_id]) != sealed:
            yield verification.Finding("audit.chain", f"audit entry {entry_id}", sealed.hex(), "altered")


def _check_strays(tenant_id: int, tally: verification.Tally) -> Iterator[verification.Finding]:
    """Entries that lie before the last seal but in no block were put in afterwards."""
    tally.compared += 1
    for (entry_id,) in sql.fetch(_STRAYS, (tenant_id, tenant_id, tenant_id)):
        yield verification.Finding("audit.chain", f"audit entry {entry_id}", "sealed", "put in after sealing")
