"""Exactly-once delivery from the outbox: effect and cursor move in one transaction.

Reading order is (transaction id, event id), up to the snapshot's horizon: below it no transaction is still running, so a
late commit with a lower id can never be skipped. See docs/decisions for the reasoning.
"""

from __future__ import annotations

from itertools import count
from typing import Any

from django.db import InterfaceError, OperationalError, transaction

from banyan.kernel import clock, ids, sql, tenancy
from banyan.kernel.events.core import Event, Reaction, from_json, reactions
from banyan.kernel.values.errors import Conflict, NotFound, Refusal

HORIZON = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"


# Both statements probe the index (tenant, kind, commit order, id) once per kind, however many other events lie between.
_AWAITING = f"""
SELECT DISTINCT r.name FROM unnest(%s::text[], %s::text[]) AS r(name, kind)
LEFT JOIN reaction_cursors c ON c.tenant_id = %s AND c.reaction = r.name
WHERE EXISTS (
  SELECT 1 FROM outbox_events e WHERE e.tenant_id = %s AND e.kind = r.kind AND e.commit_order < {HORIZON}
    AND (e.commit_order, e.id) > (coalesce(c.commit_order, 0), coalesce(c.event_id, 0)))
"""
_NEXT_EVENTS = f"""
SELECT e.id, e.commit_order, e.kind, e.payload FROM unnest(%s::text[]) AS wanted(kind) CROSS JOIN LATERAL (
  SELECT id, commit_order, kind, payload FROM outbox_events
  WHERE tenant_id = %s AND kind = wanted.kind AND (commit_order, id) > (%s, %s) AND commit_order < {HORIZON}
  ORDER BY commit_order, id LIMIT %s) e
ORDER BY e.commit_order, e.id LIMIT %s
"""


def drain(tenant_id: int, *, queue: str | None = None, names: set[str] | None = None, rounds: int | None = None) -> int:
    """Deliver everything that is committed to every reaction of the tenant, until a round finds nothing.

    ``rounds`` ends it earlier, after so many batches of each reaction, so that one busy tenant cannot keep a worker.

    Returns the number of deliveries. Reactions whose cursor another process holds are left to it. ``queue`` and ``names``
    restrict which reactions run.
    """
    chosen = [r for r in reactions() if (queue is None or r.queue == queue) and (names is None or r.name in names)]
    total = 0
    for _ in count() if rounds is None else range(rounds):
        delivered = sum(_deliver_batch(tenant_id, r) for r in _awaiting(tenant_id, chosen))
        total += delivered
        if not delivered:
            break
    return total


def _awaiting(tenant_id: int, chosen: list[Reaction]) -> list[Reaction]:
    """Which reactions have something to hear: one reading transaction, so that idle reactions cost no write and no lock."""
    pairs = [(r.name, kind) for r in chosen for kind in r.kinds]
    if not pairs:
        return []
    with tenancy.enter(tenant_id, actor="drain"):
        rows = sql.fetch(_AWAITING, ([name for name, _ in pairs], [kind for _, kind in pairs], tenant_id, tenant_id))
    names = {name for (name,) in rows}
    return [r for r in chosen if r.name in names]


def _deliver_batch(tenant_id: int, reaction: Reaction) -> int:
    with tenancy.enter(tenant_id, actor=f"reaction:{reaction.name}"):
        cursor = _lock_cursor(reaction.name)
        if cursor is None:
            return 0
        rows = sql.fetch(_NEXT_EVENTS, (list(reaction.kinds), tenant_id, *cursor, reaction.batch, reaction.batch))
        if not rows:
            return 0
        _run(reaction, rows)
        sql.execute(
            "UPDATE reaction_cursors SET commit_order = %s, event_id = %s WHERE tenant_id = %s AND reaction = %s",
            (rows[-1][1], rows[-1][0], tenant_id, reaction.name),
        )
        return len(rows)


