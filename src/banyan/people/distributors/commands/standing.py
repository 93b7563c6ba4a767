"""Approving, freezing and closing distributors, and setting their tiers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

from banyan.kernel import clock, events, sql, tenancy
from banyan.kernel.events import Event
from banyan.kernel.values.errors import Conflict, Invalid, Refusal
from banyan.kernel.values.filled import Filled
from banyan.people.distributors.commands.facts import BackdatedFact, begin_facts
from banyan.people.distributors.events import (
    DistributorApproved,
    DistributorClosed,
    DistributorFrozen,
    DistributorRejected,
    DistributorUnfrozen,
    TierChanged,
)
from banyan.people.distributors.queries import DistributorNotFound
from banyan.people.distributors.types import DistributorId, Outcome, Status, Tier
from banyan.people.identity import commands as identity
from banyan.people.identity.types import Role, UserId


class WrongStatus(Conflict):
    """The distributor's present status does not allow this."""

    code = "wrong_status"
    advice = "Look at details.status: applied → active or rejected; active ⇄ frozen; active or frozen → closed."


class ReasonMissing(Invalid):
    """A decision against somebody needs a reason."""

    code = "reason_missing"
    advice = "Give the reason in 1 to 200 characters; the person concerned may read it."


Row = tuple[int, int, str, datetime, str, datetime, int | None]
"""id, user id, status, status since, tier, tier since, sponsor id"""


def approve(ids: Sequence[DistributorId], at: datetime) -> list[Outcome]:
    """Grant applications from ``at`` on; the users gain the role distributor. Refusals as for every change of status."""
    return _change(
        ids, Status.ACTIVE, {Status.APPLIED}, at, "approved",
        lambda row: DistributorApproved(row[0], row[1], row[6], at), gain=Role.DISTRIBUTOR,
    )  # fmt: skip


def reject(ids: Sequence[DistributorId], reason: str) -> list[Outcome]:
    """Decline applications now, with a reason; the users may apply again. Raises ReasonMissing."""
    at = clock.now()
    return _change(ids, Status.REJECTED, {Status.APPLIED}, at, _checked(reason), lambda row: DistributorRejected(row[0], at))


def freeze(ids: Sequence[DistributorId], reason: str) -> list[Outcome]:
    """Freeze active distributors now: they earn nothing until unfrozen. Raises ReasonMissing."""
    at = clock.now()
    return _change(ids, Status.FROZEN, {Status.ACTIVE}, at, _checked(reason), lambda row: DistributorFrozen(row[0], at))


def unfreeze(ids: Sequence[DistributorId], reason: str = "unfrozen") -> list[Outcome]:
    """Let frozen distributors earn again from now on; what was missed while frozen stays missed."""
    at = clock.now()
    return _change(ids, Status.ACTIVE, {Status.FROZEN}, at, _checked(reason), lambda row: DistributorUnfrozen(row[0], at))


def close(ids: Sequence[DistributorId], reason: str) -> list[Outcome]:
    """Close distributors for good, now; the users lose the role, the place in the network stays. Raises ReasonMissing."""
    at = clock.now()
    return _change(
        ids, Status.CLOSED, {Status.ACTIVE, Status.FROZEN}, at, _checked(reason),
        lambda row: DistributorClosed(row[0], at), lose=Role.DISTRIBUTOR,
    )  # fmt: skip


def set_tiers(tiers: Mapping[DistributorId, Tier], at: datetime, reason: str) -> list[Outcome]:
    """Let these tiers hold from ``at`` on. The same tier again is done without a new fact. Raises ReasonMissing.

    Refusals: DistributorNotFound, BackdatedFact (the present tier began after ``at``).
    """
    reason, rows = _checked(reason), _lock(tiers)
    outcomes, wanted = [], {}
    for identity_, tier in tiers.items():
        row = rows.get(identity_)
        refusal: Refusal | None = None
        if row is None:
            refusal = DistributorNotFound("No such distributor.")
        elif row[4] != tier and at < row[5]:
            refusal = BackdatedFact("The present tier began later.", since=row[5].isoformat())
        elif row[4] != tier:
            wanted[int(identity_)] = tier.value
        outcomes.append(Outcome(identity_, refusal))
    if wanted:
        begin_facts("tier", wanted, at, reason)
        events.record([TierChanged(key, rows[DistributorId(key)][4], value, at) for key, value in wanted.items()])
    return outcomes


def _checked(reason: str) -> str:
    if not 1 <= len(reason.strip()) <= 200 or "\x00" in reason:
        raise ReasonMissing("A reason is needed.", field="reason")
    return reason.strip()


def _lock(ids: Collection[DistributorId]) -> dict[DistributorId, Row]:
    """The rows, locked in order of their ids so that two batches never wait for each other in a circle."""
    rows = sql.fetch(
        "SELECT id, user_id, status, status_since, tier, tier_since, sponsor_id FROM distributors"
        " WHERE tenant_id = %s AND id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
        (tenancy.current_tenant_id(), list(ids)),
    )
    return {DistributorId(row[0]): row for row in rows}


def _change(
    ids: Sequence[DistributorId],
    to: Status,
    allowed: set[Status],
    at: datetime,
    reason: str,
    event: Callable[[Row], Event],
    *,
    gain: Role | None = None,
    lose: Role | None = None,
) -> list[Outcome]:
    """Move every distributor that may to ``to``. Refusals: DistributorNotFound, WrongStatus, BackdatedFact."""
    rows, outcomes, changed = _lock(ids), [], []
    for identity_ in ids:
        row = rows.get(identity_)
        refusal: Refusal | None = None
        if row is None:
            refusal = DistributorNotFound("No such distributor.")
        elif row[2] not in allowed:
            refusal = WrongStatus(Filled("The distributor is {status}.", status=Status(row[2])), status=row[2])
        elif at < row[3]:
            refusal = BackdatedFact("The present status began later.", since=row[3].isoformat())
        else:
            changed.append(row)
            rows[identity_] = (*row[:2], to.value, at, *row[4:])  # the same id again in this batch meets the new status
        outcomes.append(Outcome(identity_, refusal))
    if changed:
        keys = [row[0] for row in changed]
        begin_facts("status", dict.fromkeys(keys, to.value), at, reason)
        users = [UserId(row[1]) for row in changed]
        if gain is not None:
            sql.execute(
                "UPDATE distributors SET approved_at = coalesce(approved_at, %s) WHERE tenant_id = %s AND id = ANY(%s)",
                (at, tenancy.current_tenant_id(), keys),
            )
            identity.grant_role(users, gain)
        if lose is not None:
            identity.withdraw_role(users, lose)
        events.record([event(row) for row in changed])
    return outcomes
