"""Dated facts: the newest one is closed and the next one begins at the same moment, set-based."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from banyan.kernel import ids, sql, tenancy
from banyan.kernel.values.errors import Conflict
from banyan.people.distributors.models import StatusFact, TierFact

KINDS = {"status": StatusFact, "tier": TierFact}


class BackdatedFact(Conflict):
    """The change is dated before the newest known change, which would rewrite history."""

    code = "backdated"
    advice = "Use a moment not earlier than details.since, when the present value began."


def begin_facts(kind: str, values: Mapping[int, str], at: datetime, reason: str) -> None:
    """Let ``values`` (distributor id → status or tier) hold from ``at`` on, in rows and facts.

    The caller holds the rows' locks and has checked that no value began after ``at``. A fact that began at exactly ``at``
    held for no time: it is replaced.
    """
    model, tenant_id = KINDS[kind], tenancy.current_tenant_id()
    table, members = model._meta.db_table, sorted(values)
    sql.execute(
        f"UPDATE distributors d SET {kind} = v.value, {kind}_since = %s FROM unnest(%s::bigint[], %s::text[]) AS v(id, value)"
        " WHERE d.tenant_id = %s AND d.id = v.id",
        (at, members, [values[member] for member in members], tenant_id),
    )
    sql.execute(
        f"DELETE FROM {table} WHERE tenant_id = %s AND distributor_id = ANY(%s) AND valid_to IS NULL AND valid_from = %s",
        (tenant_id, members, at),
    )
    sql.execute(
        f"UPDATE {table} SET valid_to = %s WHERE tenant_id = %s AND distributor_id = ANY(%s) AND valid_to IS NULL",
        (at, tenant_id, members),
    )
    insert_facts(kind, [(member, values[member], at) for member in members], reason)


def insert_facts(kind: str, facts: Sequence[tuple[int, str, datetime]], reason: str) -> None:
    """Open facts for distributors that have none that is open."""
    identities = ids.next_ids(len(facts))
    sql.insert(
        KINDS[kind],
        ("id", "distributor_id", kind, "valid_from", "reason"),
        [(identity, *fact, reason[:200]) for identity, fact in zip(identities, facts, strict=True)],
    )
