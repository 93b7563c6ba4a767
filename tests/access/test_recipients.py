"""Whom an order goes to: every answer and every page holds the one rule of who sees a street."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from banyan.people.identity.types import Role, Scope, scopes_of
from tests.access.lived import Shop, newcomer, send, sign_in
from tests.access.openapi_requests import requests_for
from tests.access.test_console_matrix import SHUT_OUT, _pages

STREET = "榕树路"
"""Everybody of a lived shop lives in it."""
WHOLE = {
    "trade/orders/api/__init__.py": "queries.sees_whole_recipient(principal.scopes.__contains__,",
    "console/views/sending.py": "orders.sees_whole_recipient(partial(may,",
    "trade/fulfillment/commands/calling.py": "whole=True",
    "trade/returns/commands/exchanging.py": "whole=True",
}
"""Who asks for recipients unmasked, and by which right: two by the rule; a waybill, and another order to the same place."""


def test_nobody_else_asks_for_the_whole() -> None:
    source = Path(__file__).resolve().parents[2] / "src" / "banyan"
    asking = {
        str(path.relative_to(source)): text
        for path in source.rglob("*.py")
        if "tests" not in path.parts
        and re.search(r"(get_recipient|list_recipients)\((?s:.){0,80}?whole=", text := path.read_text())
    }
    asking.pop("trade/orders/queries.py")
    assert set(asking) == set(WHOLE)
    assert not [path for path, right in WHOLE.items() if right not in asking[path]]


@pytest.mark.slow
@pytest.mark.parametrize("role", list(Role))
def test_an_answer_names_a_street_to_who_may_ship_only(role: Role, shops: tuple[Shop, Shop], schema: dict[str, Any]) -> None:
    ours, _ = shops
    token, seen = newcomer(ours, (role,)), set()
    for operation, url, body in requests_for(schema, ours.known()):
        if operation.method == "get" and STREET in send(token, "get", url, body).content.decode(errors="replace"):
            seen.add(operation.path)
    may = role in {Role.OPERATOR, Role.WAREHOUSE} and Scope.ORDERS_SHIP in scopes_of([role])
    assert seen == ({"/api/v1/orders/{order_id}"} if may else set())


@pytest.mark.slow
@pytest.mark.parametrize("role", sorted(set(Role) - SHUT_OUT))
def test_a_page_names_a_street_on_packing_slips_only(role: Role, shops: tuple[Shop, Shop]) -> None:
    ours, _ = shops
    client = sign_in(ours, role)
    assert client is not None
    told = {page: client.get(page.address).content.decode(errors="replace") for page in _pages(ours)}
    assert {page.name for page, text in told.items() if STREET in text} <= {"slips"}
    record = next(text for page, text in told.items() if page.name == "orders_order_change")
    assert re.search(r"[省市]\w+[区县市]\*\*\*", record), "the record of an order still tells the district"
