"""Binding consumers to distributors, and releasing them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from banyan.kernel import events, ids, sql, tenancy
from banyan.kernel.values.errors import Conflict, Invalid, Refusal
from banyan.kernel.values.filled import Filled
from banyan.people.distributors import queries as distributors
from banyan.people.distributors.types import DistributorId
from banyan.people.identity import queries as identity
from banyan.people.identity.types import UserId
from banyan.people.network.commands.locks import lock_consumers
from banyan.people.network.engine.binding import Decision, Held, TouchOutOfOrder, decide
from banyan.people.network.events import ConsumerBound, ConsumerUnbound
from banyan.people.network.models import BindingRow, BindingSettingsRow
from banyan.people.network.queries import get_binding_settings
from banyan.people.network.types import BindingSettings, BindOutcome, BindRequest, UnbindOutcome

DAYS_MAX = 36_500


class NotBound(Conflict):
    """The consumer belongs to nobody at that time."""

    code = "not_bound"
    advice = "Nothing to release; look at the consumer's bindings."


@dataclass
class _Row:
    """A binding row within one batch: read or new, perhaps changed."""

    id: int
    consumer_id: UserId
    held: Held
    source: str = ""
    is_new: bool = False
    changed: bool = False
    ended_reason: str = ""


def bind(requests: Sequence[BindRequest]) -> list[BindOutcome]:
    """Decide touches in the order given, by the tenant's rules; one outcome each. All in a few set-based statements.

    Refusals: UnknownConsumer, SelfBinding, UnknownDistributor, DistributorNotActive, Protected, OnlyAtSignUp,
    TouchOutOfOrder (a touch older than what is known loses).
    """
    if not requests:
        return []
    consumers = list({request.consumer_id for request in requests})
    lock_consumers(consumers)
    settings = get_binding_settings()
    known = identity.find_active_ids(consumers)
    selves = distributors.find_by_users(consumers)
    standings = distributors.standings_at_each([(request.distributor_id, request.at) for request in requests])
    newest = _newest(consumers)
    rows, outcomes = list(newest.values()), []
    for request, standing in zip(requests, standings, strict=True):
        consumer_id, present = request.consumer_id, newest.get(request.consumer_id)
        held = present.held if present else None
        decision = decide(settings, request, held, standing, selves.get(consumer_id), consumer_id in known)
        opened = _apply(decision, request, present)
        if opened is not None:
            newest[consumer_id] = opened
            rows.append(opened)
        outcomes.append(BindOutcome(consumer_id, request.distributor_id, decision.result, decision.refusal))
    _write(rows)
    events.record(
        [ConsumerBound(row.consumer_id, row.held.distributor_id, row.source, row.held.valid_from) for row in rows if row.is_new]
    )
    return outcomes


def _newest(consumers: list[UserId]) -> dict[UserId, _Row]:
    rows = sql.fetch(
        "SELECT DISTINCT ON (consumer_id) id, consumer_id, distributor_id, valid_from, valid_to, expires_at FROM network_bindings"
        " WHERE tenant_id = %s AND consumer_id = ANY(%s) ORDER BY consumer_id, valid_from DESC",
        (tenancy.current_tenant_id(), consumers),
    )
    return {UserId(row[1]): _Row(row[0], UserId(row[1]), Held(*row[2:])) for row in rows}


def _apply(decision: Decision, request: BindRequest, present: _Row | None) -> _Row | None:
    """Change the present row as decided; return the row to open, if any."""
    if present is not None and decision.close_at is not None:
        present.held, present.changed = replace(present.held, valid_to=decision.close_at), True
        present.ended_reason = decision.close_reason
    if present is not None and decision.renewed is not None:
        present.held, present.changed = decision.renewed, True
    if decision.opened is None:
        return None
    return _Row(ids.next_id(), request.consumer_id, decision.opened, request.source.value, is_new=True)


def _write(rows: Sequence[_Row]) -> None:
    """Ends before beginnings, so that the constraint against overlap holds within the transaction too."""
    changed = [row for row in rows if row.changed and not row.is_new]
    if changed:
        sql.execute(
            "UPDATE network_bindings b SET valid_to = c.valid_to, expires_at = c.expires_at, ended_reason = c.reason"
            " FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::text[]) AS c(id, valid_to, expires_at, reason)"
            " WHERE b.tenant_id = %s AND b.id = c.id",
            (
                [row.id for row in changed],
                [row.held.valid_to for row in changed],
                [row.held.expires_at for row in changed],
                [row.ended_reason for row in changed],
                tenancy.current_tenant_id(),
            ),
        )
    columns = ("id", "consumer_id", "distributor_id", "source", "valid_from", "valid_to", "expires_at", "ended_reason")
    sql.insert(
        BindingRow,
        columns,
        [
            (
                row.id, row.consumer_id, row.held.distributor_id, row.source, row.held.valid_from, row.held.valid_to,
                row.held.expires_at, row.ended_reason,
            )
            for row in rows
            if row.is_new
        ],
    )  # fmt: skip


def unbind(consumer_ids: Sequence[UserId], at: datetime, reason: str) -> list[UnbindOutcome]:
    """Release consumers from ``at`` on; one outcome each, in order. History is kept.

    Refusals: NotBound, TouchOutOfOrder (``at`` is not after the beginning of the binding). Raises Invalid without a reason.
    """
    if not 1 <= len(reason.strip()) <= 200 or "\x00" in reason:
        raise Invalid("Give the reason for the release in 1 to 200 characters.", field="reason")
    lock_consumers(consumer_ids)
    newest, outcomes, ended = _newest(list(set(consumer_ids))), [], []
    for consumer_id in consumer_ids:
        row = newest.get(consumer_id)
        refusal: Refusal | None = None
        if row is None or row.held.valid_to is not None or (row.held.ends_at is not None and row.held.ends_at <= at):
            refusal = NotBound("This consumer belongs to nobody at that time.")
        elif at <= row.held.valid_from:
            refusal = TouchOutOfOrder("The binding began later.", since=row.held.valid_from.isoformat())
        else:
            row.held, row.changed, row.ended_reason = replace(row.held, valid_to=at), True, reason.strip()
            ended.append(row)
        outcomes.append(UnbindOutcome(consumer_id, refusal))
    _write(ended)
    events.record([ConsumerUnbound(row.consumer_id, DistributorId(row.held.distributor_id), at) for row in ended])
    return outcomes


def set_binding_settings(settings: BindingSettings) -> None:
    """Store the tenant's rules of binding; they count for touches from now on and leave present bindings alone.

    Raises Invalid unless protect_days is 0 to 36,500 and validity_days 1 to 36,500 (None: for ever).
    """
    if settings.protect_days is not None and not 0 <= settings.protect_days <= DAYS_MAX:
        raise Invalid(Filled("The protect period is 0 to {most} days.", most=DAYS_MAX), field="protect_days")
    if settings.validity_days is not None and not 1 <= settings.validity_days <= DAYS_MAX:
        raise Invalid(Filled("The validity is 1 to {most} days.", most=DAYS_MAX), field="validity_days")
    sql.insert(
        BindingSettingsRow,
        ("id", "mode", "protect_days", "validity_days"),
        [(ids.next_id(), settings.mode.value, settings.protect_days, settings.validity_days)],
        on_conflict="ON CONFLICT (tenant_id) DO UPDATE SET mode = excluded.mode, protect_days = excluded.protect_days,"
        " validity_days = excluded.validity_days",
    )
