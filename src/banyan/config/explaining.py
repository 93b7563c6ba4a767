"""What stands behind a public id, and the chain both ways: from where it came and what came of it.

Every kind names the rows it comes from and the rows that come of it; the chain is walked from there. Numbers are read
from the houses' tables; why a commission is what it is, the commission house says itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from django.db import connections

from banyan.earnings.commission import queries as commission
from banyan.kernel import ids, sql, tenancy
from banyan.kernel.values.errors import NotFound

SHOWN = 40
"""Neighbors of one kind that are shown; the rest are counted."""


class UnknownId(NotFound):
    """No row bears this id, or nothing can be explained about its kind."""

    code = "unknown_id"
    advice = (
        "Give the id of a commission (cms_), reversal (crv_), entry (ent_), order (ord_), return (ret_), payment (pay_), "
        "refund (rfd_), statement (stm_), payout (pyo_) or a period's closing (clg_)."
    )


@dataclass(frozen=True)
class Kind:
    """One kind of thing: where its row lies, which columns tell about it, and its neighbors as SQL over (tenant, id).

    A neighbor query answers (prefix, id) pairs in order.
    """

    name: str
    table: str
    columns: tuple[str, ...]
    came_from: str = ""
    led_to: str = ""


_LINE_SOURCES = "CASE l.source_kind WHEN 'commission_released' THEN 'cms' WHEN 'commission_reversed' THEN 'crv' ELSE 'stm' END"
_OWN_SOURCE = "l.source_kind IN ('commission_released', 'commission_reversed')"
_ENTRIES = "SELECT 'ent', id FROM ledger_entries WHERE tenant_id = %(t)s AND reference_kind = '{}' AND reference_id = {} "
_STATED = "SELECT 'stm', statement_id FROM settlement_lines WHERE tenant_id = %(t)s AND stands AND source_kind "
_DECIDED_BY = (
    "SELECT CASE WHEN a.is_closing THEN 'clg' ELSE 'ord' END, CASE WHEN a.is_closing THEN c.line_id ELSE c.order_id END"
    " FROM commission_commissions c JOIN commission_accruals a ON a.tenant_id = c.tenant_id AND a.id = c.order_id"
    " WHERE c.tenant_id = %(t)s AND c.id = %(i)s"
)
"""A period's reward has its period's first closing where others have their order, and the closing that added it as its line."""
_FIRST_CLOSING = "(SELECT coalesce(first_id, id) FROM commission_closings WHERE tenant_id = %(t)s AND id = %(i)s)"
_RETURN_OF = "(SELECT order_id FROM {} WHERE tenant_id = %(t)s AND id = %(i)s)"
_COLUMN_KINDS = {
    "order_id": "ord", "payee_id": "dst", "distributor_id": "dst", "buyer_id": "usr", "commission_id": "cms",
    "statement_id": "stm", "payout_id": "pyo", "payment_id": "pay", "line_id": "oln", "plan_version_id": "plv",
    "refund_id": "rfd", "closing_id": "clg",
}  # fmt: skip


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _one(prefix: str, column: str, table: str) -> str:
    return f"SELECT '{prefix}', {column} FROM {table} WHERE tenant_id = %(t)s AND id = %(i)s"


def _many(prefix: str, table: str, condition: str) -> str:
    return f"SELECT '{prefix}', id FROM {table} WHERE tenant_id = %(t)s AND {condition}"


def _all(*queries: str) -> str:
    return " UNION ALL ".join(queries)


KINDS: dict[str, Kind] = {
    "pay": Kind(
        "payment",
        "payments_payments",
        _names("order_id channel state amount_minor refunded_minor currency out_trade_no transaction_id captured_at"),
        led_to=_all(
            _one("ord", "order_id", "payments_payments"),
            _many("rfd", "payments_refunds", "payment_id = %(i)s"),
            _ENTRIES.format("payment", "%(i)s"),
        ),
    ),
    "ord": Kind(
        "order",
        "orders_orders",
        _names("number buyer_id state total_minor currency placed_at paid_at shipped_at received_at closed_at"),
        came_from=_many("pay", "payments_payments", "order_id = %(i)s"),
        led_to=_all(
            _many("cms", "commission_commissions", "order_id = %(i)s"),
            _ENTRIES.format("commission_accrual", "%(i)s"),
            _many("ret", "returns", "order_id = %(i)s"),
        ),
    ),
    "cms": Kind(
        "commission",
        "commission_commissions",
        _names("payee_id order_id line_id rule_key kind depth base_minor rate_bp amount_minor"),
        came_from=_DECIDED_BY,
        led_to=_all(
            _ENTRIES.format("commission_accrual", _RETURN_OF.format("commission_commissions")),
            _many("crv", "commission_reversals", "commission_id = %(i)s"),
            _STATED + "= 'commission_released' AND source_id = %(i)s",
        ),
    ),
    "crv": Kind(
        "commission reversal",
        "commission_reversals",
        _names("commission_id payee_id order_id cause amount_minor from_pending_minor from_available_minor occurred_at"),
        came_from=_all(
            _one("cms", "commission_id", "commission_reversals"),
            _one("ret", "cause_id", "commission_reversals") + " AND cause = 'return'",
            _one("clg", "cause_id", "commission_reversals") + " AND cause = 'true_up'",
        ),
        led_to=_STATED + "= 'commission_reversed' AND source_id = %(i)s",
    ),
    "clg": Kind(
        "closing",
        "commission_closings",
        _names(
            "plan_version_id period start_at end_at closed_at order_count reward_minor raised_minor lowered_minor currency"
            " is_final"
        ),
        came_from=_one("clg", "first_id", "commission_closings") + " AND first_id IS NOT NULL",
        led_to=_all(
            _many("cms", "commission_commissions", f"order_id = {_FIRST_CLOSING} AND line_id = %(i)s"),
            _many("crv", "commission_reversals", f"order_id = {_FIRST_CLOSING} AND cause = 'true_up' AND cause_id = %(i)s"),
            _ENTRIES.format("commission_accrual", _FIRST_CLOSING),
        ),
    ),
    "ret": Kind(
        "return",
        "returns",
        _names("order_id status mode refund_minor freight_minor currency requested_at accepted_at refunded_at"),
        came_from=_one("ord", "order_id", "returns"),
        led_to=_all(
            _many("crv", "commission_reversals", "cause = 'return' AND cause_id = %(i)s"),
            _many("rfd", "payments_refunds", "key ~ ('^returns?/' || %(i)s::bigint || '(/[0-9]+){0,2}$')"),
        ),
    ),
    "rfd": Kind(
        "refund",
        "payments_refunds",
        _names("order_id payment_id state amount_minor currency out_refund_no reference requested_at completed_at"),
        came_from=_all(
            _one("pay", "payment_id", "payments_refunds"),
            "SELECT 'ret', split_part(key, '/', 2)::bigint FROM payments_refunds"
            " WHERE tenant_id = %(t)s AND id = %(i)s AND key ~ '^returns?/[0-9]+(/[0-9]+){0,2}$'",
        ),
        led_to=_ENTRIES.format("refund", "%(i)s"),
    ),
    "stm": Kind(
        "statement",
        "settlement_statements",
        _names("distributor_id status amount_minor line_count currency period_from period_to tier approved_at paid_at"),
        came_from=f"SELECT {_LINE_SOURCES}, CASE WHEN {_OWN_SOURCE} THEN l.source_id ELSE l.cause_id END"
        " FROM settlement_lines l WHERE l.tenant_id = %(t)s AND l.statement_id = %(i)s ORDER BY l.id",
        led_to=_all(
            _many("pyo", "payouts_payouts", "statement_id = %(i)s"),
            _ENTRIES.format("statement", "%(i)s"),
            _STATED + "IN ('carried', 'returned') AND cause_id = %(i)s",
        ),
    ),
    "pyo": Kind(
        "payout",
        "payouts_payouts",
        _names("distributor_id statement_id channel state amount_minor currency out_bill_no reference submitted_at ended_at"),
        came_from=_one("stm", "statement_id", "payouts_payouts") + " AND statement_id > 0",
        led_to=_ENTRIES.format("payout", "%(i)s"),
    ),
    "ent": Kind("entry", "ledger_entries", _names("kind reference_kind reference_id currency occurred_at posted_at key")),
}
_REFERENCES = {"payment": "pay", "refund": "rfd", "commission_accrual": "ord", "statement": "stm", "payout": "pyo"}


@dataclass
class Explained:
    """One thing with its chain. ``came_from`` and ``led_to`` hold (id, one line about it), nearest first."""

    id: str
    kind: str
    tenant: str
    facts: dict[str, Any]
    words: list[str] = field(default_factory=list)
    came_from: list[tuple[str, str]] = field(default_factory=list)
    led_to: list[tuple[str, str]] = field(default_factory=list)


def explain(public_id: str) -> Explained:
    """Find the row of any tenant and tell everything about it: for whoever holds the machine. Raises UnknownId."""
    kind, identity = _named(public_id)
    with connections["owner"].cursor() as cursor:  # an id does not tell its tenant, so the owner looks for it
        cursor.execute(f'SELECT tenant_id FROM "{kind.table}" WHERE id = %s', (identity,))
        row = cursor.fetchone()
    if row is None:
        raise UnknownId(f"There is no {kind.name} {public_id}.")
    with tenancy.enter(int(row[0]), actor="explain"):
        return explain_here(public_id)


def explain_here(public_id: str, seen: Collection[str] = KINDS) -> Explained:
    """Tell everything about a row of the entered tenant; its chain holds only the kinds in ``seen``. Raises UnknownId."""
    kind, identity = _named(public_id)
    prefix, tenant_id = public_id.partition("_")[0], tenancy.current_tenant_id()
    if not sql.fetch(f'SELECT 1 FROM "{kind.table}" WHERE tenant_id = %s AND id = %s', (tenant_id, identity)):
        raise UnknownId(f"There is no {kind.name} {public_id}.")
    told = Explained(public_id, kind.name, tenancy.get_tenant(tenant_id).slug, _facts(kind, identity))
    told.words = _words(prefix, identity)
    told.came_from = _chain(prefix, identity, _came_from, seen)
    told.led_to = _chain(prefix, identity, _led_to, seen)
    return told


def _named(public_id: str) -> tuple[Kind, int]:
    prefix = public_id.partition("_")[0]
    kind = KINDS.get(prefix)
    if kind is None:
        raise UnknownId(f"{public_id} is no id that can be explained.")
    return kind, ids.parse(prefix, public_id)


def _facts(kind: Kind, identity: int) -> dict[str, Any]:
    (row,) = sql.fetch(
        f'SELECT {", ".join(kind.columns)} FROM "{kind.table}" WHERE tenant_id = %s AND id = %s',
        (tenancy.current_tenant_id(), identity),
    )
    facts: dict[str, Any] = {}
    for column, value in _own_names(kind, row).items():
        if value in (None, ""):
            continue
        prefix = _COLUMN_KINDS.get(column)
        facts[column] = (
            ids.public(prefix, value) if prefix and value else value.isoformat() if hasattr(value, "isoformat") else value
        )
    if kind.name == "entry":
        facts["reference_id"] = ids.public(_reference(facts["reference_kind"], row[2]) or "ref", row[2])
    return facts


def _own_names(kind: Kind, row: tuple[Any, ...]) -> dict[str, Any]:
    """A row's values by column; what a period pays has a closing and neither an order nor a line of one."""
    named = dict(zip(kind.columns, row, strict=True))
    if kind.name in ("commission", "commission reversal") and _is_closing(named["order_id"]):
        first_id = named.pop("order_id")
        named["closing_id"] = named.pop("line_id", first_id)
    return named


