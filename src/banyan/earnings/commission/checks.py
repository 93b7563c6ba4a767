"""What `banyan verify` compares: decisions, ledger entries, reversals, holds and balances, all from the facts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from banyan.earnings.commission.engine.figures import Days, sales_of
from banyan.earnings.commission.engine.needs import NOTHING
from banyan.earnings.commission.queries.closings import closing_rewards, decide_closings_again, thawed
from banyan.earnings.commission.queries.explanation import REFERENCE_KIND, decide_many_again
from banyan.earnings.commission.queries.facts import complete
from banyan.earnings.commission.queries.inputs import freeze_inputs, read_paid_orders, thaw_inputs
from banyan.earnings.commission.queries.plans import compiled_versions
from banyan.earnings.commission.types import OrderFacts, PaidOrder
from banyan.kernel import ids, sql
from banyan.kernel.tenancy import current_tenant_id, get_tenant
from banyan.kernel.verification import Finding, Tally, check
from banyan.treasury.ledger import queries as ledger
from banyan.treasury.ledger.types import AccountKind, AccountRef, EntryKind

BATCH = 1000
_RELEASED_TO = (AccountKind.DISTRIBUTOR_AVAILABLE, AccountKind.DISTRIBUTOR_DEBT)


@check("commission.decisions")
def decisions(tally: Tally) -> Iterator[Finding]:
    """Every accrual, decided again from its frozen inputs, gives exactly the stored commissions."""
    for order_ids in _orders_in_batches():
        for decision in decide_many_again(order_ids):
            tally.compared += 1
            if not decision.agrees:
                expected = sum(share.amount_minor for share in decision.trace.shares)
                yield Finding(
                    "commission.decisions", ids.public("ord", decision.order_id), f"shares summing to {expected}", "other rows"
                )
        yield from _totals(order_ids)


@check("commission.inputs")
def inputs(tally: Tally) -> Iterator[Finding]:
    """The frozen inputs are still what orders and attribution say of the payment."""
    for order_ids in _orders_in_batches():
        kept = dict(
            sql.fetch(
                "SELECT id, inputs FROM commission_accruals WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
                (current_tenant_id(), order_ids),
            )
        )
        versions = dict(
            sql.fetch(
                "SELECT id, plan_version_id FROM commission_accruals WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
                (current_tenant_id(), order_ids),
            )
        )
        plans = compiled_versions(sorted({each for each in versions.values() if each is not None}))
        reads = read_paid_orders(order_ids)
        needs = [plans[v].needs if (v := versions[read.order.order_id]) in plans else NOTHING for read in reads]
        for order in complete(list(zip(reads, needs, strict=True))):
            tally.compared += 1
            was = thaw_inputs(order.order_id, order.paid_at, kept.pop(order.order_id))
            if freeze_inputs(_lasting(order)) != freeze_inputs(_lasting(was)):
                yield Finding("commission.inputs", ids.public("ord", order.order_id), "the order's frozen facts", "other inputs")
        for order_id in kept:
            yield Finding("commission.inputs", ids.public("ord", order_id), "a paid order", "none")


@check("commission.entries")
def entries(tally: Tally) -> Iterator[Finding]:
    """Commission rows, reversals and releases are what the ledger's entries of the order say, per payee and account."""
    for order_ids in _orders_in_batches(with_closings=True):
        expected = _expected_postings(order_ids)
        actual: dict[tuple[int, str, str, int], int] = {}
        for order_id, posted in _entries_of(order_ids):
            for line in posted.postings:
                account = line.account.kind
                if posted.kind is EntryKind.COMMISSION_RELEASED and account in _RELEASED_TO:
                    account = AccountKind.DISTRIBUTOR_AVAILABLE
                place = (order_id, posted.kind.value, account.value, line.account.owner_id)
                actual[place] = actual.get(place, 0) + line.amount_minor
        tally.compared += len(expected)
        for place in sorted(expected.keys() | actual.keys()):
            if expected.get(place, 0) != actual.get(place, 0):
                subject = f"{ids.public('ord', place[0])} {place[1]} {place[2]} {place[3]}"
                yield Finding("commission.entries", subject, expected.get(place, 0), actual.get(place, 0))


@check("commission.reversals")
def reversals(tally: Tally) -> Iterator[Finding]:
    """Nothing is reversed beyond its amount, and what went back of a line is in proportion to the refund."""
    rows = sql.fetch(
        "SELECT c.id, c.amount_minor, sum(r.amount_minor)::bigint FROM commission_reversals r"
        " JOIN commission_commissions c ON c.id = r.commission_id WHERE r.tenant_id = %s GROUP BY c.id",
        (current_tenant_id(),),
    )
    tally.compared += len(rows)
    for commission_id, amount, back in rows:
        if back > amount:
            yield Finding("commission.reversals", ids.public("cms", commission_id), f"at most {amount}", back)


