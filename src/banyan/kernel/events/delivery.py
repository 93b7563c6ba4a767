"""Exactly-once delivery from the outbox: effect and cursor move in one transaction.

Reading order is (transaction id, event id), up to the snapshot's horizon: below it no transaction is still running, so a
late commit with a lower id can never be skipped. See docs/decisions for the reasoning.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any, TypeVar, cast

from django.db import InterfaceError, OperationalError, connections, transaction

from banyan.kernel import clock, ids, sql, tenancy
from banyan.kernel.events.core import Event, Reaction, from_json, reactions
from banyan.kernel.tenancy import context
from banyan.kernel.values.errors import Conflict, NotFound, Refusal
from banyan.kernel.values.filled import Filled

E = TypeVar("E", bound=Event)
HORIZON = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
LANE = "CASE WHEN {lane} = 0 THEN '' ELSE '#' || {lane} END"
"""What a cursor's name has behind the reaction's: nothing in the first lane."""


# Both statements probe the index (tenant, kind, commit order, id) once per kind, however many other events lie between.
_AWAITING = f"""
SELECT DISTINCT r.name FROM (
  SELECT w.name, w.kind, w.lane, w.lanes, coalesce(c.commit_order, 0) AS commit_order, coalesce(c.event_id, 0) AS event_id
  FROM unnest(%s::text[], %s::text[], %s::int[], %s::int[]) AS w(name, kind, lane, lanes)
  LEFT JOIN reaction_cursors c ON c.tenant_id = %s AND c.reaction = w.name || {LANE.format(lane="w.lane")} OFFSET 0
) r CROSS JOIN LATERAL (
  SELECT 1 FROM outbox_events e
  WHERE e.tenant_id = %s AND e.kind = r.kind AND (e.commit_order, e.id) > (r.commit_order, r.event_id)
    AND e.commit_order < {HORIZON} AND e.id %% r.lanes = r.lane
  ORDER BY e.commit_order, e.id LIMIT 1) e
"""
_NEXT_EVENTS = f"""
SELECT e.id, e.commit_order, e.kind, e.payload FROM unnest(%s::text[]) AS wanted(kind) CROSS JOIN LATERAL (
  SELECT id, commit_order, kind, payload FROM outbox_events
  WHERE tenant_id = %s AND kind = wanted.kind AND (commit_order, id) > (%s, %s) AND commit_order < {HORIZON}
    AND id %% %s = %s
  ORDER BY commit_order, id LIMIT %s) e
