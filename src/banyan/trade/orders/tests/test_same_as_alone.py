"""The same stream of requests twice: each alone, and in groups. Every answer and what is left in the end are the same."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.types import NewWarehouse, Receipt
from banyan.kernel import ids, sql
from banyan.kernel.http import grouped
from banyan.people.identity import commands as identity
from banyan.trade.orders.api import PLACING

REQUESTS, BUYERS, SKUS = 90, 7, 6
PATH = "/api/v1/orders"


@dataclass(frozen=True)
class Asked:
    """One request in words that fit every shop: who, under which key, for which of its SKUs."""

    buyer: int
    key: str
    lines: tuple[tuple[int, int], ...]
    oddity: str = ""


def stream(seed: int) -> list[Asked]:
    """What a storm is made of: scarce goods, both orders of two lines, a SKU twice in a cart, repeats and nonsense."""
    chance = random.Random(seed)
    asked: list[Asked] = []
    for number in range(REQUESTS):
        if asked and chance.random() < 0.15:
            before = chance.choice(asked[-9:])
            other = chance.random() < 0.3
            asked.append(Asked(before.buyer, before.key, ((0, 1),) if other else before.lines, before.oddity))
            continue
        lines = tuple((chance.randrange(SKUS), chance.choice((1, 1, 1, 2, 5))) for _ in range(chance.choice((1, 2, 2, 3))))
        oddity = chance.choice(("", "", "", "", "", "unknown", "token", "body", "none", "discount", "foreign"))
        asked.append(Asked(chance.randrange(BUYERS), f"k{number}", lines, oddity))
    return asked


def in_turn(group: Sequence[Asked]) -> list[Asked]:
    """In which order a group is served: as it came, but whoever uses a key that is being answered waits for that answer."""
    first: dict[tuple[int, str], Asked] = {}
    later = [one for one in group if first.setdefault((one.buyer, one.key), one) is not one]
    return [*first.values(), *in_turn(later)] if later else list(group)


class Shop:
    """One tenant with the stock that all shops of this test begin with."""

    def __init__(self, tenant: Any, buyers: Sequence[Any]) -> None:
        self.tenant = tenant
        with tenant.enter():
            self.skus = make_skus([100 * (n + 1) for n in range(SKUS)])
            houses = inventory.open_warehouses([NewWarehouse("a", "甲", 1), NewWarehouse("b", "乙", 2)])
            inventory.receive_stock([Receipt(house, sku, 4 + 3 * n) for house in houses for n, sku in enumerate(self.skus)])
            tokens = [identity.issue_token(buyer, ("orders:write",), "t") for buyer in buyers]
            self.reader = grouped.token_of("Bearer " + identity.issue_token(buyers[0], ("orders:read",), "r"))
        self.tokens = [grouped.token_of(f"Bearer {token}") for token in tokens]
        self.names = {ids.public("sku", sku): f"sku {n}" for n, sku in enumerate(self.skus)}

    def member(self, asked: Asked) -> Any:
        wanted = [{"sku_id": ids.public("sku", self.skus[n]), "quantity": quantity} for n, quantity in asked.lines]
        if asked.oddity == "unknown":
            wanted[0]["sku_id"] = ids.public("sku", 12345)
        body = {"lines": [] if asked.oddity == "none" else wanted} | ({"discount_minor": 5} if asked.oddity == "discount" else {})
        raw = b"{" if asked.oddity == "body" else json.dumps(body).encode()
        token = {"token": b"?" * 32, "foreign": self.reader}.get(asked.oddity, self.tokens[asked.buyer])
        return PLACING._member(token, asked.key, "POST", PATH, PATH, raw)

    def told(self, member: Any) -> Any:
        """The answer without what is different in every shop: ids become the number of their order."""
        body = json.loads(member.answer.body)
        if member.answer.status == 201:
            self.names.setdefault(body["id"], f"order {len(self.names)}")
            body = {"id": self.names[body["id"]], "total": body["total_minor"], "lines": len(body["line_ids"])}
        for short in body.get("error", {}).get("details", {}).get("shortages", ()):
            short["sku_id"] = self.names[short["sku_id"]]
        body.get("error", {}).get("details", {}).pop("sku_id", None)
        return member.answer.status, body, dict(member.answer.headers)

    def left(self) -> Any:
        with self.tenant.enter():
            levels = sorted(
                (self.skus.index(level.sku_id), level.warehouse_id, level.on_hand, level.reserved)
                for level in stock.stock_levels(self.skus)
            )
            orders = sql.fetch(
                "SELECT total_minor, (SELECT array_agg((l.position, l.quantity, l.payable_minor)::text ORDER BY l.position)"
                " FROM orders_lines l WHERE l.tenant_id = o.tenant_id AND l.order_id = o.id)"
                " FROM orders_orders o WHERE tenant_id = %s ORDER BY id",
                (self.tenant.id,),
            )
            events = sql.fetch(
                "SELECT kind, count(*) FROM outbox_events WHERE tenant_id = %s GROUP BY kind ORDER BY kind", (self.tenant.id,)
            )
            held = sql.fetch("SELECT count(*), sum(quantity) FROM inventory_reservations WHERE tenant_id = %s", (self.tenant.id,))
        first = min(level[1] for level in levels)
        return [(sku, house == first, *rest) for sku, house, *rest in levels], orders, events, held


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_stream_in_groups_is_answered_as_one_by_one(
    make_shop: Callable[..., Any], make_buyers: Callable[[int], list[Any]], seed: int
) -> None:
    groups, asked, turn = [], stream(seed), itertools.cycle((3, 40, 1, 17))
    while asked:
        size = next(turn)
        groups.append(asked[:size])
        asked = asked[size:]
    served = [one for group in groups for one in in_turn(group)]
    results = []
    for way in ([[one] for one in served], groups):
        tenant = make_shop()
        with tenant.enter():
            buyers = make_buyers(BUYERS)
        shop, members = Shop(tenant, buyers), {}
        for group in way:
            made = [shop.member(one) for one in group]
            members.update(zip(map(id, group), made, strict=True))
            PLACING._run(tenant.id, made)
        results.append(([shop.told(members[id(one)]) for one in served], shop.left()))
        assert tenant.verify() == []
    (alone, left_alone), (together, left_together) = results
    for number, (one, other) in enumerate(zip(alone, together, strict=True)):
        assert one == other, served[number]
    assert left_alone == left_together
    statuses = [status for status, _, _ in alone]
    assert {201, 400, 401, 403, 409, 422} <= set(statuses), "the stream is too tame"
