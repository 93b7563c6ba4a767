"""Orders over HTTP are answered in groups: the same answers as one by one, whatever came together."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

import pytest
from django.db import OperationalError, connections
from django.test import Client

from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.types import NewWarehouse, Receipt
from banyan.kernel import idempotency, ids, sql
from banyan.kernel.http import grouped
from banyan.people.identity import commands as identity
from banyan.trade.orders.api import PLACING

CALLERS = 24
"""More than the connections of the pool."""


def send(token: str, body: Any, key: str) -> tuple[int, Any, bool]:
    """(status, answer, replayed) of one order, from a thread of its own or not."""
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
    text = body if isinstance(body, bytes) else json.dumps(body)
    answer = Client(raise_request_exception=False).generic(
        "POST", "/api/v1/orders", text, content_type="application/json", headers=headers
    )
    return answer.status_code, json.loads(answer.content), answer.get("Idempotent-Replayed") == "true"


def all_at_once(requests: list[tuple[str, Any, str]]) -> list[tuple[int, Any, bool]]:
    gate = threading.Barrier(len(requests))

    def one(request: tuple[str, Any, str]) -> tuple[int, Any, bool]:
        try:
            gate.wait(60)
            return send(*request)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(one, requests))


@pytest.fixture
def shop(tenant: Any, make_buyers: Callable[[int], list[Any]]) -> Any:
    """(sku, tokens): one SKU with 15 pieces and a buyer's token for each caller, none of them used before."""
    with tenant.enter():
        (sku,) = make_skus([100])
        warehouse = inventory.open_warehouses([NewWarehouse("main", "主仓")])[0]
        inventory.receive_stock([Receipt(warehouse, sku, 15)])
        tokens = [identity.issue_token(buyer, ("orders:write",), "t") for buyer in make_buyers(CALLERS)]
    return sku, tokens


def want(sku: int, quantity: int = 1) -> Any:
    return {"lines": [{"sku_id": ids.public("sku", sku), "quantity": quantity}]}


def test_a_crowd_of_new_callers_is_answered_each_and_the_stock_is_never_oversold(tenant: Any, shop: Any) -> None:
    """More callers than connections, each asking first whose token it is: whoever waits for his group must hold none."""
    sku, tokens = shop
    answers = all_at_once([(token, want(sku), f"k{n}") for n, token in enumerate(tokens)])
    placed = [body for status, body, _ in answers if status == 201]
    short = [body["error"]["code"] for status, body, _ in answers if status == 409]
    assert len(placed) == 15 == len({body["id"] for body in placed})
    assert short == ["out_of_stock"] * (CALLERS - 15)
    with tenant.enter():
        assert sql.fetch("SELECT count(*) FROM orders_orders WHERE tenant_id = %s", (tenant.id,)) == [(15,)]
    assert tenant.verify() == []


def test_members_are_answered_as_they_would_be_alone(tenant: Any, shop: Any, make_shop: Callable[..., Any]) -> None:
    """Good, short, malformed, not allowed, unknown and revoked ones in one group: each gets his own answer."""
    sku, tokens = shop
    with tenant.enter():
        reader = identity.issue_token(identity_of(tokens[0]), ("orders:read",), "reader")
        gone = identity.issue_token(identity_of(tokens[0]), ("orders:write",), "gone")
    assert send(gone, want(sku), "warm")[0] == 201  # its shop is known from now on
    with tenant.enter():
        sql.execute("UPDATE identity_tokens SET revoked_at = now() WHERE name = 'gone' AND tenant_id = %s", (tenant.id,))
    cases = [
        (tokens[0], want(sku), "a"), (tokens[1], want(sku, 999), "b"), (tokens[2], b"{", "c"), (tokens[3], {"lines": []}, "d"),
        (reader, want(sku), "e"), ("no-such-token", want(sku), "f"), (gone, want(sku), "g"), (tokens[4], want(sku), ""),
        (tokens[5], want(12345), "h"), (tokens[6], {**want(sku), "discount_minor": 5}, "i"),
    ]  # fmt: skip
    together = [(status, body.get("error", {}).get("code")) for status, body, _ in all_at_once(cases)]
    assert together == [
        (201, None), (409, "out_of_stock"), (400, "bad_request"), (422, "invalid"), (403, "forbidden"),
        (401, "unauthenticated"), (401, "unauthenticated"), (400, "idempotency_key_missing"), (422, "unknown_sku"),
        (403, "only_operators"),
    ]  # fmt: skip
    alone = [(status, body.get("error", {}).get("code")) for status, body, _ in (send(*case) for case in cases[1:])]
    assert alone == together[1:]
    assert tenant.verify() == []


