"""`banyan verify` while work goes on: between an event and its reaction nothing is wrong; what is lost for good is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from banyan.earnings.commission.events import CommissionReleased, CommissionReversed
from banyan.earnings.settlement.tests.making import AUTOMATIC, earn, make_distributors, open_all, open_policy, take_away
from banyan.earnings.settlement.tests.test_payouts import APRIL, COMPLETED, FAILED, RETURNED, notice, payouts_of
from banyan.kernel import clock, events, sql
from banyan.treasury.payouts import commands as payouts
from banyan.treasury.payouts.types import ChannelPayoutState


@pytest.fixture
def paying(tenant: Any, driven_clock: Any) -> Any:
    """A distributor whose statement of ¥10.00 is being paid."""
    driven_clock(APRIL - timedelta(days=20))
    with tenant.enter():
        open_policy(AUTOMATIC)
        (payee,) = make_distributors()
        earn([(payee, 1_000)])
        driven_clock(APRIL)
        open_all()
    tenant.drain()
    return tenant, payee


def found(shop: Any) -> set[str]:
    return {finding.check for finding in shop.verify()}


@pytest.mark.parametrize("states", [(COMPLETED,), (FAILED,), (COMPLETED, RETURNED)], ids=str)
def test_a_payout_has_ended_and_settlement_was_not_told(paying: Any, states: tuple[ChannelPayoutState, ...]) -> None:
    shop, payee = paying
    (payout,) = payouts_of(shop, payee)
    for state in states:
        with shop.enter():
            payouts.record_results([notice(payout, state)])
        assert found(shop) == set()
    shop.drain()
    assert found(shop) == set()


def test_a_lost_end_of_a_payout_is_found(paying: Any) -> None:
    shop, payee = paying
    (payout,) = payouts_of(shop, payee)
    with shop.enter():
        payouts.record_results([notice(payout, FAILED)])
        _skip("settlement.record_payouts", "payouts.payout_failed")
    assert found(shop) == {"settlement.balances", "settlement.payouts"}


def test_a_release_and_a_reversal_of_which_settlement_was_not_told(paying: Any) -> None:
    shop, payee = paying
    at = clock.now()
    with shop.enter():
        (commission_id,) = earn([(payee, 500)], heard=False)
        events.record([CommissionReleased(1, "CNY", ((commission_id, payee, 500),), at)])
    assert found(shop) == set()
    with shop.enter():
        item = take_away(payee, 200, heard=False)
        line = (item.source_id, commission_id, payee, 200)
        events.record([CommissionReversed(1, "return", 1, "CNY", True, (line,), at)])
    assert found(shop) == set()
    shop.drain()
    assert found(shop) == set()
    with shop.enter():
        (commission_id,) = earn([(payee, 500)], heard=False)
        events.record([CommissionReleased(2, "CNY", ((commission_id, payee, 500),), at)])
        _skip("settlement.take_in", "commission.commission_released")
    assert found(shop) == {"settlement.balances"}


def test_a_changed_item_is_audited_and_its_claim_is_not(paying: Any) -> None:
    shop, payee = paying
    audited = "SELECT operation, after FROM audit_entries WHERE table_name = 'settlement_items'"
    with shop.enter():
        assert sql.fetch(audited) == [], "a statement's claim is told by its lines"
        sql.execute("UPDATE settlement_items SET amount_minor = 999 WHERE distributor_id = %s", (payee,))
        assert sql.fetch(audited) == [("update", {"amount_minor": 999})]
    assert found(shop) == {"settlement.claims"}


def _skip(reaction: str, kind: str) -> None:
    """The reaction's cursor stands behind an event that it never took, as after a dismissal."""
    sql.execute(
        "INSERT INTO reaction_cursors (id, tenant_id, reaction, commit_order, event_id)"
        " SELECT id, tenant_id, %s, commit_order, id FROM outbox_events WHERE kind = %s ORDER BY id DESC LIMIT 1"
        " ON CONFLICT (tenant_id, reaction) DO UPDATE SET commit_order = excluded.commit_order, event_id = excluded.event_id",
        (reaction, kind),
    )
