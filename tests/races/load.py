"""The load of the fault tests: a process of its own that buys, pays, gives back, settles and checks while its surroundings are
being killed.

Reads one JSON request per line, answers with one JSON line. It behaves as a careful client does: whatever is not
acknowledged is asked for again under the same key, and every payment notice is delivered twice.
"""

from __future__ import annotations

import http.client
import json
import random
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import office

from banyan.config import runtime
from banyan.kernel.supervisor import places

T = TypeVar("T")
CHANNEL = "wechat_pay"
PATIENCE_SECONDS = 120.0
GIVEN_BACK_EVERY = 12
"""One order in so many is paid at the channel's counter and partly given back."""


@dataclass
class Shop:
    """A founded shop with a seller, the seller's sponsor and buyers bound to the seller, and a month that is over."""

    tenant_id: int
    sku_ids: list[int]
    sku_prices_minor: list[int]
    reviewer: int
    buyers: list[int] = field(default_factory=list)
    token: str = ""
    past: list[int] = field(default_factory=list)
    """The orders of that month."""
    bought: dict[str, list[int]] = field(default_factory=dict)


def found() -> Shop:
    """Found it. While no worker runs: the past is lived with the clock driven, and a worker would live in the present."""
    from banyan.config.demo import founding
    from banyan.kernel import clock, tenancy
    from banyan.people.distributors import commands as distributors
    from banyan.people.distributors.types import Application
    from banyan.people.identity import commands as identity
    from banyan.people.identity.types import NewUser, Role
    from banyan.people.network import commands as network
    from banyan.people.network.types import BindRequest, BindSource

    opened_at = clock.now() - office.MONTH
    founded = founding.found(opened_at, 1_000_000, lambda text: None, slug="faults")
    shop = Shop(founded.tenant_id, founded.sku_ids, founded.sku_prices_minor, founded.staff["finance2"])
    with tenancy.enter(shop.tenant_id, actor="load"):
        people = identity.register_users(
            [NewUser(f"person-{number}", None, f"Person {number}", None, (Role.CONSUMER,)) for number in range(12)]
        )
        code = None
        for user in people[:2]:
            applied = distributors.apply([Application(user, code, opened_at)])[0]
            code = applied.code
            distributors.approve([applied.distributor_id], opened_at)
            seller = applied.distributor_id
        shop.buyers = people[2:]
        network.bind([BindRequest(user, seller, BindSource.SIGN_UP, opened_at) for user in shop.buyers])
        shop.token = identity.issue_token(founded.staff["operator"], ("orders:write", "orders:read"), "load")
    office.live_a_month(shop, opened_at)
    return shop


def insist(work: Callable[[], T]) -> tuple[T, int]:
    """Do the work until it is acknowledged; returns the answer and how often it had to be asked for again."""
    from django.db import DatabaseError, InterfaceError, connections
    from psycopg_pool import PoolTimeout

    deadline = time.monotonic() + PATIENCE_SECONDS
    again = 0
    while True:
        try:
            return work(), again
        except (DatabaseError, InterfaceError, PoolTimeout, OSError) as error:
            if time.monotonic() > deadline:
                raise
            connections.close_all()  # also the owner's, with which the structure is checked
            again += 1
            time.sleep(0.05 if isinstance(error, DatabaseError) else 0.2)


