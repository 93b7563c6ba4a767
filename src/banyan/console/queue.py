"""The review queue as lists need it: filters, three orders, keyset pages, totals of what the filters leave."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from banyan.kernel import sql, tenancy

PAGE_SIZE = 100
STATES = {
    "waiting": ("under_review", "awaiting_second"),
    "second": ("awaiting_second",),
    "held": ("held",),
    "open": ("under_review", "awaiting_second", "held"),
}
ORDERS = {
    # The columns of the order and whether each descends; the id makes it total.
    "priority": (("tier_rank", False), ("opened_at", False), ("id", False)),
    "amount": (("amount_minor", True), ("id", True)),
    "oldest": (("opened_at", False), ("id", False)),
}


@dataclass(frozen=True)
class Wanted:
    """What the reviewer asked for. Amounts in minor units; None means no bound."""

    state: str = "waiting"
    order: str = "priority"
    tier: str = ""
    from_minor: int | None = None
    to_minor: int | None = None
    distributor_id: int | None = None


@dataclass(frozen=True)
class Waiting:
    """One statement of the queue."""

    statement_id: int
    distributor_id: int
    period_from: datetime
    period_to: datetime
    currency: str
    amount_minor: int
    line_count: int
    tier: str
    tier_rank: int
    status: str
    reason: str
    opened_at: datetime
    first_approver_id: int | None


_COLUMNS = (
    "id, distributor_id, period_from, period_to, currency, amount_minor, line_count, tier, tier_rank, status, reason, opened_at,"
    " first_approver_id"
)


def list_waiting(wanted: Wanted, cursor: str, count: int = PAGE_SIZE) -> tuple[list[Waiting], str]:
    """One page in the asked order and the cursor of the next ("" at the end). A cursor that is not ours starts anew."""
    condition, params = _condition(wanted)
    order = ORDERS[wanted.order]
    after = _decode(cursor, len(order))
    if after is not None:
        descending = order[0][1]
        names, marks = ", ".join(name for name, _down in order), ", ".join(_mark(name) for name, _down in order)
        condition += f" AND ({names}) {'<' if descending else '>'} ({marks})"
        params = [*params, *after]
    by = ", ".join(f"{name} DESC" if down else name for name, down in order)
    rows = sql.fetch(
        f"SELECT {_COLUMNS} FROM settlement_statements WHERE {condition} ORDER BY {by} LIMIT %s", (*params, count + 1)
    )
    found = [Waiting(*row) for row in rows]
    shown = found[:count]
    return shown, _encode(shown[-1], wanted.order) if len(found) > count else ""


def list_ids(wanted: Wanted, most: int) -> list[tuple[int, int]]:
    """(statement id, amount) of everything that the filters leave, at most `most`."""
    condition, params = _condition(wanted)
    rows = sql.fetch(
        f"SELECT id, amount_minor FROM settlement_statements WHERE {condition} ORDER BY id LIMIT %s", (*params, most)
    )
    return [(int(key), int(amount)) for key, amount in rows]


def total(wanted: Wanted) -> tuple[int, int]:
    """How many and how much the filters leave."""
    condition, params = _condition(wanted)
    rows = sql.fetch(f"SELECT count(*), coalesce(sum(amount_minor), 0) FROM settlement_statements WHERE {condition}", params)
    return int(rows[0][0]), int(rows[0][1])


def _condition(wanted: Wanted) -> tuple[str, list[Any]]:
    condition, params = "tenant_id = %s AND status = ANY(%s::text[])", [tenancy.current_tenant_id(), list(STATES[wanted.state])]
    for clause, value in (
        ("tier = %s", wanted.tier or None),
        ("amount_minor >= %s", wanted.from_minor),
        ("amount_minor <= %s", wanted.to_minor),
        ("distributor_id = %s", wanted.distributor_id),
    ):
        if value is not None:
            condition += f" AND {clause}"
            params.append(value)
    return condition, params


def _mark(name: str) -> str:
    return "%s::timestamptz" if name.endswith("_at") else "%s::bigint"


def _encode(row: Waiting, order: str) -> str:
    values = {"tier_rank": row.tier_rank, "opened_at": row.opened_at.isoformat(), "amount_minor": row.amount_minor,
              "id": row.statement_id}  # fmt: skip
    text = json.dumps([values[name] for name, _down in ORDERS[order]])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str, length: int) -> list[Any] | None:
    if not cursor:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        return None
    if not isinstance(found, list) or len(found) != length:
        return None
    checked: list[Any] = []
    for value in found:
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**62:
            checked.append(value)
        elif isinstance(value, str):
            try:
                checked.append(datetime.fromisoformat(value))
            except ValueError:
                return None
        else:
            return None
    return checked
