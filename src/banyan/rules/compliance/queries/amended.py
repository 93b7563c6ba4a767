"""The law as it stands: the package's files and every update that was taken, together."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from functools import lru_cache

from banyan.kernel import sql
from banyan.rules.compliance import engine
from banyan.rules.compliance.models import LawUpdateRow
from banyan.rules.compliance.queries import law
from banyan.rules.compliance.types import (
    Amendment,
    FeedWay,
    Jurisdiction,
    JurisdictionCode,
    LawUpdate,
    MissingUpdates,
    RuleSet,
    RuleSetId,
)

STAMP = "(SELECT coalesce(max(id), 0) FROM compliance_law_updates)"
"""SQL: the latest update; whatever was read from the law is good as long as this is the same."""


def latest_update_id() -> int:
    """The id of the latest update, or 0."""
    return int(sql.fetch(f"SELECT {STAMP}")[0][0])


def find_jurisdiction(code: str, stamp: int | None = None) -> Jurisdiction | None:
    """The jurisdiction of a code in any letter case with all updates (up to the update `stamp`), or None."""
    compiled = law.find_jurisdiction(code)
    if compiled is None:
        return None
    return amended(compiled.code, latest_update_id() if stamp is None else stamp)


def get_jurisdiction(code: str) -> Jurisdiction:
    """The jurisdiction of a code in any letter case with all updates. Raises UnknownJurisdiction."""
    return amended(law.get_jurisdiction(code).code, latest_update_id())


def list_jurisdictions() -> tuple[Jurisdiction, ...]:
    """All jurisdictions with all updates, by code."""
    stamp = latest_update_id()
    return tuple(amended(code, stamp) for code in law.list_jurisdiction_codes())


@lru_cache(maxsize=512)
def amended(code: JurisdictionCode, stamp: int) -> Jurisdiction:
    """The jurisdiction as of an update. Updates are never changed, so it is read once per process.

    Of rule sets that begin at the same moment the latest issued counts, in whatever order they came.
    """
    found = law.get_jurisdiction(code)
    if not stamp:
        return found
    compiled, issued = found.rule_sets, list[tuple[datetime, int, RuleSet]]()
    rows = sql.fetch(
        "SELECT issued_at, sequence, payload FROM compliance_law_updates WHERE id <= %s AND jurisdictions @> %s::jsonb"
        " ORDER BY id",
        (stamp, json.dumps([code])),
    )
    for issued_at, sequence, payload in rows:
        for page in json.loads(payload)["updates"]:
            if str(page["jurisdiction"]).lower() == code:
                known = len(found.rule_sets)
                found = engine.amend(found, Amendment(code, tuple(page.get("facts", ())), tuple(page["rule_sets"])))
                issued += [(issued_at, sequence, added) for added in found.rule_sets[known:]]
    issued.sort(key=lambda one: one[:2])
    return replace(found, rule_sets=(*compiled, *(added for _, _, added in issued)))


def list_updates(*, before: int | None = None, limit: int = 50) -> list[LawUpdate]:
    """Updates that were taken, the latest first."""
    rows = LawUpdateRow.objects.order_by("-id")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return [_update(row) for row in rows[:limit]]


def list_missing_updates() -> list[MissingUpdates]:
    """Gaps before updates that were pushed, the first one first. Before one that was pulled there is none: whoever brought it was
    asked for all that came before. A feed counts 1, 2, 3…, whichever of its keys it signs with."""
    rows = sql.fetch(
        "SELECT prior + 1, sequence - 1 FROM (SELECT sequence, bool_and(way = %s) AS pushed,"
        "  lag(sequence, 1, 0::bigint) OVER (ORDER BY sequence) AS prior FROM compliance_law_updates GROUP BY sequence) one"
        " WHERE pushed AND sequence > prior + 1 ORDER BY sequence",
        (FeedWay.PUSHED.value,),
    )
    return [MissingUpdates(first, until) for first, until in rows]


def get_update(update_id: int) -> LawUpdate | None:
    """One update, or None."""
    row = LawUpdateRow.objects.filter(pk=update_id).first()
    return _update(row) if row is not None else None


def _update(row: LawUpdateRow) -> LawUpdate:
    pages = json.loads(row.payload)["updates"]
    return LawUpdate(
        id=row.pk,
        key_id=row.key_id,
        sequence=row.sequence,
        issued_at=row.issued_at,
        received_at=row.received_at,
        way=FeedWay(row.way),
        jurisdictions=tuple(JurisdictionCode(code) for code in row.jurisdictions),
        rule_sets=tuple(RuleSetId(one["id"]) for page in pages for one in page["rule_sets"]),
        notes=tuple((str(page.get("note", "")), str(page.get("note_zh", ""))) for page in pages),
    )
