"""The other half of the fault tests' load: a month that is over, its settlement, its payouts, and goods that come back.

Money goes out through the channel's simulator, a process of its own that is killed like the others. Everything here is asked for
again until it is acknowledged, so a command may well have been done already when it is asked for.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from banyan.kernel.supervisor import places

CHANNEL = "wechat_pay"
SELLERS = 60
LARGE_EVERY = 3
MONTH = timedelta(days=40)
Insist = Callable[[Callable[[], Any]], tuple[Any, int]]


def live_a_month(shop: Any, opened_at: datetime) -> None:
    """Sellers each bring one order, received and released weeks ago; nobody has settled with them. One in three is reviewed."""
    from banyan.earnings.settlement import commands as settlement
    from banyan.earnings.settlement.types import PayeeAccount
    from banyan.kernel import clock, events, jobs, tenancy
    from banyan.people.distributors import commands as distributors
    from banyan.people.distributors.types import Application
    from banyan.people.identity import commands as identity
    from banyan.people.identity.types import NewUser, Role
    from banyan.people.network import commands as network
    from banyan.people.network.types import BindRequest, BindSource
    from banyan.trade.orders import commands as orders
    from banyan.trade.orders.types import PlaceOrder, Shipment
    from banyan.treasury.payments import commands as payments
    from banyan.treasury.payments import queries as collected
    from banyan.treasury.payments.types import CaptureNotice

    price_minor, sku_id = max(zip(shop.sku_prices_minor, shop.sku_ids, strict=True))
    with clock.driven(opened_at + timedelta(hours=1)), tenancy.enter(shop.tenant_id, actor="load"):
        now = clock.now()
        people = identity.register_users(
            [NewUser(f"month-{number}", None, f"Person {number}", None, (Role.CONSUMER,)) for number in range(2 * SELLERS)]
        )
        sellers, buyers = people[:SELLERS], people[SELLERS:]
        applied = [one.distributor_id for one in distributors.apply([Application(user, None, now) for user in sellers])]
        distributors.approve(applied, now)
        settlement.set_payee_accounts([PayeeAccount(one, CHANNEL, f"openid-{one}", f"Person {one}") for one in applied])
        network.bind([BindRequest(b, s, BindSource.SIGN_UP, now) for b, s in zip(buyers, applied, strict=True)])
        large = 400_000 // price_minor + 1  # commission enough for a review by one person
        placed = orders.place_orders(
            [PlaceOrder(b, [(sku_id, 1 if number % LARGE_EVERY else large)]) for number, b in enumerate(buyers)]
        )
        shop.past = [one.order_id for one in placed]
        orders.open_payments(shop.past, CHANNEL)
        opened = [found[-1] for found in collected.list_payments_of(shop.past).values()]
        payments.capture(
            [CaptureNotice(CHANNEL, p.out_trade_no, f"tx-{p.out_trade_no}", p.amount_minor, p.currency, now) for p in opened]
        )
    events.drain(shop.tenant_id)
    with clock.driven(opened_at + timedelta(days=2)), tenancy.enter(shop.tenant_id, actor="load"):
        orders.ship([Shipment(order_id, "SF", f"SF{order_id}") for order_id in shop.past])
        orders.receive(shop.past)
    events.drain(shop.tenant_id)
    with clock.driven(opened_at + timedelta(days=14)):
        jobs.run_job("commission.release_due", [shop.tenant_id])
        events.drain(shop.tenant_id)


def settle_some(shop: Any, insist: Insist) -> int:
    """Open statements of two more sellers and approve what waits; returns how often it had to be asked for again."""
    from banyan.earnings.settlement import commands as settlement
    from banyan.earnings.settlement import queries as statements
    from banyan.earnings.settlement.types import Decision, ReviewRequest, StatementStatus
    from banyan.kernel import clock, tenancy

    def run() -> None:
        with tenancy.enter(shop.tenant_id, actor="load"):
            settlement.open_statements(clock.now(), 2)

    def approve() -> None:
        with tenancy.enter(shop.tenant_id, actor="load"):
            waiting = [one for one in statements.list_review_queue(50) if one.status is StatementStatus.UNDER_REVIEW]
            settlement.review(
                [ReviewRequest(one.statement_id, Decision.APPROVE, int(shop.reviewer), "", one.amount_minor) for one in waiting]
            )

    return int(insist(run)[1] + insist(approve)[1])


def pay_at_the_counter(shop: Any, home: Path, order_id: int, insist: Insist) -> tuple[str, int]:
    """Open the payment at the channel and pay it there; returns the channel's number of it, for the notice."""
    from banyan.kernel import tenancy
    from banyan.treasury.payments import commands as payments
    from banyan.treasury.payments import queries as collected

    def open_it() -> str:
        with tenancy.enter(shop.tenant_id, actor="load"):
            payment = collected.list_payments_of([order_id])[order_id][-1]
            if str(payment.state) != "captured":
                try:
                    payments.open_at_channel(payment.payment_id, "openid-buyer")
                except payments.ChannelUnavailable as error:  # it was just killed
                    raise ConnectionError(str(error)) from None
            return str(payment.out_trade_no)

    number, again = insist(open_it)
    bill, more = insist(lambda: _paid(home, number))
    return str(bill), int(again + more)