def _is_closing(identity: int) -> bool:
    return bool(
        sql.fetch("SELECT 1 FROM commission_closings WHERE tenant_id = %s AND id = %s", (tenancy.current_tenant_id(), identity))
    )


def _reference(kind: str, identity: int) -> str | None:
    """The prefix of what an entry is about: a period's commission is booked under its first closing's number."""
    return "clg" if kind == "commission_accrual" and _is_closing(identity) else _REFERENCES.get(kind)


def _words(prefix: str, identity: int) -> list[str]:
    if prefix == "cms":
        return list(commission.explain(identity).words)
    if prefix == "ent":
        rows = sql.fetch(
            "SELECT a.kind, a.owner_id, p.amount_minor FROM ledger_postings p JOIN ledger_accounts a ON a.id = p.account_id"
            " WHERE p.tenant_id = %s AND p.entry_id = %s ORDER BY p.amount_minor DESC, p.id",
            (tenancy.current_tenant_id(), identity),
        )
        return [
            f"{'debit' if amount > 0 else 'credit'} {kind}{' of ' + ids.public('dst', owner) if owner else ''} {abs(amount)}"
            for kind, owner, amount in rows
        ]
    return []


Neighbors = Callable[[str, int], list[tuple[str, int]]]


def _ask(query: str, identity: int) -> list[tuple[str, int]]:
    if not query:
        return []
    numbered, values = query, []
    while (at := numbered.find("%(")) >= 0:
        values.append(tenancy.current_tenant_id() if numbered[at + 2] == "t" else identity)
        numbered = numbered[:at] + "%s" + numbered[at + 5 :]
    return [(row[0].strip(), row[1]) for row in sql.fetch(numbered, values)]