@check("commission.pending")
def pending(tally: Tally) -> Iterator[Finding]:
    """A payee's pending balance is the sum of what is accrued, not released and not reversed."""
    rows = sql.fetch(
        "SELECT a.currency, c.payee_id,"
        " sum(CASE WHEN a.released_at IS NULL THEN c.amount_minor - coalesce(v.back, 0) ELSE 0 END)::bigint"
        " FROM commission_commissions c JOIN commission_accruals a ON a.id = c.order_id"
        " LEFT JOIN (SELECT commission_id, sum(amount_minor) AS back FROM commission_reversals WHERE tenant_id = %s"
        "  GROUP BY commission_id) v ON v.commission_id = c.id"
        " WHERE c.tenant_id = %s GROUP BY a.currency, c.payee_id ORDER BY 1, 2",
        (current_tenant_id(), current_tenant_id()),
    )
    by_currency: dict[str, dict[AccountRef, int]] = {}
    for currency, payee_id, amount in rows:
        by_currency.setdefault(currency, {})[AccountRef(AccountKind.DISTRIBUTOR_PENDING, payee_id)] = amount
    for currency, expected in by_currency.items():
        actual = ledger.balances(list(expected), currency)
        tally.compared += len(expected)
        for ref, amount in expected.items():
            if actual[ref] != amount:
                yield Finding("commission.pending", f"{ids.public('dst', ref.owner_id)} {currency}", amount, actual[ref])


@check("commission.closings")
def closings(tally: Tally) -> Iterator[Finding]:
    """Each closing, decided again from what was frozen with it, gives exactly what the period's rewards were with it; and its
    true-ups of orders add up to what it says."""
    for closing_id, decision in decide_closings_again():
        kept = closing_rewards(closing_id)
        expected = sorted((each.rule_key, each.payee_id, each.amount_minor) for each in decision.rewards)
        tally.compared += 1
        if expected != kept:
            yield Finding("commission.closings", ids.public("clg", closing_id), str(expected)[:200], str(kept)[:200])
    rows = sql.fetch(
        "SELECT k.id, k.lowered_minor, coalesce((SELECT sum(r.lowered_minor) FROM commission_reversals r WHERE r.tenant_id ="
        "  k.tenant_id AND r.cause = 'true_up' AND r.cause_id = k.id AND r.order_id <> coalesce(k.first_id, k.id)), 0)::bigint"
        " FROM commission_closings k WHERE k.tenant_id = %s",
        (current_tenant_id(),),
    )
    for closing_id, lowered, found in rows:
        tally.compared += 1
        if lowered != found:
            yield Finding("commission.closings", f"{ids.public('clg', closing_id)} lowered", lowered, found)


@check("commission.sales")
def kept_sales(tally: Tally) -> Iterator[Finding]:
    """No distributor has more sales on a day than the accruals of that day say."""
    zone = get_tenant(current_tenant_id()).zone
    rows = sql.fetch(
        "SELECT distributor_id, day, personal_minor, team_minor FROM commission_sales WHERE tenant_id = %s",
        (current_tenant_id(),),
    )
    if not rows:
        return
    days: Days = {}
    for order_ids in _orders_in_batches():
        for order in thawed(order_ids):
            for place, personal, team in sales_of(order, zone):
                kept = days.setdefault(place, [0, 0])
                kept[0] += personal
                kept[1] += team
    for distributor_id, day, personal, team in rows:
        tally.compared += 1
        expected = days.get((distributor_id, day), [0, 0])
        if personal > expected[0] or team > expected[1]:
            yield Finding(
                "commission.sales", f"{ids.public('dst', distributor_id)} {day}", str(expected), f"[{personal}, {team}]"
            )


@check("commission.holds")
def holds(tally: Tally) -> Iterator[Finding]:
    """Hold dates follow from receipt and the plan's days, and whatever waits for its release has a date to be looked at."""
    rows = sql.fetch(
        "SELECT id, received_at, release_after, received_at + hold_days * interval '24 hours', due_at, released_at, total_minor"
        " FROM commission_accruals WHERE tenant_id = %s AND received_at IS NOT NULL",
        (current_tenant_id(),),
    )
    tally.compared += len(rows)
    for order_id, _, release_after, expected, due_at, released_at, total in rows:
        subject = ids.public("ord", order_id)
        if release_after != expected:
            yield Finding("commission.holds", subject, str(expected), str(release_after))
        if total > 0 and released_at is None and (due_at is None or due_at < expected):
            yield Finding("commission.holds", subject, f"due at {expected} or later", str(due_at))
        if released_at is not None and released_at < expected:
            yield Finding("commission.holds", subject, f"released at {expected} or later", str(released_at))


