"""The simulator against the live engine: to the cent, per order and per payee."""

from __future__ import annotations

import random
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from banyan.earnings.commission import commands as commission
from banyan.earnings.commission.tests.shopfront import DOCUMENT, T0, Sales
from banyan.earnings.simulation import commands, queries
from banyan.earnings.simulation.types import NewRun, RunStatus
from banyan.kernel import sql
from banyan.people.distributors.types import Status, Tier

OTHER: dict[str, Any] = {
    **DOCUMENT,
    "title": "Other",
    "unqualified": "compression",
    "hold_days": 10,
    "caps": {"total_bp": 2000, "payee_minor": 900},
    "groups": {"base": "add", "boost": "max"},
    "rules": [
        {
            "key": "seller",
            "pays": {"to": "seller"},
            "amount": {
                "kind": "progressive", "by": "order",
                "bands": [{"from_minor": 0, "rate_bp": 500}, {"from_minor": 9_000, "rate_bp": 900}],
            },
        },
        {"key": "parent", "pays": {"to": "ancestor", "depth": 1, "min_tier": "gold"}, "amount": {"kind": "rate", "rate_bp": 333}},
        {"key": "new", "pays": {"to": "earner"}, "amount": {"kind": "uplift", "of": "base", "rate_bp": 100}, "group": "boost",
         "when": {"new_goods_days": 3}},
    ],
}  # fmt: skip
FROM, UNTIL = T0 - timedelta(days=1), T0 + timedelta(days=40)


def _sell(sales: Sales, count: int, seed: int = 7) -> list[int]:
    chance = random.Random(seed)
    people = [
        (number, chance.choice([Status.ACTIVE, Status.ACTIVE, Status.FROZEN]), chance.choice(list(Tier)))
        for number in range(1, 30)
    ]
    orders = []
    for number in range(count):
        amounts = [chance.choice([990, 2_500, 4_990, chance.randint(1, 20_000)]) for _ in range(chance.choice([1, 1, 2, 3]))]
        orders.append(
            sales.sell(*amounts, upline=chance.sample(people, chance.randint(0, 5)), paid_at=T0 + timedelta(hours=number))
        )
    with sales.shop.enter():
        commission.accrue(orders)
    return orders


def _paid(sales: Sales) -> dict[int, int]:
    with sales.shop.enter():
        rows = sql.fetch(
            "SELECT payee_id, sum(amount_minor) FROM commission_commissions WHERE tenant_id = %s GROUP BY 1", (sales.shop.id,)
        )
    return {payee: int(total) for payee, total in rows}


def _per_payee(paid: dict[tuple[int, int, str], int], side: int) -> dict[int, int]:
    sums: dict[int, int] = {}
    for (payee, on, _), amount in paid.items():
        if on == side:
            sums[payee] = sums.get(payee, 0) + amount
    return sums


def test_the_plan_in_force_simulated_over_its_own_orders_is_what_was_paid(sales: Sales) -> None:
    sales.publish(OTHER)
    _sell(sales, 300)
    found = commands.simulate(sales.shop.id, OTHER, FROM, UNTIL, processes=0)
    assert found is not None
    assert found.tally.order_count == 300
    assert found.tally.differing == 0
    assert _per_payee(found.tally.paid, 0) == _per_payee(found.tally.paid, 1) == _paid(sales) != {}


def test_another_plan_gives_what_the_live_engine_would_have_paid(sales: Sales) -> None:
    sales.publish(DOCUMENT)
    orders = _sell(sales, 300)
    before = _paid(sales)
    found = commands.simulate(sales.shop.id, OTHER, FROM, UNTIL, processes=0)
    # The same orders again in a shop where the other plan was in force: each with its own ids, so told apart by place.
    twin = Sales(sales.shop, sales.orders, sales.paths)
    assert found is not None
    assert _per_payee(found.tally.paid, 0) == before
    from banyan.earnings.commission.queries import compile_document, thaw_inputs
    from banyan.earnings.commission.types import LegalCeiling

    live: dict[int, int] = {}
    compiled = compile_document(OTHER)
    with twin.shop.enter():
        rows = sql.fetch(
            "SELECT id, paid_at, inputs, legal_depth, legal_bp FROM commission_accruals WHERE tenant_id = %s", (sales.shop.id,)
        )
    for order_id, paid_at, inputs, depth, rate_bp in rows:
        for share in compiled.decide(thaw_inputs(order_id, paid_at, inputs), LegalCeiling("", depth, rate_bp)):
            live[share.payee_id] = live.get(share.payee_id, 0) + share.amount_minor
    assert len(rows) == len(orders)
    assert _per_payee(found.tally.paid, 1) == live


def test_slices_hold_each_order_once(sales: Sales, monkeypatch: pytest.MonkeyPatch) -> None:
    sales.publish(DOCUMENT)
    _sell(sales, 120)
    whole = commands.simulate(sales.shop.id, OTHER, FROM, UNTIL, processes=0)
    monkeypatch.setattr("banyan.earnings.simulation.commands.running.SLICE", 7)
    sliced = commands.simulate(sales.shop.id, OTHER, FROM, UNTIL, processes=0)
    assert whole is not None
    assert sliced is not None
    assert sliced.tally == whole.tally


