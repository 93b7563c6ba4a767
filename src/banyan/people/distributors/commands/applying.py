"""Applying to become a distributor."""

from __future__ import annotations

import secrets as system_secrets
from collections.abc import Sequence
from typing import Any

from banyan.kernel import events, ids, sql, tenancy
from banyan.kernel.values.errors import Conflict, Invalid, NotFound, Refusal
from banyan.people.distributors.commands.facts import BackdatedFact, begin_facts, insert_facts
from banyan.people.distributors.events import DistributorApplied
from banyan.people.distributors.models import Distributor as DistributorRow
from banyan.people.distributors.types import Application, Applied, DistributorId, Status, Tier
from banyan.people.identity import queries as identity
from banyan.people.identity.types import UserId

ALPHABET = "ACDEFHJKMNPRTWXY3479"
"""Letters and digits that nobody confuses in print or by ear: of each look-alike group (0OQ 1IL 2Z 5S 6G 8B UV) none is used."""

CODE_LENGTH = 8


class AlreadyApplied(Conflict):
    """The user has applied, is a distributor, or was closed."""

    code = "already_applied"
    advice = "Look at the user's present status; after a rejection one may apply again, after closing only an operator helps."


class UserNotActive(NotFound):
    """No such active user."""

    code = "user_not_found"
    advice = "Register the user first."


class UnknownSponsorCode(Invalid):
    """Nobody has this referral code."""

    code = "unknown_sponsor_code"
    advice = "Check the referral code with the person who gave it, or apply without one."


class SponsorNotActive(Conflict):
    """The holder of the code is not an active distributor."""

    code = "sponsor_not_active"
    advice = "Ask an active distributor for a referral code, or apply without one."


def apply(applications: Sequence[Application]) -> list[Applied | Refusal]:
    """Take applications; status ``applied`` and tier bronze hold from each ``applied_at`` on. One answer each, in order.

    A rejected applicant may apply again and keeps id and code. Refusals: UserNotActive, AlreadyApplied,
    UnknownSponsorCode, SponsorNotActive, BackdatedFact.
    """
    tenant_id = tenancy.current_tenant_id()
    users = identity.find_active_ids([application.user_id for application in applications])
    existing = _lock_by_user(tenant_id, [application.user_id for application in applications])
    sponsors = _sponsors_by_code(tenant_id, [a.sponsor_code for a in applications if a.sponsor_code])
    answers: list[Applied | Refusal | None] = []
    fresh: list[tuple[int, Application, int | None]] = []
    again: list[tuple[int, Application, int | None]] = []
    seen: set[int] = set()
    for position, application in enumerate(applications):
        refusal, sponsor_id = _judge(application, users, existing, sponsors, seen)
        answers.append(refusal)
        if refusal is None:
            seen.add(application.user_id)
            (again if application.user_id in existing else fresh).append((position, application, sponsor_id))
    for position, written in [*_insert(tenant_id, fresh), *_reopen(tenant_id, again, existing)]:
        answers[position] = written
    facts = []
    for position, application, sponsor_id in [*fresh, *again]:
        answer = answers[position]
        if isinstance(answer, Applied):
            facts.append(DistributorApplied(answer.distributor_id, application.user_id, sponsor_id, application.applied_at))
    events.record(facts)
    return [answer for answer in answers if answer is not None]


def _judge(
    application: Application,
    users: set[UserId],
    existing: dict[int, tuple[Any, ...]],
    sponsors: dict[str, tuple[int, str]],
    seen: set[int],
) -> tuple[Refusal | None, int | None]:
    if application.user_id not in users:
        return UserNotActive("No such active user."), None
    present = existing.get(application.user_id)
    if application.user_id in seen or (present is not None and present[2] != Status.REJECTED):
        return AlreadyApplied("This user has already applied.", status=present[2] if present else Status.APPLIED.value), None
    if present is not None and application.applied_at < present[3]:
        return BackdatedFact("The application is older than the rejection.", since=present[3].isoformat()), None
    if not application.sponsor_code:
        return None, None
    sponsor = sponsors.get(application.sponsor_code.strip().upper())
    if sponsor is None:
        return UnknownSponsorCode("Nobody has this referral code.", field="sponsor_code"), None
    if sponsor[1] != Status.ACTIVE:
        return SponsorNotActive("The holder of this referral code is not active.", field="sponsor_code"), None
    return None, sponsor[0]


