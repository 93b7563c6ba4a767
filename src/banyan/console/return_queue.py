"""The return desk as lists need it: what waits for whom, the oldest first, and by when the law or the shop wants it done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from banyan.kernel import clock, sql, tenancy
from banyan.trade.returns import queries as returns

PAGE_SIZE = 50
ANSWER_DAYS = 15
"""A shop that does not answer a statutory return for so long is held to refuse it (侵害消费者权益行为处罚办法 第九条)."""
NO_GOODS = "r.mode NOT IN ('goods_back', 'exchange')"
TABS: Mapping[str, str] = {
    "requested": "r.status = 'requested'",
    "awaited": "r.status IN ('approved', 'sent') AND r.mode IN ('goods_back', 'exchange')",
    "ready": f"(r.status = 'received' OR (r.status = 'approved' AND {NO_GOODS}))",
    "failed": "r.status = 'refund_failed'",
    "hand_back": "r.status = 'rejected' AND r.received_at IS NOT NULL AND r.handed_back_at IS NULL",
    "done": "r.status IN ('accepted', 'refunded', 'exchanged')",
    "all": "true",
}


@dataclass(frozen=True)
class Waiting:
    """One return of the desk. `due_at`: by when something is to be done; None where nobody waits."""

    return_id: int
    order_id: int
    buyer_id: int
    status: str
    mode: str
    fault: str
    reason: str
    ruling: tuple[str, ...]
    currency: str
    refund_minor: int
    asked_minor: int
    pieces: int
    photo_count: int
    requested_at: datetime
    age_days: int
    due_at: datetime | None
    is_late: bool


_LIST = """
SELECT r.id, r.order_id, r.buyer_id, r.status, r.mode, r.fault, r.reason, r.ruling, r.currency, r.refund_minor, r.requested_at,
       r.received_at, r.send_back_by, l.amount, l.pieces, (SELECT count(*) FROM return_photos p
         WHERE p.tenant_id = r.tenant_id AND p.return_id = r.id)::bigint
FROM returns r JOIN LATERAL (SELECT coalesce(sum(amount_minor), 0)::bigint AS amount, coalesce(sum(quantity), 0)::bigint AS pieces
  FROM return_lines l WHERE l.tenant_id = r.tenant_id AND l.return_id = r.id) l ON true
WHERE r.tenant_id = %s AND {where} AND r.id > %s ORDER BY r.id LIMIT %s
"""


def list_waiting(tab: str, after_id: int = 0) -> tuple[list[Waiting], int | None]:
    """One page of a tab, the oldest first, and where the next one begins."""
    rows = sql.fetch(_LIST.format(where=TABS[tab]), (tenancy.current_tenant_id(), after_id, PAGE_SIZE + 1))
    now, law = clock.now(), returns.statutory_returns()
    refund_days = law[-1].refund_days if law else None
    shown = [_waiting(row, now, refund_days) for row in rows[:PAGE_SIZE]]
    return shown, shown[-1].return_id if len(rows) > PAGE_SIZE else None


def _waiting(row: Sequence[Any], now: datetime, refund_days: int | None) -> Waiting:
    (
        return_id, order_id, buyer_id, status, mode, fault, reason, ruling, currency, refund, requested_at, received_at,
        send_back_by, asked, pieces, photos,
    ) = row  # fmt: skip
    due = _due(status, requested_at, received_at, send_back_by, refund_days)
    return Waiting(
        return_id, order_id, buyer_id, status, mode, fault, reason, tuple(ruling), currency, refund, asked, pieces, photos,
        requested_at, (now - requested_at).days, due, due is not None and due < now,
    )  # fmt: skip


def count_tabs() -> dict[str, int]:
    """How many returns each tab has where somebody is to do something."""
    counted = [tab for tab in TABS if tab not in ("done", "all")]
    columns = ", ".join(f"(count(*) FILTER (WHERE {TABS[tab]}))::bigint" for tab in counted)
    (row,) = sql.fetch(f"SELECT {columns} FROM returns r WHERE r.tenant_id = %s", (tenancy.current_tenant_id(),))
    return dict(zip(counted, row, strict=True))


def _due(
    status: str, requested_at: datetime, received_at: datetime | None, send_back_by: datetime | None, refund_days: int | None
) -> datetime | None:
    if status == "requested":
        return requested_at + timedelta(days=ANSWER_DAYS)
    if status == "received" and received_at is not None and refund_days is not None:
        return received_at + timedelta(days=refund_days)
    return send_back_by if status == "approved" else None
