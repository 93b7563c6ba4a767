"""The street over HTTP: owner, team-mate, stranger, other tenant; notices from the channel and from nobody."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from banyan.kernel import clock, ids
from banyan.people.distributors import commands as distributors
from banyan.people.distributors.types import Application
from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role, scopes_of
from banyan.treasury.payments import commands as payments
from banyan.treasury.payments import ports as payment_ports
from banyan.treasury.payments import queries as payment_queries
from banyan.treasury.payments.models import IncidentRow
from banyan.treasury.payments.tests.channel import AT, MemoryChannel
from banyan.treasury.payments.types import NewPayment, NewRefund, RefundNotice, RefundNoticeState
from banyan.treasury.payouts import commands, queries
from banyan.treasury.payouts.tests.channel import MemoryPayoutChannel
from banyan.treasury.payouts.types import NewPayout, PayoutState


class Person:
    """Somebody with a token."""

    def __init__(self, shop: Any, role: Role) -> None:
        self.role = role
        with shop.enter():
            login = f"{role}{uuid.uuid4().hex[:8]}"
            (self.user_id,) = identity.register_users([NewUser(login, None, "测试", None, (role,))])
            self.distributor_id = 0
            if role is Role.DISTRIBUTOR:
                (applied,) = distributors.apply([Application(self.user_id, None, clock.now())])
                self.distributor_id = applied.distributor_id  # type: ignore[union-attr]
                distributors.approve([self.distributor_id], clock.now())  # type: ignore[list-item]
            self.token = identity.issue_token(self.user_id, scopes_of((role,)), "test")

    def get(self, path: str) -> Any:
        return Client(raise_request_exception=False).get(f"/api/v1{path}", headers={"Authorization": f"Bearer {self.token}"})

    def post(self, path: str, body: Any = None, key: str = "") -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": key or uuid.uuid4().hex}
        return Client(raise_request_exception=False).post(
            f"/api/v1{path}", json.dumps(body or {}), content_type="application/json", headers=headers
        )


@pytest.fixture
def person(tenant: Any) -> Callable[..., Person]:
    """A function that makes somebody with a role, in this shop or another."""
    return lambda role, shop=tenant: Person(shop, role)


@pytest.fixture
def paying(channel: MemoryPayoutChannel) -> Any:
    """A payment channel under the payout channel's name, as a real one serves both directions."""
    made = MemoryChannel(channel.name)
    payment_ports.register_channel(made.name, lambda tenant_id: made)
    yield made
    del payment_ports._factories[made.name]


def _payout(shop: Any, owed: Any, channel: MemoryPayoutChannel, distributor_id: int) -> str:
    owed(distributor_id, 500)
    with shop.enter():
        (payout_id,) = commands.request_payouts(
            [NewPayout(distributor_id, 500, "CNY", channel.name, "openid", 1, uuid.uuid4().hex)]
        )
    return ids.public("pyo", payout_id)


def _notify(house: str, channel: str, tenant_id: int, body: Any, signature: str = "good", **headers: str) -> Any:
    address = f"/api/v1/{house}/notify/{channel}/{ids.public('tnt', tenant_id)}"
    return Client(raise_request_exception=False).post(
        address, json.dumps(body), content_type="application/json", headers={"x-signature": signature, **headers}
    )


def test_a_payout_is_seen_by_its_receiver_and_the_shop_and_nobody_else(
    tenant: Any, make_shop: Any, person: Any, owed: Any, channel: MemoryPayoutChannel
) -> None:
    owner, mate = person(Role.DISTRIBUTOR), person(Role.DISTRIBUTOR)
    other = person(Role.FINANCE, make_shop())
    finance, auditor, buyer = person(Role.FINANCE), person(Role.AUDITOR), person(Role.CONSUMER)
    payout = _payout(tenant, owed, channel, owner.distributor_id)
    commands.submit_due(tenant.id)
    for somebody in (owner, finance, auditor):
        answer = somebody.get(f"/payouts/{payout}")
        assert (answer.status_code, answer.json()["amount_minor"]) == (200, 500)
        assert "account" not in answer.json()
        assert [row["id"] for row in somebody.get("/payouts").json()["items"]] == [payout]
    assert mate.get(f"/payouts/{payout}").status_code == other.get(f"/payouts/{payout}").status_code == 404
    assert mate.get("/payouts").json()["items"] == other.get("/payouts").json()["items"] == []
    assert mate.get(f"/payouts?distributor_id={ids.public('dst', owner.distributor_id)}").json()["items"] == []
    assert buyer.get(f"/payouts/{payout}").status_code == 403
    assert owner.get(f"/payouts/{payout}/confirmation").json()["confirm_package"].startswith("package-")
    for somebody in (mate, finance, auditor, other):
        assert somebody.get(f"/payouts/{payout}/confirmation").status_code == 404
    for somebody in (owner, mate, auditor, buyer):
        assert somebody.post(f"/payouts/{payout}/cancel", {"reason": "no"}).status_code == 403
    assert other.post(f"/payouts/{payout}/cancel", {"reason": "no"}).status_code == 404
    with tenant.enter():
        assert queries.list_payouts()[0].state is PayoutState.AWAITING_CONFIRMATION
    assert finance.post(f"/payouts/{payout}/submit").status_code == 200
    assert finance.post(f"/payouts/{payout}/cancel", {"reason": "asked for"}).status_code == 200
    commands.submit_due(tenant.id)
    assert finance.get(f"/payouts/{payout}").json()["state"] == "cancelled"
    assert finance.post(f"/payouts/{payout}/cancel", {"reason": "again"}).status_code == 200
    assert finance.post(f"/payouts/{payout}/submit").status_code == 409


