"""Posting: balanced, once per key, never below zero, whoever writes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, connections, transaction

from banyan.kernel import ids, sql, tenancy, verification
from banyan.treasury.ledger import commands, queries
from banyan.treasury.ledger.models import BalanceRow, EntryRow, PostingRow
from banyan.treasury.ledger.types import AccountKind, AccountRef, EntryKind, NewEntry

AT = datetime(2026, 3, 1, tzinfo=UTC)
EXPENSE = AccountRef(AccountKind.COMMISSION_EXPENSE)
RECEIVABLE = AccountRef(AccountKind.CHANNEL_RECEIVABLE)
CLEARING = AccountRef(AccountKind.SALES_CLEARING)


CHECKS = {"ledger.entries", "ledger.balances", "ledger.checkpoints"}


def findings(shop: Any) -> list[verification.Finding]:
    """Of the ledger's own checks: these tests post for facts that no higher house knows."""
    with shop.enter():
        return verification.run_checks(CHECKS)[0]


def pending(owner: int) -> AccountRef:
    return AccountRef(AccountKind.DISTRIBUTOR_PENDING, owner)


def available(owner: int) -> AccountRef:
    return AccountRef(AccountKind.DISTRIBUTOR_AVAILABLE, owner)


def accrued(key: str, amount: int, owner: int = 1, **more: Any) -> NewEntry:
    postings = ((EXPENSE, amount), (pending(owner), -amount))
    return NewEntry(EntryKind.COMMISSION_ACCRUED, "commission", 7, AT, postings, key, **more)


def released(key: str, amount: int, owner: int = 1) -> NewEntry:
    postings = ((pending(owner), amount), (available(owner), -amount))
    return NewEntry(EntryKind.COMMISSION_RELEASED, "commission", 7, AT, postings, key)


def test_balances_are_in_the_natural_sign(tenant: Any) -> None:
    debt = AccountRef(AccountKind.DISTRIBUTOR_DEBT, 1)
    with tenant.enter():
        commands.post([accrued("a", 100), released("r", 30)])
        commands.post([NewEntry(EntryKind.COMMISSION_REVERSED, "commission", 7, AT, ((debt, 5), (EXPENSE, -5)), "d")])
        found = queries.balances([pending(1), available(1), EXPENSE, debt, pending(2)])
    assert found == {pending(1): 70, available(1): 30, EXPENSE: 95, debt: 5, pending(2): 0}
    assert findings(tenant) == []


def test_posting_a_key_again_changes_nothing_and_gives_the_same_id(tenant: Any) -> None:
    with tenant.enter():
        first = commands.post([accrued("a", 100), accrued("b", 50)])
    with tenant.enter():
        again = commands.post([accrued("b", 50), accrued("new", 1), accrued("a", 100), accrued("a", 100)])
        assert [again[2], again[0], again[3]] == [first[0], first[1], first[0]]
        assert queries.balances([pending(1)]) == {pending(1): 151}


@pytest.mark.parametrize(
    "other",
    [
        accrued("a", 99),
        accrued("a", 100, owner=2),
        released("a", 100),
        NewEntry(EntryKind.COMMISSION_ACCRUED, "commission", 8, AT, accrued("a", 100).postings, "a"),
    ],
)
def test_a_key_with_other_content_is_refused_and_nothing_of_the_batch_stays(tenant: Any, other: NewEntry) -> None:
    with tenant.enter():
        commands.post([accrued("a", 100)])
        with pytest.raises(commands.EntryKeyReused):
            commands.post([accrued("fresh", 5), other])
        with pytest.raises(commands.EntryKeyReused):
            commands.post([accrued("x", 5), accrued("x", 6)])
        assert queries.balances([pending(1)]) == {pending(1): 100}
        assert [e.key for e in queries.list_entries()] == ["a"]


