"""A whole small shop, run through every house; then damage of each kind, planted with the owner's rights under switched-off
triggers, is found and named by `banyan verify`. And `banyan explain` walks the same shop both ways."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connections

from banyan.config import explaining, verifying
from banyan.config.demo import building, world
from banyan.kernel import ids

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shop(database: None) -> Any:
    """Five weeks of a shop with some sixty distributors, its payments and payouts over HTTP."""
    built = building.build(
        world.Scale(distributors=60, days=32, orders_per_day=6), slug="verified", password="a long enough password 1"
    )
    assert built.findings == []
    return built.shop


def _owner(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def _unguarded(table: str) -> Iterator[None]:
    """The owner switches the table's triggers off, as somebody with the database password could."""
    _owner(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    try:
        yield
    finally:
        _owner(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def _found(tenant_id: int) -> list[tuple[str, str]]:
    return [(finding.check, finding.subject) for _, finding in verifying.verify([tenant_id], structure=False).findings]


@contextmanager
def _changed(tenant_id: int, table: str, change: str, where: str) -> Iterator[int]:
    """One row set to something else, and back afterwards. Yields the row's id."""
    rows = _owner(f"SELECT id FROM {table} WHERE tenant_id = %s AND ({where}) ORDER BY id LIMIT 1", tenant_id)
    assert rows, f"the shop has no {table} where {where}"
    (identity,) = rows[0]
    _owner(f"CREATE TEMP TABLE kept AS SELECT * FROM {table} WHERE id = %s", identity)
    names = [name for (name,) in _owner("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
                                        " AND NOT attisdropped AND attgenerated = ''", table)]  # fmt: skip
    columns = ", ".join(f'"{name}"' for name in names)
    try:
        with _unguarded(table):
            _owner(f"UPDATE {table} SET {change} WHERE id = %s", identity)
        yield identity
    finally:
        with _unguarded(table):
            _owner(f"UPDATE {table} SET ({columns}) = (SELECT {columns} FROM kept) WHERE id = %s", identity)
        _owner("DROP TABLE kept")


@contextmanager
def _removed(tenant_id: int, table: str, where: str) -> Iterator[int]:
    rows = _owner(f"SELECT id FROM {table} WHERE tenant_id = %s AND {where} ORDER BY id LIMIT 1", tenant_id)
    assert rows, f"the shop has no {table} where {where}"
    (identity,) = rows[0]
    _owner(f"CREATE TEMP TABLE kept AS SELECT * FROM {table} WHERE id = %s", identity)
    with _unguarded(table):
        _owner(f"DELETE FROM {table} WHERE id = %s", identity)
    try:
        yield identity
    finally:
        with _unguarded(table):
            _owner(f"INSERT INTO {table} SELECT * FROM kept")
        _owner("DROP TABLE kept")


CHANGES = [
    # table, change, which row, the check that must speak
    ("ledger_postings", "amount_minor = amount_minor + 1", "true", "ledger.entries"),
    ("ledger_postings", "account_id = (SELECT min(id) FROM ledger_accounts a WHERE a.tenant_id = ledger_postings.tenant_id"
     " AND a.id <> ledger_postings.account_id AND a.is_guarded)", "true", "ledger.balances"),
    ("ledger_entries", "posting_count = posting_count + 1", "true", "ledger.entries"),
    ("ledger_balances", "balance_minor = balance_minor + 1", "true", "ledger.balances"),
    ("payments_payments", "amount_minor = amount_minor + 1", "state = 'captured'", "payments."),
    ("payments_payments", "refunded_minor = refunded_minor - 1", "refunded_minor > 0", "payments."),
    ("payments_refunds", "amount_minor = amount_minor + 1", "state = 'completed'", "payments."),
    ("payouts_payouts", "state = 'failed'", "state = 'completed'", "payouts.entries"),
    ("payouts_payouts", "amount_minor = amount_minor + 1", "state = 'completed'", "payouts.entries"),
    ("orders_orders", "total_minor = total_minor + 1, shipping_minor = shipping_minor + 1", "state = 'closed'", "river."),
    ("orders_orders", "total_minor = total_minor + 1, gross_minor = gross_minor + 1", "state = 'closed'", "orders."),
    ("orders_lines", "gross_minor = gross_minor + quantity, unit_price_minor = unit_price_minor + 1,"
     " payable_minor = payable_minor + quantity", "true", "orders."),
    ("inventory_stock_levels", "reserved = reserved + 1", "on_hand > reserved + allocated", "inventory.levels"),
    ("inventory_stock_levels", "on_hand = on_hand + 1", "true", "inventory.levels"),
    ("inventory_reservations", "quantity = quantity + 1", "state IN ('reserved', 'allocated')", "inventory.levels"),
    ("inventory_movements", "quantity_change = quantity_change + 1", "true", "inventory.levels"),
    ("network_members", "path = ARRAY[path[1] + 1] || path[2:]", "cardinality(path) > 1", "network.paths"),
    ("commission_commissions", "amount_minor = amount_minor + 1", "true", "commission."),
    ("commission_commissions", "payee_id = payee_id + 1", "true", "commission."),
    ("commission_accruals", "total_minor = total_minor + 1", "total_minor > 0", "commission."),
    ("commission_accruals", "released_at = NULL", "released_at IS NOT NULL AND total_minor > 0", "commission."),
    ("commission_reversals", "amount_minor = amount_minor + 1, from_pending_minor = from_pending_minor + 1", "true",
     "commission."),
    ("settlement_lines", "amount_minor = amount_minor + 1", "stands", "settlement."),
    ("settlement_statements", "amount_minor = amount_minor + 1", "status = 'paid'", "settlement."),
    ("settlement_statements", "line_count = line_count + 1", "true", "settlement."),
    ("distributors", "tier = CASE tier WHEN 'bronze' THEN 'gold' ELSE 'bronze' END", "true", "distributors.tier"),
    ("catalog_skus", "price_minor = price_minor + 1", "true", "catalog.prices"),
    ("returns", "refund_minor = refund_minor + 1", "refund_minor > 0", "returns."),
    ("return_lines", "refund_minor = refund_minor - 1", "refund_minor > 1", "returns."),
    ("orders_orders", "payment_id = NULL", "payment_id > 0", "river.captures"),
    ("payments_payments", "is_extra = true", "state = 'captured' AND id IN (SELECT payment_id FROM orders_orders)",
     "river.captures"),
    ("returns", "refund_minor = refund_minor - 1", "refund_minor > 1", "returns.returns"),
    ("commission_accruals", "received_at = NULL, release_after = NULL, due_at = NULL",
     "received_at IS NOT NULL AND released_at IS NULL", "river.holds"),
]  # fmt: skip
REMOVALS = [
    ("ledger_postings", "true", "ledger."),
    ("ledger_entries", "true", "ledger.entries"),
    ("commission_commissions", "true", "commission."),
    ("commission_reversals", "true", "commission."),
    ("payments_refunds", "state = 'completed'", "river.refunds"),
    ("commission_reversals", "cause = 'return'", "river.clawbacks"),
    ("commission_accruals", "total_minor = 0", "river."),
    ("settlement_lines", "stands", "settlement."),
    ("inventory_movements", "true", "inventory.levels"),
    ("orders_lines", "true", "orders."),
    ("payments_payments", "state = 'captured'", "payments."),
    ("payouts_payouts", "state = 'completed'", "payouts."),
]


def test_the_sound_shop_is_clean_and_much_was_compared(shop: Any) -> None:
    report = verifying.verify([shop.tenant_id])
    assert report.findings == []
    assert report.checked > 5_000


@pytest.mark.parametrize(("table", "change", "where", "check"), CHANGES, ids=lambda value: str(value)[:40])
def test_a_changed_number_is_found(shop: Any, table: str, change: str, where: str, check: str) -> None:
    with _changed(shop.tenant_id, table, change, where):
        found = _found(shop.tenant_id)
    assert any(name.startswith(check) for name, _ in found), (table, change, found[:5])
    assert all(subject for _, subject in found)


@pytest.mark.parametrize(("table", "where", "check"), REMOVALS, ids=lambda value: str(value)[:30])
def test_a_dropped_row_is_found(shop: Any, table: str, where: str, check: str) -> None:
    with _removed(shop.tenant_id, table, where):
        found = _found(shop.tenant_id)
    assert any(name.startswith(check) for name, _ in found), (table, found[:5])


def test_after_all_repairs_the_shop_is_clean_again(shop: Any) -> None:
    assert _found(shop.tenant_id) == []


# ── explain ──────────────────────────────────────────────────────────────────────────────────────────────────────
def _some(tenant_id: int, prefix: str, where: str = "true") -> str:
    table = explaining.KINDS[prefix].table
    return ids.public(
        prefix, _owner(f"SELECT id FROM {table} WHERE tenant_id = %s AND {where} ORDER BY id LIMIT 1", tenant_id)[0][0]
    )


def test_a_payout_leads_back_to_the_orders_and_an_order_leads_on_to_the_payout(shop: Any) -> None:
    payout = _some(shop.tenant_id, "pyo", "state = 'completed'")
    told = explaining.explain(payout)
    kinds = [name.partition("_")[0] for name, _ in told.came_from]
    assert {"stm", "cms", "ord", "pay"} <= set(kinds)
    assert "ent" in [name.partition("_")[0] for name, _ in told.led_to]
    order = next(name for name, _ in told.came_from if name.startswith("ord_"))
    forward = explaining.explain(order)
    assert payout in [name for name, _ in forward.led_to]
    assert forward.came_from[0][0].startswith("pay_")


KINDS_OF_THE_SHOP = sorted(explaining.KINDS.keys() - {"clg"})
"""Its plan pays nothing by the period; banyan.config.tests.test_explaining has a shop whose plan does."""


@pytest.mark.parametrize("prefix", KINDS_OF_THE_SHOP)
def test_every_kind_is_explained(shop: Any, prefix: str) -> None:
    told = explaining.explain(_some(shop.tenant_id, prefix))
    assert told.facts and told.tenant == "verified"
    assert told.came_from or told.led_to
    if prefix in ("cms", "ent"):
        assert told.words


def test_a_commission_says_why(shop: Any) -> None:
    told = explaining.explain(_some(shop.tenant_id, "cms"))
    assert str(told.facts["rule_key"]) and any(name.startswith("ord_") for name, _ in told.came_from)


@pytest.mark.parametrize("text", ["", "cms_", "cms_0000000000000", "nonsense", "usr_0000000000000", "ord_!!!", "pay_\x00"])
def test_what_is_no_id_is_refused_in_words(shop: Any, text: str) -> None:
    from banyan.kernel.values.errors import Refusal

    with pytest.raises(Refusal) as refusal:
        explaining.explain(text)
    assert refusal.value.advice


# ── explain over HTTP ────────────────────────────────────────────────────────────────────────────────────────────
def _explained(tenant_id: int, role: Any, public_id: str) -> tuple[int, Any]:
    import uuid

    from django.test import Client

    from banyan.kernel import tenancy
    from banyan.people.identity import commands as identity
    from banyan.people.identity.types import NewUser, scopes_of

    with tenancy.enter(tenant_id, actor="test"):
        (user,) = identity.register_users([NewUser(f"x{uuid.uuid4().hex[:8]}", None, "某人", None, (role,))])
        token = identity.issue_token(user, scopes_of([role]), "test")
    answer = Client().get(f"/api/v1/explain/{public_id}", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code, answer.json()


@pytest.mark.parametrize("prefix", KINDS_OF_THE_SHOP)
def test_the_api_explains_every_kind_to_staff_of_that_shop_only(shop: Any, tenant: Any, prefix: str) -> None:
    import json
    from dataclasses import asdict

    from banyan.people.identity.types import Role

    public_id = _some(shop.tenant_id, prefix)
    status, told = _explained(shop.tenant_id, Role.OPERATOR, public_id)
    assert (status, told) == (200, json.loads(json.dumps(asdict(explaining.explain(public_id)))))
    assert _explained(tenant.id, Role.OPERATOR, public_id)[0] == 404
    assert _explained(shop.tenant_id, Role.DISTRIBUTOR, public_id)[0] == 403
    assert _explained(shop.tenant_id, Role.CONSUMER, public_id)[0] == 403
    assert _explained(shop.tenant_id, Role.WAREHOUSE, public_id)[0] == (200 if prefix in ("ord", "ret") else 403)


def test_the_chain_holds_only_what_the_token_may_read(shop: Any) -> None:
    from banyan.people.identity.types import Role

    order = _some(shop.tenant_id, "ord", "state IN ('completed', 'received')")
    whole, narrow = (_explained(shop.tenant_id, role, order)[1] for role in (Role.FINANCE, Role.WAREHOUSE))
    kinds = [{name[:3] for name, _ in [*told["came_from"], *told["led_to"]]} for told in (whole, narrow)]
    assert {"pay", "cms", "ent"} <= kinds[0]
    assert kinds[1] <= {"ret"}