def test_a_distributor_sees_the_own_accounts_only(tenant: Any, person: Any, owed: Any) -> None:
    owner, mate, finance = person(Role.DISTRIBUTOR), person(Role.DISTRIBUTOR), person(Role.FINANCE)
    owed(owner.distributor_id, 700)
    (account,) = owner.get("/ledger/accounts").json()["items"]
    assert (account["kind"], account["balance_minor"]) == ("distributor_payable", 700)
    lines = owner.get(f"/ledger/accounts/{account['id']}/lines").json()["items"]
    assert [(line["amount_minor"], line["balance_minor"]) for line in lines] == [(700, 700)]
    assert mate.get("/ledger/accounts").json()["items"] == []
    for path in (f"/ledger/accounts/{account['id']}", f"/ledger/accounts/{account['id']}/lines"):
        assert mate.get(path).status_code == 404
        assert finance.get(path).status_code == 200
    entry = finance.get("/ledger/entries").json()["items"][0]
    assert sum(posting["amount_minor"] for posting in entry["postings"]) == 0
    for path in ("/ledger/entries", f"/ledger/entries/{entry['id']}", "/ledger/trial-balance"):
        assert finance.get(path).status_code == 200
        assert owner.get(path).status_code == 403
    totals = finance.get("/ledger/trial-balance").json()
    assert sum(line["debit_minor"] for line in totals) == sum(line["credit_minor"] for line in totals) == 700
    assert finance.get("/ledger/trial-balance?at=2020-01-01T00:00:00Z").json()[0]["balance_minor"] == 0
    assert finance.get("/ledger/trial-balance?at=yesterday").status_code == 422
    assert finance.get("/ledger/accounts?cursor=nonsense").status_code == 422


def test_paying_refunding_and_looking_over_http(tenant: Any, make_shop: Any, person: Any, paying: MemoryChannel) -> None:
    buyer, stranger, finance = person(Role.CONSUMER), person(Role.CONSUMER), person(Role.FINANCE)
    other = person(Role.FINANCE, make_shop())
    with tenant.enter():
        (payment_id,) = payments.open_payments([NewPayment(5, 900, "CNY", paying.name, buyer_id=buyer.user_id)])
        number = payment_queries.get_payment(payment_id).out_trade_no
    shown = ids.public("pay", payment_id)
    assert buyer.post(f"/payments/{shown}/open", {"payer": "o-1"}).json()["values"]["payer"] == "o-1"
    assert stranger.post(f"/payments/{shown}/open").status_code == 404
    assert stranger.get(f"/payments/{shown}").status_code == other.get(f"/payments/{shown}").status_code == 404
    told = {"number": number, "transaction": "T9", "amount": 900, "currency": "CNY", "at": AT.isoformat()}
    for _ in range(3):
        assert _notify("payments", paying.name, tenant.id, told).json() == {"code": "SUCCESS", "message": "OK"}
    assert buyer.get(f"/payments/{shown}").json()["state"] == "captured"
    assert buyer.post(f"/payments/{shown}/open").status_code == 409
    order = ids.public("ord", 5)
    assert buyer.post("/refunds", {"order_id": order, "amount_minor": 5, "reason": "x"}).status_code == 403
    body = {"order_id": order, "amount_minor": 400, "reason": "failed before"}
    for named in ({}, {"payment_id": shown}):
        refused = finance.post("/refunds", body | named).json()["error"]
        assert refused["code"] == "refund_by_return" and "return" in refused["advice"], "its commission would stay"
    assert finance.get(f"/refunds?order_id={order}").json()["items"] == []
    with tenant.enter():  # the order does not take this money and asks for it back, whole; the channel fails to do so
        (failing,) = payments.request_refunds([NewRefund(5, 900, "too late", "s", payment_id, is_extra=True)])
        asked = payment_queries.get_refund(failing)
        failure = RefundNotice(paying.name, asked.out_refund_no, "R", RefundNoticeState.FAILED, 900, "CNY", AT)
        payments.complete_refunds([failure])
    assert finance.get(f"/payments/{shown}").json()["is_extra"] is True
    first = finance.post("/refunds", body, key="r1")
    assert (first.status_code, first.json()["state"]) == (201, "requested")
    assert finance.post("/refunds", body, key="r1").json() == first.json()
    too_much = finance.post("/refunds", body | {"amount_minor": 501}).json()["error"]
    assert (too_much["code"], too_much["details"]["reversible_minor"]) == ("refund_too_large", 500)
    refund = first.json()["id"]
    assert buyer.get(f"/refunds/{refund}").status_code == 200
    assert stranger.get(f"/refunds/{refund}").status_code == 404
    assert [row["id"] for row in buyer.get("/refunds").json()["items"]] == [refund, ids.public("rfd", failing)]
    assert stranger.get("/refunds").json()["items"] == stranger.get("/payments").json()["items"] == []
    assert payments.submit_due_refunds(tenant.id) == 1
    assert finance.get(f"/refunds/{refund}").json()["state"] == "completed"
    assert finance.get(f"/payments/{shown}").json()["reversible_minor"] == 500
    long = [finance.post("/refunds", body | {"amount_minor": 50}, key="k" * 150 + end).json()["id"] for end in "ab"]
    assert len(set(long)) == 2, "keys that differ far behind are two refunds"
    assert finance.get(f"/payments/{shown}").json()["reversible_minor"] == 400
    assert tenant.verify() == []


