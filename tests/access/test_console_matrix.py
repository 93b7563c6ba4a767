"""Every page of the console, every role, real rows of another shop: none of them read, none of them changed.

The pages come from the URL patterns, so that a page added tomorrow is in the matrix tomorrow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib import admin
from django.db import connections
from django.test import Client
from django.urls import URLPattern, get_resolver

from banyan.people.identity.types import Role
from tests.access.lived import PUBLIC_ID, Shop, changes, sign_in, snapshot

pytestmark = pytest.mark.slow

SHUT_OUT = {Role.CONSUMER, Role.DISTRIBUTOR, Role.SUPPLIER}
"""Who has no business in the console."""
OWN_SESSION = {"login", "logout", "password_change", "password_change_done", "set_language", "leave_shop", "jsi18n"}
"""Pages about one's own session: they name no row."""
PREFIXES = {
    "explain": "cms", "money_story": "ord", "statement": "stm", "reveal": "usr", "plan": "plv", "plan_edit": "plv",
    "plan_approve": "plv", "plan_publish": "plv", "plan_retire": "plv", "policy_retire": "spo",
    "parts": "sku", "parts_put": "sku",
}  # fmt: skip
"""Which kind of row a page of our own is about, where its pattern does not say so."""
WORDS = {"code": "cn", "key": "orders", "app_label": "orders", "url": "nowhere", "table": "rules"}
"""Parts of addresses that name no row of a shop."""
PART = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>([a-z]+_)?[^)]*\)")


@dataclass(frozen=True)
class Page:
    """One address, with the ids of another shop in it, and whether it is about one row."""

    name: str
    address: str
    names_a_row: bool
    row: int
    """The key of the row of the back office's list, 1 where the shop has none or it is a page of our own."""


def _patterns(patterns: Any, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for one in patterns:
        route = before + str(one.pattern)
        if isinstance(one, URLPattern):
            yield route, one
        else:
            yield from _patterns(one.url_patterns, route)


def _rows_of(shop: Shop) -> dict[str, int]:
    """The key of one row of the shop for each model that the back office shows: by model label."""
    found = {}
    with connections["owner"].cursor() as cursor:
        for model in admin.site._registry:
            if "tenant_id" not in {field.attname for field in model._meta.fields}:
                continue
            cursor.execute(
                f'SELECT "{model._meta.pk.column}" FROM "{model._meta.db_table}" WHERE tenant_id = %s LIMIT 1', (shop.tenant_id,)
            )
            row = cursor.fetchone()
            if row:
                found[model._meta.label_lower.replace(".", "_")] = row[0]
    return found


def _pages(theirs: Shop) -> list[Page]:
    rows, ids = _rows_of(theirs), theirs.known()
    assert len(rows) > 25, "hardly any list of the back office has a row to try"
    made = []
    for route, pattern in _patterns(get_resolver().url_patterns):
        name = pattern.name or ""
        if not route.startswith("console/") or name in OWN_SESSION:
            continue
        about: list[str] = []
        row = rows.get("_".join(route.split("/")[1:3]), 1)

        def filled(part: re.Match[str], name: str = name, row: int = row, about: list[str] = about) -> str:
            word = part[1] or part[2]
            if word in WORDS:
                return WORDS[word]
            about.append(word)
            if word == "public_id":
                return ids[part[3].rstrip("_") if part[3] else PREFIXES[name]]
            return str(row) if word == "object_id" else "1"

        address = "/" + PART.sub(filled, route).replace("^", "").replace("$", "")
        made.append(Page(name, address, bool(about), row))
    return made


def _forms(theirs: Shop, page: Page, amount_minor: int) -> list[dict[str, Any]]:
    """What a page might take for a decision about their rows."""
    ids = theirs.known()
    listed = {f"{one._meta.app_label}_{one._meta.model_name}_changelist": there for one, there in admin.site._registry.items()}
    if page.name in listed:
        words = {"_selected_action": [str(page.row)], "select_across": "0", "reason": "matrix", "post": "yes"}
        return [words | {"action": action} for action in _actions(listed[page.name])]
    if page.name.endswith(("_change", "_delete")):
        return [{"post": "yes", "_save": "1"}]
    if page.name.endswith(("_add", "_history")) or not page.name:
        return []
    picks = [ids["sae"], ids["dst"], f"{ids['stm']}:{amount_minor}"]
    shared = {"pick": picks, "statement": ids["stm"], "to": ids["dst"], "tier": "gold", "reason": "matrix", "shop": theirs.slug}
    return [shared | {"decision": decision} for decision in ("approve", "reject", "dismiss")]


def _amount_minor(shop: Shop) -> int:
    from banyan.kernel import ids as numbers

    with connections["owner"].cursor() as cursor:
        statement = numbers.parse("stm", shop.known()["stm"])
        cursor.execute("SELECT amount_minor FROM settlement_statements WHERE id = %s", (statement,))
        return int(cursor.fetchone()[0])


def _actions(one: Any) -> list[str]:
    return [action if isinstance(action, str) else action.__name__ for action in one.actions or ()]


def test_every_page_is_known(shops: tuple[Shop, Shop]) -> None:
    pages = _pages(shops[1])
    assert len(pages) > 200
    assert not [page for page in pages if "<" in page.address or "(" in page.address]
    assert sum(len(_actions(one)) for one in admin.site._registry.values()) > 5


def test_the_same_pages_open_for_ones_own_rows(shops: tuple[Shop, Shop]) -> None:
    """Otherwise a closed door would prove nothing: it might be closed to everybody."""
    ours, _ = shops
    client = sign_in(ours, Role.AUDITOR)
    opened = {
        page.name for page in _pages(ours) if page.names_a_row and page.row != 1 and client.get(page.address).status_code == 200
    }
    assert sum(name.endswith("_change") for name in opened) > 25
    own = {page.name for page in _pages(ours) if page.name in PREFIXES and client.get(page.address).status_code == 200}
    assert own >= {"explain", "money_story", "statement", "plan", "parts"}


@pytest.mark.parametrize("role", list(Role))
def test_no_page_reads_or_changes_a_row_of_another_shop(role: Role, shops: tuple[Shop, Shop]) -> None:
    ours, theirs = shops
    client = sign_in(ours, role)
    assert (client is None) == (role in SHUT_OUT)
    client = client or Client(raise_request_exception=False)
    foreign = set().union(*theirs.ids.values()) - set().union(*ours.ids.values())
    before, amount_minor = snapshot(theirs.tenant_id), _amount_minor(theirs)
    opened = 0
    for page in _pages(theirs):
        if role is Role.PLATFORM and page.name == "enter_shop":
            continue  # that is theirs to do, with a reason on record
        asked = [client.get(page.address)]
        if not page.names_a_row and role is Role.AUDITOR:  # who may look everywhere
            asked.append(client.get(page.address, {"q": theirs.known()["ord"]}))
        asked += [client.post(page.address, form) for form in _forms(theirs, page, amount_minor)]
        for answer in asked:
            where = f"{role} {answer.wsgi_request.method} {page.address} ({page.name}) -> {answer.status_code}"
            assert answer.status_code < 500, where
            if page.names_a_row:
                assert answer.status_code != 200, f"{where} opened a row of another shop"
            shown = set(PUBLIC_ID.findall(answer.content.decode(errors="replace"))) - {theirs.known()["ord"]}
            assert not shown & foreign, f"{where} shows rows of another shop"
            opened += answer.status_code == 200
    assert (opened > 0) == (role not in SHUT_OUT)
    assert changes(before, snapshot(theirs.tenant_id)) == {}
