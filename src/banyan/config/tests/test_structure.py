"""Damage to what PostgreSQL enforces is found and named. Each plant is taken out again: the database is shared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import connections

from banyan.config import verifying
from banyan.config.structure import check_structure
from banyan.kernel import database as rules
from banyan.kernel import tenancy
from banyan.kernel.verification import Finding, Tally


def _owner(statement: str) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement)


@contextmanager
def _planted(statement: str) -> Iterator[None]:
    _owner(statement)
    try:
        yield
    finally:
        rules.install()


def _findings() -> list[Finding]:
    return list(check_structure(Tally()))


@pytest.fixture
def clean(database: None) -> None:
    assert _findings() == []


def test_a_sound_database_is_clean_and_much_was_compared(database: None) -> None:
    tally = Tally()
    assert list(check_structure(tally)) == []
    assert tally.compared > 100


@pytest.mark.parametrize(
    ("statement", "check", "subject"),
    [
        ("ALTER TABLE outbox_events DISABLE ROW LEVEL SECURITY", "structure.row_level_security", "outbox_events"),
        ("DROP POLICY tenant_only ON ledger_entries", "structure.policies", "ledger_entries"),
        ("ALTER POLICY tenant_only ON ledger_entries USING (true)", "structure.policies", "ledger_entries"),
        ("ALTER POLICY tenant_only ON ledger_entries WITH CHECK (true)", "structure.policies", "ledger_entries"),
        ("ALTER TABLE ledger_postings DISABLE TRIGGER apply_postings", "structure.triggers", "ledger_postings.apply_postings"),
        ("ALTER TABLE ledger_entries DISABLE TRIGGER facts_stand", "structure.triggers", "ledger_entries.facts_stand"),
        ("DROP TRIGGER facts_stand ON ledger_postings", "structure.triggers", "ledger_postings.facts_stand"),
        ("GRANT UPDATE ON ledger_postings TO banyan_app", "structure.rights", "ledger_postings"),
        ("GRANT UPDATE ON commission_accruals TO banyan_app", "structure.rights", "commission_accruals"),
    ],
)
def test_planted_damage_is_found_and_named(clean: None, statement: str, check: str, subject: str) -> None:
    with _planted(statement):
        found = _findings()
        if "DISABLE TRIGGER" in statement:
            _owner(statement.replace("DISABLE", "ENABLE"))
    assert [(finding.check, finding.subject) for finding in found] == [(check, subject)]


def test_a_second_policy_that_opens_a_table_is_found(clean: None) -> None:
    _owner("CREATE POLICY everybody ON ledger_entries USING (true)")
    try:
        assert [finding.check for finding in _findings()] == ["structure.policies"]
    finally:
        _owner("DROP POLICY everybody ON ledger_entries")


def test_a_dropped_constraint_is_found(clean: None) -> None:
    _owner("ALTER TABLE ledger_balances DROP CONSTRAINT ledger_balance_not_negative")
    try:
        assert [finding.subject for finding in _findings()] == ["ledger_balances.ledger_balance_not_negative"]
    finally:
        _owner("ALTER TABLE ledger_balances ADD CONSTRAINT ledger_balance_not_negative CHECK (balance_minor >= 0)")


def test_rows_of_a_tenant_that_does_not_exist_are_found(clean: None) -> None:
    _owner("INSERT INTO reaction_cursors (id, tenant_id, reaction, commit_order, event_id) VALUES (1, 987654321, 'x', 0, 0)")
    try:
        (finding,) = _findings()
        assert (finding.check, finding.subject) == ("structure.tenants", "reaction_cursors of tenant 987654321")
    finally:
        _owner("DELETE FROM reaction_cursors WHERE tenant_id = 987654321")


def test_an_event_set_aside_is_a_finding_until_it_is_dismissed(make_shop: Callable[..., object]) -> None:
    shop = make_shop()
    plant = (
        "INSERT INTO set_aside_events (id, tenant_id, reaction, event_id, kind, error, attempts, set_aside_at, resolution)"
        f" VALUES (nextval('banyan_ids'), {shop.id}, 'x.y', 5, 'orders.order_paid', 'broke', 1, now(), '')"  # type: ignore[attr-defined]
    )
    _owner(plant)
    report = verifying.verify([shop.id], structure=False)  # type: ignore[attr-defined]
    assert [finding.check for _, finding in report.findings] == ["events.set_aside"]
    _owner(f"UPDATE set_aside_events SET resolved_at = now() WHERE tenant_id = {shop.id}")  # type: ignore[attr-defined]
    assert verifying.verify([shop.id], structure=False).findings == []  # type: ignore[attr-defined]


def test_verification_reads_one_moment_and_cannot_write(make_shop: Callable[..., object]) -> None:
    shop = make_shop()
    with verifying._snapshot(), tenancy.enter(shop.id), connections["default"].cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute("SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')")
        assert cursor.fetchone() == ("repeatable read", "on")
    with tenancy.enter(shop.id), connections["default"].cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute("SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')")
        assert cursor.fetchone() == ("read committed", "off")