def test_notices_that_prove_nothing_are_refused_and_counted(tenant: Any, person: Any, paying: MemoryChannel) -> None:
    for _ in range(3):
        answer = _notify("payments", paying.name, tenant.id, {}, signature="bad")
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "notice_rejected")
    assert _notify("payouts", paying.name, tenant.id, {}, signature="bad").status_code == 401
    with tenant.enter():
        assert list(IncidentRow.objects.values_list("kind", "seen_count")) == [("bad_signature", 4)]
    assert _notify("payments", "elsewhere", tenant.id, {}).status_code == 404
    assert _notify("payments", paying.name, 999_999_999, {}).status_code == 404
    finance, auditor, buyer = person(Role.FINANCE), person(Role.AUDITOR), person(Role.CONSUMER)
    (incident,) = auditor.get("/payments/incidents").json()["items"]
    assert buyer.get("/payments/incidents").json()["items"] == []
    address = f"/payments/incidents/{incident['id']}/resolve"
    assert auditor.post(address, {"resolution": "looked"}).status_code == 403
    assert finance.post(address, {"resolution": "a test of ours"}).status_code == 204
    assert finance.post(address, {"resolution": "again"}).status_code == 409
    assert finance.get("/payments/incidents").json()["items"] == []
    _notify("payments", paying.name, tenant.id, {}, signature="bad")
    assert finance.get("/payments/incidents").json()["items"][0]["seen_count"] == 5


def test_a_token_of_another_shop_makes_no_notice_a_defect(
    tenant: Any, make_shop: Any, person: Any, paying: MemoryChannel, channel: MemoryPayoutChannel
) -> None:
    other = person(Role.FINANCE, make_shop())
    for house, name in (("payments", paying.name), ("payouts", channel.name)):
        answer = _notify(house, name, tenant.id, {}, signature="bad", authorization=f"Bearer {other.token}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "notice_rejected")


def test_a_payout_notice_over_http(tenant: Any, person: Any, owed: Any, channel: MemoryPayoutChannel) -> None:
    owner = person(Role.DISTRIBUTOR)
    payout = _payout(tenant, owed, channel, owner.distributor_id)
    commands.submit_due(tenant.id)
    (number,) = channel.bills
    for _ in range(2):
        told = {"number": number, "state": "completed", "amount": 500}
        assert _notify("payouts", channel.name, tenant.id, told).status_code == 200
    assert owner.get(f"/payouts/{payout}").json()["state"] == "completed"
    assert owner.get(f"/payouts/{payout}/confirmation").status_code == 409
    assert tenant.verify() == []


def test_the_frozen_are_not_paid_and_go_on_when_freed(
    tenant: Any, person: Any, owed: Any, channel: MemoryPayoutChannel, driven_clock: Any
) -> None:
    one, two = person(Role.DISTRIBUTOR), person(Role.DISTRIBUTOR)
    early = _payout(tenant, owed, channel, one.distributor_id)
    commands.submit_due(tenant.id)
    with tenant.enter():
        distributors.freeze([one.distributor_id, two.distributor_id], "looked at")
    tenant.drain()
    held = _payout(tenant, owed, channel, two.distributor_id)
    report = commands.submit_due(tenant.id)
    assert report.held_back == 1
    assert one.get(f"/payouts/{early}").json()["state"] == "cancelled"  # not confirmed yet, so it was asked back
    assert (two.get(f"/payouts/{held}").json()["state"], two.get(f"/payouts/{held}").json()["held_reason"]) == (
        "requested",
        "frozen",
    )
    assert channel.count("submit") == 1
    with tenant.enter():
        distributors.unfreeze([two.distributor_id], "cleared")
    tenant.drain()
    commands.submit_due(tenant.id)
    assert two.get(f"/payouts/{held}").json()["state"] == "awaiting_confirmation"
    assert tenant.verify() == []