@pytest.mark.slow
def test_two_processes_give_the_same_sums(sales: Sales, monkeypatch: pytest.MonkeyPatch) -> None:
    sales.publish(DOCUMENT)
    _sell(sales, 200)
    alone = commands.simulate(sales.shop.id, OTHER, FROM, UNTIL, processes=0)
    monkeypatch.setattr("banyan.earnings.simulation.commands.running.SLICE", 30)
    together = commands.simulate(sales.shop.id, OTHER, FROM, UNTIL, processes=2)
    assert alone is not None
    assert together is not None
    assert together.tally == alone.tally


def test_a_run_tells_its_progress_and_its_outcome(sales: Sales) -> None:
    sales.publish(DOCUMENT)
    _sell(sales, 60)
    with sales.shop.enter():
        run_id = commands.request(NewRun(OTHER, FROM, UNTIL, "usr_x"))
        assert queries.get_run(run_id).status is RunStatus.QUEUED
    assert commands.run_due(sales.shop.id) == 1
    assert commands.run_due(sales.shop.id) == 0
    with sales.shop.enter():
        run = queries.get_run(run_id)
    assert run.status is RunStatus.DONE
    assert run.done_count == run.order_count == 60
    assert run.progress_bp == 10_000
    outcome = run.outcome
    assert outcome is not None
    assert outcome["old_minor"] == sum(_paid(sales).values())
    assert outcome["delta_minor"] == outcome["new_minor"] - outcome["old_minor"]
    for name in ("by_rule", "by_tier", "by_depth", "by_sku", "by_category", "by_month", "by_day"):
        for side in ("old_minor", "new_minor"):
            assert sum(row[side] for row in outcome[name]) == outcome[side], name
    assert sum(row["orders"] for row in outcome["by_month"]) == 60
    waiting = outcome["awaiting_receipt"]
    assert waiting["new_minor"] == outcome["new_minor"]
    assert all(
        row["delta_minor"] == sum(each["delta_minor"] for each in row["why"]) for row in outcome["gainers"] + outcome["losers"]
    )
    assert outcome["law"]["legal"] is True
    for table in queries.TABLES:
        rows = list(queries.rows_of(run, table))
        assert all(len(row) == len(rows[0]) for row in rows)


def test_a_cancelled_run_stops_and_stays_cancelled(sales: Sales, monkeypatch: pytest.MonkeyPatch) -> None:
    sales.publish(DOCUMENT)
    _sell(sales, 40)
    monkeypatch.setattr("banyan.earnings.simulation.commands.running.SLICE", 10)
    monkeypatch.setattr("banyan.earnings.simulation.commands.running.PROCESSES", 0)
    with sales.shop.enter():
        run_id = commands.request(NewRun(OTHER, FROM, UNTIL))
    told: list[int] = []
    from banyan.earnings.simulation.commands import running

    keep = running._keep_progress

    def cancel_after_two(run: int, done: int, count: int) -> bool:
        told.append(done)
        if len(told) == 2:
            commands.cancel(run)
        return keep(run, done, count)

    monkeypatch.setattr(running, "_keep_progress", cancel_after_two)
    assert commands.run_due(sales.shop.id) == 1
    assert told == [10, 20]
    with sales.shop.enter():
        assert queries.get_run(run_id).status is RunStatus.CANCELLED
        with pytest.raises(commands.RunIsOver):
            commands.cancel(run_id)


def test_bad_documents_and_windows_are_refused(sales: Sales) -> None:
    with sales.shop.enter():
        with pytest.raises(commands.CannotSimulate):
            commands.request(NewRun({"format": 1}, FROM, UNTIL))
        with pytest.raises(commands.CannotSimulate):
            commands.request(NewRun(DOCUMENT, UNTIL, FROM))
        with pytest.raises(queries.RunNotFound):
            commands.cancel(1)


def test_a_plan_with_figures_is_not_simulated_over_orders_that_had_no_plan(sales: Sales) -> None:
    ladder = {"kind": "whole_band", "by": "figure", "figure": "month_sales_minor", "bands": [{"from_minor": 0, "rate_bp": 500}]}
    document = {**DOCUMENT, "rules": [{"key": "ladder", "pays": {"to": "seller"}, "amount": ladder}]}
    early = sales.sell(10_000, paid_at=T0 - timedelta(hours=1))
    with sales.shop.enter():
        commission.accrue([early])
    sales.publish(document)
    _sell(sales, 5)
    with sales.shop.enter():
        assert commands.request(NewRun(document, T0, UNTIL))
        with pytest.raises(commands.CannotSimulate):
            commands.request(NewRun(document, FROM, UNTIL))


def test_a_run_says_which_facts_were_not_frozen_with_its_orders(sales: Sales, monkeypatch: pytest.MonkeyPatch) -> None:
    houses = SimpleNamespace(channels=lambda of: dict.fromkeys(of, "shop"), first_paid=set, region_codes=lambda _: {})
    monkeypatch.setattr("banyan.earnings.commission.queries.facts.orders", houses)
    rule = {**DOCUMENT["rules"][0], "when": {"channel": ["shop"]}}
    asking = {**DOCUMENT, "rules": [rule]}
    sales.publish(DOCUMENT)
    _sell(sales, 5)
    found = []
    for document in (DOCUMENT, asking, {**asking, "rules": [{**rule, "when": {"first_order": True}}]}):
        with sales.shop.enter():
            run_id = commands.request(NewRun(document, FROM, UNTIL))
        commands.run_due(sales.shop.id)
        with sales.shop.enter():
            outcome = queries.get_run(run_id).outcome
        assert outcome is not None
        found.append(outcome["read_again"])
    assert found == [[], ["channel"], ["first_order"]]
