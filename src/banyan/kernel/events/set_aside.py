"""Reads of the events that a reaction could not take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from banyan.kernel import sql, tenancy
from banyan.kernel.values.errors import NotFound

_COLUMNS = "id, reaction, event_id, kind, error, attempts, set_aside_at, resolved_at, resolution"


@dataclass(frozen=True)
class SetAside:
    """One event that one reaction could not take; open while ``resolved_at`` is None."""

    id: int
    reaction: str
    event_id: int
    kind: str
    error: str
    attempts: int
    set_aside_at: datetime
    resolved_at: datetime | None
    resolution: str


def list_set_aside(
    before_id: int | None, count: int, *, open_only: bool = True, reaction: str | None = None
) -> Sequence[SetAside]:
    """Newest first, at most ``count``, with id below ``before_id``; of one reaction if asked."""
    conditions, values = ["tenant_id = %s"], [tenancy.current_tenant_id()]  # type: tuple[list[str], list[object]]
    if open_only:
        conditions.append("resolved_at IS NULL")
    if reaction is not None:
        conditions.append("reaction = %s")
        values.append(reaction)
    if before_id is not None:
        conditions.append("id < %s")
        values.append(before_id)
    rows = sql.fetch(
        f"SELECT {_COLUMNS} FROM set_aside_events WHERE {' AND '.join(conditions)} ORDER BY id DESC LIMIT %s", (*values, count)
    )
    return [SetAside(*row) for row in rows]


def get_set_aside(set_aside_id: int) -> SetAside:
    """One of them; raises NotFound."""
    rows = sql.fetch(
        f"SELECT {_COLUMNS} FROM set_aside_events WHERE tenant_id = %s AND id = %s", (tenancy.current_tenant_id(), set_aside_id)
    )
    if not rows:
        raise NotFound("No such event was set aside.")
    return SetAside(*rows[0])