def _lock_cursor(name: str) -> tuple[int, int] | None:
    """The cursor, locked for this transaction; None when another process has it."""
    tenant_id = tenancy.current_tenant_id()
    query = "SELECT commit_order, event_id FROM reaction_cursors WHERE tenant_id = %s AND reaction = %s FOR UPDATE SKIP LOCKED"
    found = sql.fetch(query, (tenant_id, name))
    if not found:
        # Either it does not exist yet, or it is locked; the insert tells which without waiting for the holder's effect.
        exists = sql.fetch("SELECT 1 FROM reaction_cursors WHERE tenant_id = %s AND reaction = %s", (tenant_id, name))
        if exists:
            return None
        sql.execute(
            "INSERT INTO reaction_cursors (id, tenant_id, reaction, commit_order, event_id) VALUES (%s, %s, %s, 0, 0)"
            " ON CONFLICT DO NOTHING",
            (ids.next_id(), tenant_id, name),
        )
        found = sql.fetch(query, (tenant_id, name))
    return (found[0][0], found[0][1]) if found else None


def _run(reaction: Reaction, rows: list[tuple[Any, ...]]) -> None:
    """Run the batch; if it fails, one event at a time, setting aside those that fail alone."""
    try:
        with transaction.atomic():
            reaction.run([from_json(row[2], row[3]) for row in rows])
    except (OperationalError, InterfaceError):
        raise  # deadlock, lost connection: the whole batch is tried again, nothing is poisoned
    except Exception:  # whatever a reaction raises, the river must go on
        for row in rows:
            try:
                with transaction.atomic():
                    reaction.run([from_json(row[2], row[3])])
            except (OperationalError, InterfaceError):
                raise
            except Exception as error:
                _set_aside(reaction.name, row, error)


def _describe(error: Exception) -> str:
    """Type and, for our own refusals, the message: foreign messages may hold row values and are left out."""
    kind = type(error).__name__
    return f"{kind}: {error.code}: {error.message}"[:500] if isinstance(error, Refusal) else kind


def _set_aside(name: str, row: tuple[Any, ...], error: Exception) -> None:
    sql.execute(
        "INSERT INTO set_aside_events (id, tenant_id, reaction, event_id, kind, error, attempts, set_aside_at, resolution)"
        " VALUES (%s, %s, %s, %s, %s, %s, 1, %s, '')"
        " ON CONFLICT (tenant_id, reaction, event_id)"
        " DO UPDATE SET attempts = set_aside_events.attempts + 1, error = excluded.error",
        (ids.next_id(), tenancy.current_tenant_id(), name, row[0], row[2], _describe(error), clock.now()),
    )


def _open_set_aside(set_aside_id: int) -> tuple[str, int]:
    rows = sql.fetch(
        "SELECT reaction, event_id, resolved_at FROM set_aside_events WHERE tenant_id = %s AND id = %s FOR UPDATE",
        (tenancy.current_tenant_id(), set_aside_id),
    )
    if not rows:
        raise NotFound("No such event was set aside.")
    if rows[0][2] is not None:
        raise Conflict("This event is resolved already.")
    return rows[0][0], rows[0][1]


def _resolve(set_aside_id: int, resolution: str) -> None:
    sql.execute(
        "UPDATE set_aside_events SET resolved_at = %s, resolution = %s WHERE tenant_id = %s AND id = %s",
        (clock.now(), resolution, tenancy.current_tenant_id(), set_aside_id),
    )


def retry_set_aside(set_aside_id: int) -> bool:
    """Run the reaction for one set-aside event again. True and resolved on success, else the new error is kept.

    Raises NotFound, or Conflict when it is resolved already. Runs inside ``tenancy.enter``.
    """
    name, event_id = _open_set_aside(set_aside_id)
    found = [r for r in reactions() if r.name == name]
    if not found:
        raise Conflict(f"The reaction {name} no longer exists; dismiss the event with a reason.")
    row = sql.fetch(
        "SELECT id, commit_order, kind, payload FROM outbox_events WHERE tenant_id = %s AND id = %s",
        (tenancy.current_tenant_id(), event_id),
    )[0]
    try:
        with transaction.atomic():
            event: Event = from_json(row[2], row[3])
            found[0].run([event])
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        _set_aside(name, row, error)
        return False
    _resolve(set_aside_id, "retried")
    return True


def dismiss_set_aside(set_aside_id: int, reason: str) -> None:
    """Close a set-aside event without running it; the reason is kept. Raises NotFound or Conflict."""
    _open_set_aside(set_aside_id)
    _resolve(set_aside_id, f"dismissed: {reason}")