@pytest.mark.parametrize(
    "postings",
    [
        ((EXPENSE, 100), (pending(1), -99)),
        ((EXPENSE, 100),),
        ((EXPENSE, 0), (pending(1), 0)),
        ((EXPENSE, 100), (EXPENSE, -100)),
        (),
    ],
)
def test_what_does_not_balance_or_moves_nothing_is_refused(tenant: Any, postings: Any) -> None:
    entry = NewEntry(EntryKind.ADJUSTMENT, "test", 1, AT, postings, "k")
    with tenant.enter(), pytest.raises(commands.UnbalancedEntry):
        commands.post([accrued("a", 1), entry])
    with tenant.enter():
        assert queries.list_entries() == []


def test_lines_on_one_account_are_added_up(tenant: Any) -> None:
    with tenant.enter():
        postings = ((EXPENSE, 5), (pending(1), -2), (EXPENSE, -2), (pending(1), -1))
        commands.post([NewEntry(EntryKind.ADJUSTMENT, "test", 1, AT, postings, "k")])
        (read,) = queries.list_entries_for("test", 1)
        assert {(p.account, p.amount_minor) for p in read.postings} == {(EXPENSE, 3), (pending(1), -3)}


def test_too_little_is_refused_by_name_and_the_caller_can_go_on(tenant: Any) -> None:
    with tenant.enter():
        commands.post([accrued("a", 100)])
        with pytest.raises(commands.InsufficientBalance) as refusal:
            commands.post([accrued("b", 1, owner=9), released("r", 101)])
        assert refusal.value.account == pending(1)
        assert refusal.value.details["balance_minor"] == 100
        assert refusal.value.details["asked_minor"] == 101
        commands.post([released("r", 100)])  # the transaction still works, and the refused key was not used up
        assert queries.balances([pending(1), available(1), pending(9)]) == {pending(1): 0, available(1): 100, pending(9): 0}
    assert findings(tenant) == []


def test_within_one_batch_only_the_sum_counts(tenant: Any) -> None:
    with tenant.enter():
        commands.post([released("r", 100), accrued("a", 100)])
        assert queries.balances([pending(1), available(1)]) == {pending(1): 0, available(1): 100}


def test_currencies_have_their_own_accounts(tenant: Any) -> None:
    with tenant.enter():
        commands.post([accrued("a", 100), accrued("b", 40, currency="GBP")])
        assert queries.balances([pending(1)]) == {pending(1): 100}
        assert queries.balances([pending(1)], currency="GBP") == {pending(1): 40}
        assert {(line.kind, line.currency, line.balance_minor) for line in queries.trial_balance()} >= {
            (AccountKind.DISTRIBUTOR_PENDING, "CNY", 100),
            (AccountKind.DISTRIBUTOR_PENDING, "GBP", 40),
        }
    assert findings(tenant) == []


def test_tenants_do_not_share_keys_or_accounts(make_shop: Any) -> None:
    one, other = make_shop(), make_shop()
    for shop, amount in ((one, 10), (other, 20)):
        with shop.enter():
            commands.post([accrued("same", amount)])
    with one.enter():
        assert queries.balances([pending(1)]) == {pending(1): 10}
        assert len(queries.list_entries()) == 1


# ── PostgreSQL itself, without our code in between ───────────────────────────────────────────────────


def _raw(entry_id: int, account_ids: list[int], amounts: list[int], currency: str = "CNY") -> None:
    rows = [(ids.next_id(), entry_id, a, m, currency, AT) for a, m in zip(account_ids, amounts, strict=True)]
    sql.insert(PostingRow, ("id", "entry_id", "account_id", "amount_minor", "currency", "occurred_at"), rows)


def _raw_entry(count: int, currency: str = "CNY") -> int:
    row = EntryRow.objects.create(
        kind="adjustment", reference_kind="test", reference_id=1, currency=currency, posting_count=count,
        occurred_at=AT, posted_at=AT, key=f"raw{ids.next_id()}", digest=b"x",
    )  # fmt: skip
    return int(row.pk)


def _account_ids(tenant: Any) -> list[int]:
    with tenant.enter():
        commands.post([accrued("a", 100), accrued("g", 100, currency="GBP")])
        found = {(a.ref, a.currency): int(a.account_id) for a in queries.list_accounts()}
        return [found[EXPENSE, "CNY"], found[pending(1), "CNY"], found[pending(1), "GBP"]]