ORDER BY e.commit_order, e.id LIMIT %s
"""


MANY_ROUNDS = 1_000_000


def drain(tenant_id: int, *, queue: str | None = None, names: set[str] | None = None, rounds: int | None = None) -> int:
    """Deliver everything below the horizon to every reaction of the tenant, until a round finds nothing.

    A transaction that still runs anywhere in the cluster, also of another database, holds back what was committed after it began
    to write: that comes with a later call.

    ``rounds`` ends it earlier, after so many batches of each reaction, so that one busy tenant cannot keep a worker.

    Returns the number of deliveries. Reactions whose cursor another process holds are left to it. ``queue`` and ``names``
    restrict which reactions run.
    """
    chosen = [r for r in reactions() if (queue is None or r.queue == queue) and (names is None or r.name in names)]
    total = 0
    for _ in count() if rounds is None else range(rounds):
        delivered = sum(_deliver(tenant_id, r, rounds or MANY_ROUNDS) for r in _awaiting(tenant_id, chosen))
        total += delivered
        if not delivered:
            break
    return total


def _awaiting(tenant_id: int, chosen: list[Reaction]) -> list[Reaction]:
    """Which reactions have something to hear: one reading transaction, so that idle reactions cost no write and no lock."""
    asked = [(r.name, kind, lane, r.lanes) for r in chosen for kind in r.kinds for lane in range(r.lanes)]
    if not asked:
        return []
    with tenancy.enter(tenant_id, actor="drain"):
        rows = sql.fetch(_AWAITING, (*map(list, zip(*asked, strict=True)), tenant_id, tenant_id))
    names = {name for (name,) in rows}
    return [r for r in chosen if r.name in names]


def _deliver(tenant_id: int, reaction: Reaction, rounds: int) -> int:
    """One batch of each lane; when there is more, the lanes go on side by side, for at most so many rounds."""
    delivered = [_deliver_batch(tenant_id, reaction, lane) for lane in range(reaction.lanes)]
    if reaction.lanes == 1 or min(delivered) < reaction.batch or rounds < 2:
        return sum(delivered)
    with ThreadPoolExecutor(reaction.lanes, thread_name_prefix=reaction.name) as pool:
        lanes = [pool.submit(_run_lane, tenant_id, reaction, lane, rounds - 1) for lane in range(reaction.lanes)]
    return sum(delivered) + sum(lane.result() for lane in lanes)


def _run_lane(tenant_id: int, reaction: Reaction, lane: int, rounds: int) -> int:
    total = 0
    try:
        for _ in range(rounds):
            delivered = _deliver_batch(tenant_id, reaction, lane)
            total += delivered
            if delivered < reaction.batch:
                break
    finally:
        connections[context.alias()].close()  # this thread's own
    return total


def _deliver_batch(tenant_id: int, reaction: Reaction, lane: int) -> int:
    with tenancy.enter(tenant_id, actor=f"reaction:{reaction.name}"):
        cursor = _lock_cursor(reaction, lane)
        if cursor is None:
            return 0
        rows = sql.fetch(
            _NEXT_EVENTS, (list(reaction.kinds), tenant_id, *cursor, reaction.lanes, lane, reaction.batch, reaction.batch)
        )
        if not rows:
            return 0
        _run(reaction, rows)
        sql.execute(
            "UPDATE reaction_cursors SET commit_order = %s, event_id = %s WHERE tenant_id = %s AND reaction = %s",
            (rows[-1][1], rows[-1][0], tenant_id, _cursor_name(reaction, lane)),
        )
        return len(rows)


def _cursor_name(reaction: Reaction, lane: int) -> str:
    return f"{reaction.name}#{lane}" if lane else reaction.name


def _lock_cursor(reaction: Reaction, lane: int) -> tuple[int, int] | None:
    """The cursor, locked for this transaction; None when another process has it."""
    name = _cursor_name(reaction, lane)
    tenant_id = tenancy.current_tenant_id()
    query = "SELECT commit_order, event_id FROM reaction_cursors WHERE tenant_id = %s AND reaction = %s FOR UPDATE SKIP LOCKED"
    found = sql.fetch(query, (tenant_id, name))
    if not found:
        # Either it does not exist yet, or it is locked; the insert tells which without waiting for the holder's effect.
        exists = sql.fetch("SELECT 1 FROM reaction_cursors WHERE tenant_id = %s AND reaction = %s", (tenant_id, name))
        if exists:
            return None
        _begin_cursors(reaction)
        found = sql.fetch(query, (tenant_id, name))
    return (found[0][0], found[0][1]) if found else None


def _begin_cursors(reaction: Reaction) -> None:
    """Cursors of all lanes at once: at the beginning, or, for a lane that was added later, where the slowest of the others is."""
    tenant_id = tenancy.current_tenant_id()
    names = [_cursor_name(reaction, lane) for lane in range(reaction.lanes)]
    sql.execute(
        "INSERT INTO reaction_cursors (id, tenant_id, reaction, commit_order, event_id)"
        " SELECT n.id, %s, n.name, coalesce(s.commit_order, 0), coalesce(s.event_id, 0)"
        " FROM unnest(%s::bigint[], %s::text[]) AS n(id, name) LEFT JOIN ("
        "  SELECT commit_order, event_id FROM reaction_cursors WHERE tenant_id = %s AND reaction = ANY(%s::text[])"
        "  ORDER BY commit_order, event_id LIMIT 1) s ON true"
        " ON CONFLICT DO NOTHING",
        (tenant_id, list(ids.next_ids(len(names))), names, tenant_id, names),
    )


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


def unheard(reaction: str, *kinds: type[E]) -> list[E]:
    """Events of these kinds that the reaction was not told yet, or that it could not take and that are still set aside.

    For checks that compare what two houses say: between a fact and its reaction the two differ, and nothing is wrong. In no
    particular order. What was dismissed counts as heard: its effect is missing for good.
    """
    lanes = next((r.lanes for r in reactions() if r.name == reaction), 1)
    rows = sql.fetch(
        "SELECT e.kind, e.payload FROM outbox_events e LEFT JOIN reaction_cursors c"
        f"  ON c.tenant_id = e.tenant_id AND c.reaction = %s || {LANE.format(lane='(e.id %% %s)')}"
        " WHERE e.tenant_id = %s AND e.kind = ANY(%s::text[])"
        "  AND (e.commit_order, e.id) > (coalesce(c.commit_order, 0), coalesce(c.event_id, 0))"
        " UNION ALL SELECT e.kind, e.payload FROM set_aside_events s"
        "  JOIN outbox_events e ON e.tenant_id = s.tenant_id AND e.id = s.event_id AND e.kind = ANY(%s::text[])"
        " WHERE s.tenant_id = %s AND s.reaction = %s AND s.resolved_at IS NULL",
        (
            reaction,
            lanes,
            lanes,
            tenancy.current_tenant_id(),
            [kind.kind for kind in kinds],
            [kind.kind for kind in kinds],
            tenancy.current_tenant_id(),
            reaction,
        ),
    )
    return [cast(E, from_json(kind, payload)) for kind, payload in rows]


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
        raise Conflict(Filled("The reaction {name} no longer exists; dismiss the event with a reason.", name=name))
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