def _lock_by_user(tenant_id: int, user_ids: list[Any]) -> dict[int, tuple[Any, ...]]:
    rows = sql.fetch(
        "SELECT user_id, id, status, status_since, code FROM distributors WHERE tenant_id = %s AND user_id = ANY(%s)"
        " ORDER BY id FOR NO KEY UPDATE",
        (tenant_id, user_ids),
    )
    return {row[0]: row for row in rows}


def _sponsors_by_code(tenant_id: int, codes: list[str]) -> dict[str, tuple[int, str]]:
    wanted = list({code.strip().upper() for code in codes if code.strip().isalnum()})
    rows = sql.fetch("SELECT code, id, status FROM distributors WHERE tenant_id = %s AND code = ANY(%s)", (tenant_id, wanted))
    return {code: (sponsor_id, status) for code, sponsor_id, status in rows}


def _insert(tenant_id: int, fresh: list[tuple[int, Application, int | None]]) -> list[tuple[int, Applied | Refusal]]:
    """Insert new distributors. A conflicting row means that another transaction has just taken user or code."""
    done: list[tuple[int, Applied]] = []
    refused: list[tuple[int, Applied | Refusal]] = []
    left = fresh
    while left:
        identities, codes = ids.next_ids(len(left)), _free_codes(tenant_id, len(left))
        rows = [
            (key, a.user_id, code, Status.APPLIED.value, a.applied_at, Tier.BRONZE.value, a.applied_at, sponsor_id, a.applied_at)
            for key, code, (_, a, sponsor_id) in zip(identities, codes, left, strict=True)
        ]
        columns = ("id", "user_id", "code", "status", "status_since", "tier", "tier_since", "sponsor_id", "applied_at")
        written = sql.insert(DistributorRow, columns, rows, on_conflict="ON CONFLICT DO NOTHING", returning="user_id, id, code")
        by_user = {user_id: (key, code) for user_id, key, code in written}
        for position, application, _ in left:
            if application.user_id in by_user:
                key, code = by_user[application.user_id]
                done.append((position, Applied(application.user_id, DistributorId(key), code)))
        left = [request for request in left if request[1].user_id not in by_user]
        beaten = _lock_by_user(tenant_id, [request[1].user_id for request in left]) if left else {}
        refused += [(p, AlreadyApplied("This user has applied at the same moment.")) for p, a, _ in left if a.user_id in beaten]
        left = [request for request in left if request[1].user_id not in beaten]
    moments = {position: application.applied_at for position, application, _ in fresh}
    insert_facts("status", [(a.distributor_id, Status.APPLIED.value, moments[p]) for p, a in done], "applied")
    insert_facts("tier", [(a.distributor_id, Tier.BRONZE.value, moments[p]) for p, a in done], "applied")
    return [*done, *refused]


def _free_codes(tenant_id: int, count: int) -> list[str]:
    codes: set[str] = set()
    while len(codes) < count:
        batch = {"".join(system_secrets.choice(ALPHABET) for _ in range(CODE_LENGTH)) for _ in range(count - len(codes))}
        rows = sql.fetch("SELECT code FROM distributors WHERE tenant_id = %s AND code = ANY(%s)", (tenant_id, list(batch)))
        codes |= batch - {code for (code,) in rows}
    return list(codes)


def _reopen(
    tenant_id: int, again: list[tuple[int, Application, int | None]], existing: dict[int, tuple[Any, ...]]
) -> list[tuple[int, Applied]]:
    done = []
    for position, application, sponsor_id in again:  # rare: one person's second try
        _, key, _, _, code = existing[application.user_id]
        sql.execute(
            "UPDATE distributors SET sponsor_id = %s, applied_at = %s WHERE tenant_id = %s AND id = %s",
            (sponsor_id, application.applied_at, tenant_id, key),
        )
        begin_facts("status", {key: Status.APPLIED.value}, application.applied_at, "applied again")
        done.append((position, Applied(application.user_id, DistributorId(key), code)))
    return done
