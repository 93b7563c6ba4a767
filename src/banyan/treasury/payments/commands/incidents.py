"""Keeping what was not booked: each kind of thing once, counted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b

import structlog

from banyan.kernel import clock, ids, sql, tenancy
from banyan.kernel.values.errors import Conflict, NotFound
from banyan.treasury.payments.models import IncidentRow
from banyan.treasury.payments.types import Incident

log = structlog.get_logger(__name__)
_COLUMNS = (
    "id", "kind", "channel", "number", "payment_id", "details", "fingerprint", "seen_count", "first_seen_at", "latest_seen_at",
    "resolution",
)  # fmt: skip


def record_incidents(incidents: Sequence[Incident]) -> None:
    """Write incidents; one that was seen before is counted again and, if it was resolved, open again."""
    if not incidents:
        return
    now = clock.now()
    rows: list[tuple[object, ...]] = []
    counted = sorted(Counter(incidents).items(), key=_place)
    for new_id, (incident, count) in zip(ids.next_ids(len(counted)), counted, strict=True):
        log.warning("payment_incident", kind=incident.kind.value, channel=incident.channel, payment_id=incident.payment_id)
        text = json.dumps(dict(incident.details), ensure_ascii=False)
        rows.append(
            (
                new_id, incident.kind.value, incident.channel, incident.number[:64], incident.payment_id, text,
                _fingerprint(incident), count, now, now, "",
            )
        )  # fmt: skip
    sql.insert(
        IncidentRow,
        _COLUMNS,
        rows,
        on_conflict=(
            "ON CONFLICT (tenant_id, fingerprint) DO UPDATE SET seen_count = payment_incidents.seen_count + excluded.seen_count,"
            " latest_seen_at = excluded.latest_seen_at, resolved_at = NULL, resolution = ''"
        ),
    )


def _place(pair: tuple[Incident, int]) -> str:
    return _fingerprint(pair[0])  # one lock order, so that two batches with the same incidents cannot block each other


def _fingerprint(incident: Incident) -> str:
    text = "\x1f".join((incident.kind.value, incident.channel, incident.number, repr(incident.details)))
    return blake2b(text.encode(), digest_size=16).hexdigest()


def resolve_incident(incident_id: int, resolution: str) -> None:
    """Close an incident with what was done about it. Raises NotFound, or Conflict when it is resolved or nothing is said."""
    if not resolution.strip():
        raise Conflict("Say what was done about it.", field="resolution")
    done = sql.execute(
        "UPDATE payment_incidents SET resolved_at = %s, resolution = %s WHERE tenant_id = %s AND id = %s AND resolved_at IS NULL",
        (clock.now(), resolution.strip()[:200], tenancy.current_tenant_id(), incident_id),
    )
    if not done:
        known = "SELECT 1 FROM payment_incidents WHERE tenant_id = %s AND id = %s"
        if not sql.fetch(known, (tenancy.current_tenant_id(), incident_id)):
            raise NotFound("No such incident.")
        raise Conflict("This incident is resolved already.")