def identity_of(token: str) -> Any:
    return sql.fetch("SELECT user_id FROM identity_tokens WHERE digest = %s", (sha256(token.encode()).digest(),))[0][0]


def test_one_key_in_one_group_takes_effect_once(tenant: Any, shop: Any) -> None:
    sku, tokens = shop
    answers = all_at_once([(tokens[0], want(sku), "same")] * 8 + [(tokens[0], want(sku, 2), "same")])
    done = [body for status, body, _ in answers[:8] if status == 201]
    assert len({body["id"] for body in done}) <= 1
    assert {status for status, _, _ in answers} <= {201, 409, 422}
    with tenant.enter():
        assert sql.fetch("SELECT count(*) FROM orders_orders WHERE tenant_id = %s", (tenant.id,)) == [(1,)]
    assert tenant.verify() == []


def test_a_group_that_fails_is_served_one_by_one(tenant: Any, shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A member that breaks the whole group's transaction costs only himself."""
    sku, tokens = shop
    perform = PLACING._perform

    def breaking(asked: Any) -> Any:
        if any(body.channel == "poison" for _, body in asked):
            sql.execute("SELECT 1 / 0")
        return perform(asked)

    monkeypatch.setattr(PLACING, "_perform", breaking)
    answers = all_at_once(
        [(token, {**want(sku), "channel": "poison" if n == 3 else "shop"}, f"p{n}") for n, token in enumerate(tokens[:8])]
    )
    assert answers[3][0] == 422, "a division by zero is bad data"
    assert [status for n, (status, _, _) in enumerate(answers) if n != 3] == [201] * 7
    assert tenant.verify() == []


def test_what_a_rolled_back_group_promised_is_not_told(tenant: Any, shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The transaction of a group is lost after its members were answered: each is served again, for real."""
    sku, tokens = shop
    keep, sizes = idempotency.keep_answers, []

    def losing(kept: Any) -> None:
        sizes.append(len(kept))
        keep(kept)
        if len(kept) > 1:
            raise OperationalError("the commit was lost")

    monkeypatch.setattr(idempotency, "keep_answers", losing)
    answers = all_at_once([(token, want(sku), f"l{n}") for n, token in enumerate(tokens[:12])])
    assert max(sizes) > 1, "nobody was grouped"
    assert [status for status, _, _ in answers] == [201] * 12
    told = {ids.parse("ord", body["id"]) for _, body, _ in answers}
    with tenant.enter():
        kept = sql.fetch("SELECT id FROM orders_orders WHERE tenant_id = %s", (tenant.id,))
    assert {row[0] for row in kept} == told
    assert len(told) == 12
    assert tenant.verify() == []


def test_who_waits_holds_no_connection(tenant: Any, shop: Any) -> None:
    """Whose token it is, is asked before joining a group; kept, that connection could be the one the group is waiting for."""
    _, tokens = shop
    grouped._tenants.clear()
    kept: list[bool] = []

    def ask() -> None:
        assert grouped._tenant_of(sha256(tokens[0].encode()).digest()) == tenant.id
        kept.append(connections["default"].connection is not None)
        connections.close_all()

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert kept == [False]


def test_baskets_in_any_order_never_block_each_other_and_never_oversell(
    tenant: Any, make_buyers: Callable[[int], list[Any]]
) -> None:
    """(A, B) against (B, A) against A twice, in groups that run side by side: everybody is answered, each piece is sold once."""
    with tenant.enter():
        first, second = make_skus([100, 200])
        warehouse = inventory.open_warehouses([NewWarehouse("main", "主仓")])[0]
        inventory.receive_stock([Receipt(warehouse, sku, 20) for sku in (first, second)])
        tokens = [identity.issue_token(buyer, ("orders:write",), "t") for buyer in make_buyers(CALLERS)]
    baskets = ((first, second), (second, first), (first, first))
    answers = []
    for turn in range(2):
        asked = [
            (token, {"lines": [want(sku)["lines"][0] for sku in baskets[n % 3]]}, f"t{turn}-{n}")
            for n, token in enumerate(tokens)
        ]
        answers += zip(asked, all_at_once(asked), strict=True)
    assert {status for _, (status, _, _) in answers} <= {201, 409}
    sold = [line["sku_id"] for (_, body, _), (status, _, _) in answers if status == 201 for line in body["lines"]]
    assert sold.count(ids.public("sku", first)) == 20, "what is left of A is less than any basket wants"
    with tenant.enter():
        levels = {level.sku_id: level for level in stock.stock_levels([first, second])}
    assert levels[first].reserved == 20
    assert levels[second].reserved == sold.count(ids.public("sku", second)) <= 20
    assert tenant.verify() == []
