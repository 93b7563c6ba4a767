"""Paid orders become commission: one decision for the batch, written in three statements and one posting."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from banyan.earnings.commission.commands.turns import Turn, add_sales, take_turns
from banyan.earnings.commission.engine import CompiledPlan
from banyan.earnings.commission.engine.needs import NOTHING
from banyan.earnings.commission.events import CommissionAccrued
from banyan.earnings.commission.models import AccrualRow, CommissionRow
from banyan.earnings.commission.queries.facts import complete
from banyan.earnings.commission.queries.inputs import ReadOrder, ceilings_at, freeze_inputs, read_paid_orders
from banyan.earnings.commission.queries.plans import versions_from
from banyan.earnings.commission.types import LegalCeiling, PaidOrder, Share
from banyan.kernel import clock, events, ids, sql
from banyan.kernel.values.errors import Conflict
from banyan.treasury.ledger import commands as ledger
from banyan.treasury.ledger.types import AccountKind, AccountRef, EntryKind, NewEntry

REFERENCE_KIND = "commission_accrual"
"""The ledger reference of everything that happens to an order's commission; its id is the order's."""
EXPENSE = AccountRef(AccountKind.COMMISSION_EXPENSE)
_ACCRUAL_COLUMNS = (
    "id", "plan_version_id", "paid_at", "accrued_at", "currency", "rule_set", "legal_depth", "legal_bp", "inputs",
    "total_minor", "hold_days",
)  # fmt: skip
_COMMISSION_COLUMNS = (
    "id", "order_id", "line_id", "payee_id", "rule_key", "kind", "depth", "base_minor", "rate_bp", "amount_minor"
)  # fmt: skip


class InputsMissing(Conflict):
    """An order is not paid, or its attribution is not frozen yet."""

    code = "commission_inputs_missing"
    advice = "Accrue an order after its payment was recorded; the event is tried again from the console."


def accrue(order_ids: Sequence[int]) -> int:
    """Decide and book the commission of paid orders; returns how many were new. Amounts in minor units.

    Idempotent per order, also when two callers come at once: the row of the order decides. Uses the plan version and the
    law as of each payment and the upline frozen then; keeps what it used. Raises InputsMissing, and then nothing of the
    batch is written.
    """
    wanted = sorted(set(order_ids))  # in one order for everybody, so that two batches never wait for each other
    read = read_paid_orders(wanted)
    if len(read) < len(wanted):
        found = {each.order.order_id for each in read}
        missing = [ids.public("ord", order_id) for order_id in wanted if order_id not in found]
        raise InputsMissing(f"{len(missing)} of {len(wanted)} orders are not paid and frozen.", order_ids=missing[:20])
    if not read:
        return 0
    moments = [each.order.paid_at for each in read]
    versions = versions_from(min(moments))
    ceilings = ceilings_at(moments)
    if any(version[3].needs != NOTHING for version in versions):
        return _write_with_facts(read, ceilings, versions)
    return _write([_decide(each.order, each.currency, ceiling, versions) for each, ceiling in zip(read, ceilings, strict=True)])


Version = tuple[int, datetime, datetime | None, CompiledPlan]


def _write_with_facts(read: Sequence[ReadOrder], ceilings: Sequence[LegalCeiling], versions: Sequence[Version]) -> int:
    """The way of tenants with a plan, in force or to come, that asks more about an order than its lines and upline.

    Facts are read in sets for those orders whose plan asks. Where figures or what was accrued before count, orders are decided
    one after the other, and batches of one tenant wait for each other: only so no two of them spend the same budget.
    """
    chosen = [_version_at(versions, each.order.paid_at) for each in read]
    needs = [version[3].needs if version is not None else NOTHING for version in chosen]
    orders = complete(list(zip(read, needs, strict=True)))
    keeps_sales = any(version[3].needs.figures for version in versions)
    turns = [
        Turn(order, each.currency, ceiling, version[0] if version else None, version[3] if version else None)
        for order, each, ceiling, version in zip(orders, read, ceilings, chosen, strict=True)
    ]
    if not keeps_sales and not any(need.spent for need in needs):
        return _write([_decide(turn.order, turn.currency, turn.ceiling, versions) for turn in turns])
    decided = [
        _Decided(turn.order, turn.currency, turn.ceiling, turn.version_id, turn.plan.plan.hold_days if turn.plan else 0, shares)
        for turn, shares in take_turns(turns)
    ]
    count = _write(decided)
    if keeps_sales:
        add_sales([each.order for each in decided])
    return count


def _version_at(versions: Sequence[Version], at: datetime) -> Version | None:
    return next((each for each in versions if each[1] <= at and (each[2] is None or at < each[2])), None)


class _Decided:
    """One decided order on its way into the tables."""

    __slots__ = ("ceiling", "currency", "hold_days", "order", "shares", "version_id")

    def __init__(
        self,
        order: PaidOrder,
        currency: str,
        ceiling: LegalCeiling,
        version_id: int | None,
        hold_days: int,
        shares: list[Share],
    ) -> None:
        self.order = order
        self.currency = currency
        self.ceiling = ceiling
        self.version_id = version_id
        self.hold_days = hold_days
        self.shares = shares


def _decide(order: PaidOrder, currency: str, ceiling: LegalCeiling, versions: Sequence[Version]) -> _Decided:
    version = _version_at(versions, order.paid_at)
    if version is None:
        return _Decided(order, currency, ceiling, None, 0, [])
    plan = version[3]
    return _Decided(order, currency, ceiling, version[0], plan.plan.hold_days, plan.decide(order, ceiling))


def _write(decided: Sequence[_Decided]) -> int:
    now = clock.now()
    rows = [
        (
            each.order.order_id, each.version_id, each.order.paid_at, now, each.currency, each.ceiling.rule_set,
            each.ceiling.upline_depth, each.ceiling.total_bp, freeze_inputs(each.order),
            sum([share.amount_minor for share in each.shares]), each.hold_days,
        )
        for each in decided
    ]  # fmt: skip
    written = sql.insert(AccrualRow, _ACCRUAL_COLUMNS, rows, on_conflict="ON CONFLICT (id) DO NOTHING", returning="id")
    fresh = {row[0] for row in written}
    paying = [each for each in decided if each.shares and each.order.order_id in fresh]
    numbers = iter(ids.next_ids(sum(len(each.shares) for each in paying)))
    commissions, entries, facts = [], [], []
    for each in paying:
        order_id, paid_at = each.order.order_id, each.order.paid_at
        by_payee: dict[int, int] = {}
        told = []
        for share in each.shares:
            line_id, payee_id, depth, rule_key, kind, base, rate_bp, amount = share
            number = next(numbers)
            commissions.append((number, order_id, line_id, payee_id, rule_key, kind.value, depth, base, rate_bp, amount))
            by_payee[payee_id] = by_payee.get(payee_id, 0) + amount
            told.append((number, payee_id, amount))
        entries.append(_entry(each, by_payee))
        facts.append(CommissionAccrued(order_id, each.version_id or 0, each.currency, tuple(told), paid_at))
    sql.insert(CommissionRow, _COMMISSION_COLUMNS, commissions)
    ledger.post(entries)
    events.record(facts)
    return len(fresh)


def _entry(decided: _Decided, by_payee: dict[int, int]) -> NewEntry:
    pending = [(AccountRef(AccountKind.DISTRIBUTOR_PENDING, payee_id), -amount) for payee_id, amount in by_payee.items()]
    order_id = decided.order.order_id
    return NewEntry(
        EntryKind.COMMISSION_ACCRUED,
        REFERENCE_KIND,
        order_id,
        decided.order.paid_at,
        ((EXPENSE, sum(by_payee.values())), *pending),
        f"commission.accrued:{order_id}",
        decided.currency,
    )
