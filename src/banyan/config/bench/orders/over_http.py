"""Single orders all the way: placed over HTTP by granian, paid by the capture command, commission accrued and posted.

Processor time is read from /proc: of granian and its workers, of this process while it pays and drains, and of the whole
PostgreSQL server. The client's own work (building requests, reading answers) is this process's and not counted.
"""

from __future__ import annotations

import gc
import json
import os
import random
import threading
import time
from collections.abc import Callable, Sequence
from http.client import HTTPConnection
from urllib.parse import urlsplit

from banyan.config.bench import processor
from banyan.config.bench.orders.world import BenchShop
from banyan.kernel import clock, events, ids, sql, tenancy
from banyan.kernel.supervisor import places
from banyan.kernel.supervisor.programs import Web
from banyan.people.identity import commands as identity
from banyan.trade.orders import commands as orders
from banyan.trade.orders.types import OrderId
from banyan.treasury.payments import commands as payments
from banyan.treasury.payments import queries as collected
from banyan.treasury.payments.types import CaptureNotice

CLIENTS = 16
"""Callers at once, each on a kept connection; below the 32 threads of a web process."""
TOKENS = 50
WARM_UP = 200
CHANNEL = "bench"


def measure(
    tenant_id: int, shop: BenchShop, count: int, chance: random.Random, say: Callable[[str], None]
) -> tuple[float, float]:
    """(orders per second placed over HTTP, processor milliseconds per order all in). Raises AssertionError on a wrong answer."""
    buyers = chance.sample(shop.buyers, TOKENS)
    with tenancy.enter(tenant_id, actor="bench"):
        tokens = [identity.issue_token(buyer, ("orders:write",), "bench") for buyer in buyers]
    server = postmaster_or_fail()
    web = Web("127.0.0.1", 18_790, home=places.default_home().absolute(), environment=_environment(), workers=1)
    web.start()
    try:
        web.wait_until_it_answers()
        assert web.pid is not None
        _pay(tenant_id, _place(web.url, tokens, shop.skus, WARM_UP, chance))
        web_before, server_before = processor.tree_seconds(web.pid), processor.tree_seconds(server)
        began = time.perf_counter()
        placed = _place(web.url, tokens, shop.skus, count, chance)
        seconds = time.perf_counter() - began
        in_web = processor.tree_seconds(web.pid) - web_before
        in_server = processor.tree_seconds(server) - server_before
    finally:
        web.stop()
    gc.collect()
    before = processor.own_seconds() + processor.tree_seconds(server)
    _pay(tenant_id, placed)
    paying = processor.own_seconds() + processor.tree_seconds(server) - before
    shares = {"web": in_web, "database": in_server, "paying, commission and ledger, both": paying}
    say("per order: " + ", ".join(f"{share / count * 1000:.2f} ms {name}" for name, share in shares.items()))
    _check(tenant_id, placed)
    return count / seconds, (in_web + in_server + paying) / count * 1000


def postmaster_or_fail() -> int:
    """The server's first process; processor time can only be read on this machine."""
    found = processor.postmaster()
    if found is None:
        raise RuntimeError("PostgreSQL does not run on this machine, so its processor time cannot be read.")
    return found


def _environment() -> dict[str, str]:
    return dict(os.environ)


def _place(url: str, tokens: Sequence[str], skus: Sequence[int], count: int, chance: random.Random) -> list[OrderId]:
    """Place orders of two lines over kept connections; returns their ids."""
    wishes = [(chance.choice(tokens), chance.sample(skus, 2)) for _ in range(count)]
    placed: list[OrderId] = []
    problems: list[str] = []

    def client(share: Sequence[tuple[str, list[int]]], number: int) -> None:
        try:
            connection = HTTPConnection(urlsplit(url).netloc, timeout=60)
            run = f"{time.time_ns()}-{number}"
            for position, (token, chosen) in enumerate(share):
                body = json.dumps({"lines": [{"sku_id": ids.public("sku", sku), "quantity": 1} for sku in chosen]})
                headers = {
                    "Authorization": f"Bearer {token}",
                    "Idempotency-Key": f"{run}-{position}",
                    "Content-Type": "application/json",
                }
                connection.request("POST", "/api/v1/orders", body, headers)
                answer = connection.getresponse()
                text = answer.read()
                if answer.status != 201:
                    raise RuntimeError(f"HTTP {answer.status}: {text[:300]!r}")
                placed.append(OrderId(ids.parse("ord", json.loads(text)["id"])))
        except Exception as error:
            problems.append(str(error))

    threads = [threading.Thread(target=client, args=(wishes[number::CLIENTS], number)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise RuntimeError(problems[0])
    return placed


def _pay(tenant_id: int, placed: Sequence[OrderId]) -> None:
    """Open and capture the payments as the channel's notifications do, then let every reaction run."""
    with tenancy.enter(tenant_id, actor="bench"):
        orders.open_payments(placed, CHANNEL)
        opened = collected.list_payments_of(placed)
        notices = [
            CaptureNotice(CHANNEL, each.out_trade_no, f"x{each.out_trade_no}", each.amount_minor, each.currency, clock.now())
            for of_order in opened.values()
            for each in of_order
        ]
        payments.capture(notices)
    events.drain(tenant_id)


def _check(tenant_id: int, placed: Sequence[OrderId]) -> None:
    """Every order is paid, and every line has paid the seller and three ancestors."""
    with tenancy.enter(tenant_id, actor="bench"):
        paid = sql.fetch("SELECT count(*) FROM orders_orders WHERE id = ANY(%s::bigint[]) AND state = 'paid'", (list(placed),))[
            0
        ][0]
        earned = sql.fetch("SELECT count(*) FROM commission_commissions WHERE order_id = ANY(%s::bigint[])", (list(placed),))[0][
            0
        ]
    assert paid == len(placed), f"{paid} of {len(placed)} orders are paid"
    assert earned == 8 * len(placed), f"{earned} commissions instead of {8 * len(placed)}"