def _lasting(order: PaidOrder) -> PaidOrder:
    """The part of an order's facts that is the same whenever it is read: not what depended on the orders before it."""
    facts = order.facts
    upline = tuple(member._replace(figures=None) for member in order.upline)
    if facts is not None:
        facts = facts._replace(first_order=None, buyer=None, partners=(), people=(), spent=None)
        facts = facts if facts != OrderFacts() else None
    return order._replace(upline=upline, facts=facts)


def _orders_in_batches(with_closings: bool = False) -> Iterator[list[int]]:
    seen = 0
    while True:
        rows = sql.fetch(
            "SELECT id FROM commission_accruals WHERE tenant_id = %s AND id > %s AND (%s OR NOT is_closing) ORDER BY id LIMIT %s",
            (current_tenant_id(), seen, with_closings, BATCH),
        )
        if not rows:
            return
        yield [row[0] for row in rows]
        seen = rows[-1][0]


def _totals(order_ids: list[int]) -> Iterator[Finding]:
    rows = sql.fetch(
        "SELECT a.id, a.total_minor, coalesce((SELECT sum(c.amount_minor) FROM commission_commissions c"
        "  WHERE c.tenant_id = a.tenant_id AND c.order_id = a.id AND c.kind <> 'true_up'), 0)::bigint AS found"
        " FROM commission_accruals a WHERE a.tenant_id = %s AND a.id = ANY(%s::bigint[])",
        (current_tenant_id(), order_ids),
    )
    for order_id, stored, found in rows:
        if stored != found:
            yield Finding("commission.decisions", f"{ids.public('ord', order_id)} total", found, stored)


def _entries_of(order_ids: list[int]) -> Iterator[tuple[int, Any]]:
    for posted in ledger.list_entries_for_many(REFERENCE_KIND, order_ids):
        yield posted.reference_id, posted


def _expected_postings(order_ids: list[int]) -> dict[tuple[int, str, str, int], int]:
    """What the ledger must say, from commission's own facts: (order, entry kind, account kind, owner) → debit-positive sum.

    How much of a release met a debt is the ledger's own history, so its two receiving accounts count as one.
    """
    expected: dict[tuple[int, str, str, int], int] = {}

    def add(order_id: int, entry: EntryKind, account: AccountKind, owner_id: int, amount: int) -> None:
        if amount:
            place = (order_id, entry.value, account.value, owner_id)
            expected[place] = expected.get(place, 0) + amount

    rows = sql.fetch(
        "SELECT c.order_id, c.payee_id, c.amount_minor, a.released_at IS NOT NULL, coalesce(v.pending, 0)::bigint,"
        " coalesce(v.available, 0)::bigint, coalesce(v.debt, 0)::bigint"
        " FROM commission_commissions c JOIN commission_accruals a ON a.id = c.order_id"
        " LEFT JOIN LATERAL (SELECT sum(r.from_pending_minor) AS pending, sum(r.from_available_minor) AS available,"
        "  sum(r.from_debt_minor) AS debt FROM commission_reversals r"
        "  WHERE r.tenant_id = c.tenant_id AND r.commission_id = c.id) v ON true"
        " WHERE c.tenant_id = %s AND c.order_id = ANY(%s::bigint[])",
        (current_tenant_id(), order_ids),
    )
    for order_id, payee_id, amount, released, from_pending, from_available, from_debt in rows:
        add(order_id, EntryKind.COMMISSION_ACCRUED, AccountKind.COMMISSION_EXPENSE, 0, amount)
        add(order_id, EntryKind.COMMISSION_ACCRUED, AccountKind.DISTRIBUTOR_PENDING, payee_id, -amount)
        add(order_id, EntryKind.COMMISSION_REVERSED, AccountKind.DISTRIBUTOR_PENDING, payee_id, from_pending)
        add(order_id, EntryKind.COMMISSION_REVERSED, AccountKind.DISTRIBUTOR_AVAILABLE, payee_id, from_available)
        add(order_id, EntryKind.COMMISSION_REVERSED, AccountKind.DISTRIBUTOR_DEBT, payee_id, from_debt)
        back = from_pending + from_available + from_debt
        add(order_id, EntryKind.COMMISSION_REVERSED, AccountKind.COMMISSION_EXPENSE, 0, -back)
        if released:
            add(order_id, EntryKind.COMMISSION_RELEASED, AccountKind.DISTRIBUTOR_PENDING, payee_id, amount - from_pending)
            add(order_id, EntryKind.COMMISSION_RELEASED, AccountKind.DISTRIBUTOR_AVAILABLE, payee_id, from_pending - amount)
    return expected
