"""Reads of distributors; those for batches are one statement for any number of ids."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from banyan.kernel import sql, tenancy
from banyan.kernel.values.errors import NotFound
from banyan.people.distributors.types import DatedFact, Distributor, DistributorId, Standing, Status, Tier
from banyan.people.identity.types import UserId

_COLUMNS = "id, user_id, code, status, tier, sponsor_id, applied_at, approved_at"


class DistributorNotFound(NotFound):
    """No such distributor in this tenant, or not one that the caller may see."""

    code = "distributor_not_found"


def standings_at(ids: Sequence[DistributorId], at: datetime) -> dict[DistributorId, Standing]:
    """Status and tier of each distributor at ``at``, any past moment; absent: unknown, or not yet applied at that time."""
    found = standings_at_each([(distributor_id, at) for distributor_id in dict.fromkeys(ids)])
    return {standing.distributor_id: standing for standing in found if standing is not None}


def standings_at_each(moments: Sequence[tuple[DistributorId, datetime]]) -> list[Standing | None]:
    """The standing of each (distributor, moment) in order, each at its own moment, in one statement.

    The row itself answers when its facts are older than the moment, which is the usual case; else the dated facts do.
    """
    rows = sql.fetch(
        """
        SELECT q.place, d.id,
               CASE WHEN d.status_since <= q.at THEN d.status ELSE (
                 SELECT f.status FROM distributors_status_facts f WHERE f.tenant_id = d.tenant_id AND f.distributor_id = d.id
                 AND f.valid_from <= q.at AND (f.valid_to > q.at OR f.valid_to IS NULL)) END,
               CASE WHEN d.tier_since <= q.at THEN d.tier ELSE (
                 SELECT f.tier FROM distributors_tier_facts f WHERE f.tenant_id = d.tenant_id AND f.distributor_id = d.id
                 AND f.valid_from <= q.at AND (f.valid_to > q.at OR f.valid_to IS NULL)) END
        FROM unnest(%s::bigint[], %s::timestamptz[]) WITH ORDINALITY AS q(id, at, place)
        JOIN distributors d ON d.tenant_id = %s AND d.id = q.id
        """,
        ([distributor_id for distributor_id, _ in moments], [at for _, at in moments], tenancy.current_tenant_id()),
    )
    answers: list[Standing | None] = [None] * len(moments)
    for place, identity, status, tier in rows:
        if status is not None and tier is not None:
            answers[place - 1] = Standing(DistributorId(identity), _STATUS[status], _TIER[tier])
    return answers


_STATUS = {status.value: status for status in Status}
_TIER = {tier.value: tier for tier in Tier}


def find_by_users(user_ids: Sequence[UserId]) -> dict[UserId, DistributorId]:
    """Which of these users are distributors, in whatever status."""
    rows = sql.fetch(
        "SELECT user_id, id FROM distributors WHERE tenant_id = %s AND user_id = ANY(%s)",
        (tenancy.current_tenant_id(), list(user_ids)),
    )
    return {UserId(user_id): DistributorId(identity) for user_id, identity in rows}


def find_users_of(ids: Sequence[DistributorId]) -> dict[DistributorId, UserId]:
    """The users behind these distributors."""
    rows = sql.fetch(
        "SELECT id, user_id FROM distributors WHERE tenant_id = %s AND id = ANY(%s)", (tenancy.current_tenant_id(), list(ids))
    )
    return {DistributorId(identity): UserId(user_id) for identity, user_id in rows}


def find_by_codes(codes: Sequence[str]) -> dict[str, DistributorId]:
    """The distributors of these referral codes in any status, keyed by the code as asked; case and spaces do not matter."""
    asked = {code: code.strip().upper() for code in codes if code.strip().isalnum()}
    rows = sql.fetch(
        "SELECT code, id FROM distributors WHERE tenant_id = %s AND code = ANY(%s)",
        (tenancy.current_tenant_id(), list(set(asked.values()))),
    )
    found = dict(rows)
    return {code: DistributorId(found[spelled]) for code, spelled in asked.items() if spelled in found}


def _distributor(row: tuple[Any, ...]) -> Distributor:
    identity, user_id, code, status, tier, sponsor_id, applied_at, approved_at = row
    sponsor = DistributorId(sponsor_id) if sponsor_id is not None else None
    return Distributor(
        DistributorId(identity), UserId(user_id), code, Status(status), Tier(tier), sponsor, applied_at, approved_at
    )


def list_distributors_by_ids(ids: Sequence[DistributorId]) -> dict[DistributorId, Distributor]:
    """The distributors of these ids; unknown ids are absent. One query."""
    rows = sql.fetch(
        f"SELECT {_COLUMNS} FROM distributors WHERE tenant_id = %s AND id = ANY(%s)", (tenancy.current_tenant_id(), list(ids))
    )
    return {DistributorId(row[0]): _distributor(row) for row in rows}


def get_distributor(distributor_id: DistributorId) -> Distributor:
    """One distributor as of now; raises DistributorNotFound."""
    found = list_distributors_by_ids([distributor_id]).get(distributor_id)
    if found is None:
        raise DistributorNotFound("No such distributor.")
    return found


def list_distributors(
    before_id: int | None, count: int, status: Status | None = None, tier: Tier | None = None
) -> list[Distributor]:
    """Distributors in descending id order, at most ``count``, with id below ``before_id``."""
    rows = sql.fetch(
        f"SELECT {_COLUMNS} FROM distributors WHERE tenant_id = %s AND (%s::bigint IS NULL OR id < %s)"
        " AND (%s::text IS NULL OR status = %s) AND (%s::text IS NULL OR tier = %s) ORDER BY id DESC LIMIT %s",
        (tenancy.current_tenant_id(), before_id, before_id, status, status, tier, tier, count),
    )
    return [_distributor(row) for row in rows]


def list_status_history(distributor_id: DistributorId) -> list[DatedFact]:
    """Every status the distributor ever had, oldest first."""
    return _history("distributors_status_facts", "status", distributor_id)


def list_tier_history(distributor_id: DistributorId) -> list[DatedFact]:
    """Every tier the distributor ever had, oldest first."""
    return _history("distributors_tier_facts", "tier", distributor_id)


def _history(table: str, column: str, distributor_id: DistributorId) -> list[DatedFact]:
    rows = sql.fetch(
        f"SELECT {column}, valid_from, valid_to, reason FROM {table} WHERE tenant_id = %s AND distributor_id = %s"
        " ORDER BY valid_from",
        (tenancy.current_tenant_id(), distributor_id),
    )
    return [DatedFact(*row) for row in rows]