def _paid(home: Path, number: str) -> str:
    known = {one["out_trade_no"]: one for one in ask_simulator(home, "state")["orders"]}
    if not known[number]["transaction_id"]:
        ask_simulator(home, "pay", {"out_trade_no": number})
        known = {one["out_trade_no"]: one for one in ask_simulator(home, "state")["orders"]}
    return str(known[number]["transaction_id"])


def ask_simulator(home: Path, verb: str, body: Any = None) -> dict[str, Any]:
    """One of its verbs. Raises OSError while it is away."""
    services = places.read_services(home)
    if services is None:
        raise ConnectionError("no services are published")
    request = urllib.request.Request(f"{services.simulator_url}/_sim/{verb}", data=json.dumps(body or {}).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=20) as answer:
        return dict(json.load(answer))


def give_back(shop: Any, order_id: int, key: str, insist: Insist) -> int:
    """One piece that never left comes back: asked for, approved and accepted, each until it is acknowledged."""
    from banyan.kernel import clock, tenancy
    from banyan.trade.orders import queries as orders
    from banyan.trade.returns import commands as returns
    from banyan.trade.returns.types import LineClaim, Mode, RequestReturn

    def step(command: Callable[[], Any]) -> Any:
        def run() -> Any:
            with tenancy.enter(shop.tenant_id, actor="load"):
                return command()

        return insist(run)

    def ask() -> int:
        if orders.get_order(order_id).state != "paid":
            raise ConnectionError("the worker has not heard of the payment yet")
        line = orders.get_order(order_id).lines[0]
        wish = RequestReturn(
            order_id, (LineClaim(line.line_id, 1),), Mode.UNSHIPPED, "changed my mind", key, int(shop.reviewer), clock.now()
        )
        (outcome,) = returns.request_returns([wish])
        if outcome.refusal is not None:
            raise outcome.refusal
        assert outcome.return_id is not None
        return int(outcome.return_id)

    return_id, again = step(ask)
    for command in (lambda: returns.approve([return_id], int(shop.reviewer)), lambda: returns.accept([return_id])):
        again += step(command)[1]
    return int(again)


def close(shop: Any, home: Path, insist: Insist, patience_seconds: float) -> dict[str, Any]:
    """Settle with everybody, wait until all money went out, and lay our books beside the channel's."""
    insist(lambda: _open_all(shop))
    settle_some(shop, insist)
    deadline = time.monotonic() + patience_seconds
    while True:
        ours = insist(lambda: _ours(shop))[0]
        if not ours["open"] or time.monotonic() > deadline:
            break
        insist(lambda: _let_pauses_pass(shop))
        time.sleep(1)
    theirs = insist(lambda: ask_simulator(home, "state"))[0]
    return {"ours": ours} | {
        "theirs": {
            "payouts": sorted([one["out_bill_no"], one["amount"], one["state"]] for one in theirs["transfers"]),
            "refunds": sorted([one["out_refund_no"], one["amount"], one["state"]] for one in theirs["refunds"]),
        }
    }


def _open_all(shop: Any) -> None:
    from banyan.earnings.settlement import commands as settlement
    from banyan.kernel import clock, tenancy

    with tenancy.enter(shop.tenant_id, actor="load"):
        settlement.open_statements(clock.now())


def _let_pauses_pass(shop: Any) -> None:
    """Whoever held these when it was killed keeps them for minutes; the worker shall look at them now."""
    from banyan.kernel import sql, tenancy

    with tenancy.enter(shop.tenant_id, actor="load"):
        for table in ("payouts_payouts", "payments_refunds"):
            sql.execute(
                f"UPDATE {table} SET due_at = now() WHERE tenant_id = %s AND due_at > now() + interval '3 seconds'",
                (shop.tenant_id,),
            )


def _ours(shop: Any) -> dict[str, Any]:
    from banyan.kernel import sql, tenancy

    me = (shop.tenant_id,)
    with tenancy.enter(shop.tenant_id, actor="load"):
        payouts = sql.fetch("SELECT out_bill_no, amount_minor, state FROM payouts_payouts WHERE tenant_id = %s ORDER BY 1", me)
        refunds = sql.fetch("SELECT out_refund_no, amount_minor, state FROM payments_refunds WHERE tenant_id = %s ORDER BY 1", me)
        statements = sql.fetch(
            "SELECT status, count(*), sum(amount_minor)::bigint FROM settlement_statements WHERE tenant_id = %s GROUP BY 1", me
        )
    unfinished = [row for row in (*payouts, *refunds) if row[2] != "completed"]
    unpaid = [row for row in statements if row[0] not in ("paid", "carried")]
    return {
        "open": [list(row) for row in (*unfinished, *unpaid)],
        "payouts": [[row[0], row[1], "SUCCESS"] for row in payouts],
        "refunds": [[row[0], row[1], "SUCCESS"] for row in refunds],
        "statements": [list(row) for row in statements],
    }