@pytest.mark.parametrize(
    ("count", "chosen", "amounts", "why"),
    [
        (2, (0, 1), (5, -4), "ledger_entry_balances"),
        (3, (0, 1), (5, -5), "ledger_entry_balances"),
        (2, (0, 2), (5, -5), "ledger_posting_fits_account"),
        (2, (0, 1), (-101, 101), "ledger_balance_not_negative"),
    ],
)
def test_raw_postings_that_break_a_law_are_refused(tenant: Any, count: int, chosen: Any, amounts: Any, why: str) -> None:
    accounts = _account_ids(tenant)
    with pytest.raises(IntegrityError) as error, tenant.enter():
        _raw(_raw_entry(count), [accounts[i] for i in chosen], list(amounts))
    assert error.value.__cause__.diag.constraint_name == why  # type: ignore[union-attr]
    assert findings(tenant) == []


def test_raw_postings_of_mixed_currency_or_unknown_entry_or_foreign_account_are_refused(tenant: Any, make_shop: Any) -> None:
    accounts = _account_ids(tenant)
    foreign = _account_ids(make_shop())
    cases = (("GBP", accounts[:2], None), ("CNY", accounts[:2], 123456789), ("CNY", foreign[:2], None))
    for currency, account_ids, entry in cases:
        with pytest.raises(IntegrityError), tenant.enter():
            _raw(entry or _raw_entry(2), account_ids, [5, -5], currency)


def test_nothing_can_be_added_to_an_older_entry_even_if_it_balances(tenant: Any) -> None:
    accounts = _account_ids(tenant)
    with tenant.enter():
        commands.post([released("other accounts", 50)])
        spare = [int(a.account_id) for a in queries.list_accounts(owner_id=1) if a.ref == available(1)]
        entry = next(e for e in queries.list_entries() if e.key == "a")
    with pytest.raises(IntegrityError) as error, tenant.enter():
        _raw(int(entry.entry_id), [spare[0], accounts[2]], [5, -5])
    assert error.value.__cause__.diag.constraint_name == "ledger_entry_balances"  # type: ignore[union-attr]
    assert findings(tenant) == []


def test_raw_postings_move_the_guarded_balance_too(tenant: Any) -> None:
    accounts = _account_ids(tenant)
    with tenant.enter():
        _raw(_raw_entry(2), accounts[:2], [5, -5])
        assert queries.balances([pending(1)]) == {pending(1): 105}
    assert findings(tenant) == []


@pytest.mark.parametrize("table", ["ledger_entries", "ledger_postings", "ledger_accounts"])
@pytest.mark.parametrize("role", ["default", "owner"])
def test_facts_cannot_be_edited_or_deleted_by_anyone(tenant: Any, table: str, role: str) -> None:
    _account_ids(tenant)
    for statement in (f"UPDATE {table} SET currency = 'XXX'", f"DELETE FROM {table}"):
        with pytest.raises((IntegrityError, ProgrammingError)) as error:
            _run(role, tenant.id, statement)
        assert "facts" in str(error.value) or "permission denied" in str(error.value)


def _run(role: str, tenant_id: int, statement: str) -> None:
    with transaction.atomic(using=role), connections[role].cursor() as cursor:
        cursor.execute(f"SELECT set_config('banyan.tenant', '{tenant_id}', true)")
        cursor.execute(statement)


def test_the_application_cannot_write_a_balance(tenant: Any) -> None:
    _account_ids(tenant)
    with pytest.raises(Exception, match="permission denied"), tenant.enter():
        BalanceRow.objects.update(balance_minor=10**9)


def test_without_a_tenant_nothing_is_seen_and_nothing_can_be_posted(tenant: Any) -> None:
    _account_ids(tenant)
    assert EntryRow.objects.count() == 0
    assert PostingRow.objects.count() == 0
    with pytest.raises(tenancy.NoTenant):
        commands.post([accrued("z", 1)])