def ask_web(home: Path, shop: Shop, key: str, body: dict[str, Any]) -> dict[str, Any]:
    """One POST of an order under its key. Raises ConnectionError when it has to be asked for again."""
    services = places.read_services(home)
    if services is None:
        raise ConnectionError("no services are published")
    request = urllib.request.Request(
        f"{services.web_url}/api/v1/orders",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {shop.token}", "Idempotency-Key": key, "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code >= 500 or error.code == 409:  # in progress under this key, or it could not be done now
            raise ConnectionError(f"status {error.code}") from None
        raise RuntimeError(f"status {error.code}: {error.read()[:300]!r}") from None
    except http.client.HTTPException as error:
        raise ConnectionError(type(error).__name__) from None


def buy(shop: Shop, home: Path, key: str, chance: random.Random, gives_back: bool) -> dict[str, Any]:
    """Place one order over HTTP and deliver its payment notice twice; perhaps give a piece back."""
    from banyan.kernel import clock, ids, tenancy
    from banyan.trade.orders import commands as orders
    from banyan.treasury.payments import commands as payments
    from banyan.treasury.payments import queries as collected
    from banyan.treasury.payments.types import CaptureNotice

    body = {
        "buyer_id": ids.public("usr", chance.choice(shop.buyers)),
        "lines": [
            {"sku_id": ids.public("sku", sku), "quantity": chance.randint(2, 3)}
            for sku in chance.sample(shop.sku_ids, chance.randint(1, 3))
        ],
    }
    placed, again = insist(lambda: ask_web(home, shop, key, body))
    order_id = ids.parse("ord", placed["id"])

    bill = ""

    def open_it() -> None:
        with tenancy.enter(shop.tenant_id, actor="load"):
            if not collected.list_payments_of([order_id]).get(order_id):
                orders.open_payments([order_id], CHANNEL)

    def pay() -> None:
        with tenancy.enter(shop.tenant_id, actor="load"):
            payment = collected.list_payments_of([order_id])[order_id][-1]
            number = payment.out_trade_no
            notice = CaptureNotice(CHANNEL, number, bill or f"tx-{number}", payment.amount_minor, payment.currency, clock.now())
            payments.capture([notice])

    again += insist(open_it)[1]
    if gives_back:
        bill, more = office.pay_at_the_counter(shop, home, order_id, insist)
        again += more
    for _ in range(2):
        again += insist(pay)[1]
    if gives_back:
        again += office.give_back(shop, order_id, f"{key}-back", insist)
    return {"order_id": order_id, "again": again}


def load(shop: Shop, home: Path, prefix: str, count: int, threads: int) -> dict[str, Any]:
    """`count` orders from several threads at once; returns what was acknowledged."""
    bought: dict[str, dict[str, Any]] = {}
    failures: list[str] = []

    def run(part: range) -> None:
        from django.db import connection

        try:
            for number in part:
                key = f"{prefix}-{number}"
                bought[key] = buy(shop, home, key, random.Random(key), number % GIVEN_BACK_EVERY == 0)
        except Exception as error:  # told to the test, which fails
            failures.append(f"{type(error).__name__}: {error}")
        finally:
            connection.close()

    def settle_meanwhile() -> None:
        from django.db import connection

        try:
            settled.append(office.settle_some(shop, insist))
        except Exception as error:
            failures.append(f"settling: {type(error).__name__}: {error}")
        finally:
            connection.close()

    settled: list[int] = []
    workers = [threading.Thread(target=run, args=(range(start, count, threads),)) for start in range(threads)]
    workers.append(threading.Thread(target=settle_meanwhile))
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    shop.bought[prefix] = [one["order_id"] for one in bought.values()]
    again = sum(one["again"] for one in bought.values()) + sum(settled)
    return {"bought": len(bought), "again": again, "failures": failures}


def settle(shop: Shop, prefix: str, count: int) -> dict[str, Any]:
    """Wait until the worker delivered everything, then count what there is and run every check."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        state = insist(lambda: _state(shop, prefix))[0]
        complete = state["paid"] == state["rewarded"] == count
        if complete or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    return state | insist(lambda: _proof(shop))[0]


def _state(shop: Shop, prefix: str) -> dict[str, Any]:
    from banyan.kernel import sql, tenancy

    mine = shop.bought[prefix]
    with tenancy.enter(shop.tenant_id, actor="load"):
        count, paid, total_minor = sql.fetch(
            "SELECT count(*), count(*) FILTER (WHERE state = 'paid'), coalesce(sum(total_minor), 0)::bigint FROM orders_orders"
            " WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
            (shop.tenant_id, mine),
        )[0]
        captured, captured_minor = sql.fetch(
            "SELECT count(*), coalesce(sum(amount_minor), 0)::bigint FROM payments_payments"
            " WHERE tenant_id = %s AND order_id = ANY(%s::bigint[]) AND state = 'captured'",
            (shop.tenant_id, mine),
        )[0]
        rewarded = sql.fetch(
            "SELECT count(*) FROM (SELECT order_id FROM commission_commissions"
            " WHERE tenant_id = %s AND order_id = ANY(%s::bigint[])"
            " GROUP BY order_id HAVING count(DISTINCT payee_id) = 2) both_paid",
            (shop.tenant_id, mine),
        )[0][0]
        everything = sql.fetch("SELECT count(*) FROM orders_orders WHERE tenant_id = %s", (shop.tenant_id,))[0][0]
    return {
        "orders": count, "paid": paid, "total_minor": total_minor, "captured": captured, "captured_minor": captured_minor,
        "rewarded": rewarded, "all_orders": everything - len(shop.past),
    }  # fmt: skip


def _proof(shop: Shop) -> dict[str, Any]:
    from banyan.config import verifying
    from banyan.kernel import sql, tenancy

    report = verifying.verify([shop.tenant_id])
    with tenancy.enter(shop.tenant_id, actor="load"):
        aside = sql.fetch("SELECT reaction, error FROM set_aside_events WHERE tenant_id = %s", (shop.tenant_id,))
    return {
        "findings": [f"{f.check} {f.subject}: expected {f.expected}, found {f.actual}" for _, f in report.findings],
        "compared": report.checked,
        "set_aside": [list(row) for row in aside],
    }


def main() -> None:
    """`load.py found` founds the shop and prints it; `load.py SHOP` answers requests about it until the input ends."""
    home = places.default_home()
    with runtime.database_ready():
        if sys.argv[1] == "found":
            print(json.dumps(asdict(found())), flush=True)
            return
        shop = Shop(**json.loads(sys.argv[1]))
        print(json.dumps({"ready": shop.tenant_id}), flush=True)
        for line in sys.stdin:
            request = json.loads(line)
            if request["do"] == "load":
                answer = load(shop, home, request["prefix"], request["count"], request["threads"])
            elif request["do"] == "close":
                answer = office.close(shop, home, insist, PATIENCE_SECONDS) | insist(lambda: _proof(shop))[0]
            else:
                answer = settle(shop, request["prefix"], request["count"])
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