def _came_from(prefix: str, identity: int) -> list[tuple[str, int]]:
    if prefix == "ent":
        rows = sql.fetch(
            "SELECT reference_kind, reference_id FROM ledger_entries WHERE tenant_id = %s AND id = %s",
            (tenancy.current_tenant_id(), identity),
        )
        return [(found, reference) for kind, reference in rows if (found := _reference(kind, reference))]
    return _ask(KINDS[prefix].came_from, identity)


def _led_to(prefix: str, identity: int) -> list[tuple[str, int]]:
    return _ask(KINDS[prefix].led_to, identity)


def _chain(prefix: str, identity: int, neighbors: Neighbors, kinds: Collection[str]) -> list[tuple[str, str]]:
    """Breadth first, each thing once, at most SHOWN of one kind; ways through other kinds are not gone."""
    seen, shown, told = {(prefix, identity)}, dict.fromkeys(KINDS, 0), []
    waiting = [(prefix, identity)]
    while waiting:
        for one in neighbors(*waiting.pop(0)):
            if one in seen or one[0] not in kinds:
                continue
            seen.add(one)
            shown[one[0]] += 1
            if shown[one[0]] <= SHOWN:
                told.append((ids.public(*one), _line(*one)))
                waiting.append(one)
    told += [("…", f"{count - SHOWN} more {KINDS[kind].name}s") for kind, count in shown.items() if count > SHOWN]
    return told


def _line(prefix: str, identity: int) -> str:
    kind = KINDS[prefix]
    facts = _facts(kind, identity)
    parts = [kind.name]
    parts += [
        f"{name.removesuffix('_id')} {value}"
        for name, value in facts.items()
        if name in ("kind", "state", "status", "rule_key", "payee_id", "period")
    ]
    if "amount_minor" in facts:
        parts.append(f"{facts['amount_minor']} {facts.get('currency', '')}".strip())
    return ", ".join(parts)
