"""Shops that have lived through the whole river of money, and what somebody who may see everything finds in them."""

from __future__ import annotations

import re
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import connections
from django.test import Client

from banyan.config.demo import building, world
from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role, scopes_of
from tests.access.openapi_requests import requests_for

PASSWORD = "matrix-Pass-1"
PUBLIC_ID = re.compile(r"\b[a-z]{2,5}_[0-9a-hjkmnp-tv-z]{13}\b")


@dataclass
class Shop:
    """A shop that has lived, a token for each role, and the ids that its all-seeing reader finds."""

    tenant_id: int
    slug: str = ""
    tokens: dict[Role, str] = field(default_factory=dict)
    ids: dict[str, set[str]] = field(default_factory=dict)

    def known(self) -> dict[str, str]:
        """One id of each kind."""
        return {prefix: sorted(ids)[0] for prefix, ids in self.ids.items()}


EVERY_HOUSE = {
    "alt", "chs", "clg", "stk", "tln", "trf",
    "ack", "cat", "cms", "dst", "ent", "ful", "inc", "lot", "mov", "oln", "ord", "pay", "pcl", "pho", "plv", "prd", "pyo", "ret",
    "off", "rfd", "rpt", "sae", "sim", "sku", "spo", "stl", "stm", "tok", "usr", "wav", "whs",
}  # fmt: skip
"""The kinds of rows that a lived shop must have, or what is tried with their ids tries nothing."""


def build(name: str, schema: dict[str, Any]) -> Shop:
    """Live some weeks, let two things go wrong, then read everything."""
    slug = f"{name}{uuid.uuid4().hex[:6]}"
    built = building.build(
        world.Scale(distributors=12, days=26, orders_per_day=5), seed=9, slug=slug, password=PASSWORD
    )  # fmt: skip
    assert built.findings == []
    shop = Shop(built.shop.tenant_id, slug)
    _let_things_go_wrong(shop)
    _ask_for_a_simulation(shop)
    _close_a_day(shop)
    shop.tokens = {role: newcomer(shop, (role,)) for role in Role}
    shop.ids = _read_everything(newcomer(shop, tuple(Role)), schema)
    assert set(shop.ids) >= EVERY_HOUSE, f"the shop has no {EVERY_HOUSE - set(shop.ids)}"
    return shop


def _ask_for_a_simulation(shop: Shop) -> None:
    """Of the plan in force over the shop's own orders; nobody runs it."""
    from datetime import timedelta

    from banyan.earnings.commission import queries as plans
    from banyan.earnings.simulation import commands
    from banyan.earnings.simulation.types import NewRun
    from banyan.kernel import clock, tenancy

    with tenancy.enter(shop.tenant_id, actor="matrix"):
        version = plans.version_at(clock.now())
        assert version is not None
        commands.request(NewRun(version.document, clock.now() - timedelta(days=30), clock.now()))


def _close_a_day(shop: Shop) -> None:
    """The plan in force with a bonus by day, and the first day that it counted for."""
    from datetime import timedelta

    from banyan.earnings.commission import commands, queries
    from banyan.earnings.commission.types import DraftPlan
    from banyan.kernel import clock, tenancy

    with tenancy.enter(shop.tenant_id, actor="matrix"):
        version = queries.version_at(clock.now())
        assert version is not None
        bonus = {"key": "bonus", "pays": {"to": "member", "period": "day"}, "amount": {"kind": "rate", "rate_bp": 10}}
        groups = {**version.document.get("groups", {}), "days": "add"}
        rules = [*version.document["rules"], {**bonus, "group": "days"}]
        document = {**version.document, "groups": groups, "rules": rules}
        draft = commands.draft_plan(DraftPlan(document, "operator", "", version.plan_id))
        commands.approve_plan(draft, approved_by="finance")
        commands.publish_plan(draft, published_by="operator")
    later = clock.now() + timedelta(days=2)
    with clock.driven(later), tenancy.enter(shop.tenant_id, actor="matrix"):
        assert commands.close_due(later) == 1


def _let_things_go_wrong(shop: Shop) -> None:
    """Money for a payment that nobody opened, and an event that was set aside."""
    from banyan.kernel import clock, sql, tenancy
    from banyan.kernel.events.models import SetAsideEvent
    from banyan.treasury.payments import commands as payments
    from banyan.treasury.payments.types import CaptureNotice

    with tenancy.enter(shop.tenant_id, actor="test"):
        payments.capture([CaptureNotice("wechat_pay", "BYN0", "tx-0", 100, "CNY", clock.now())])
        kind = "orders.order_paid"
        delivered = sql.fetch("SELECT id FROM outbox_events WHERE tenant_id = %s AND kind = %s LIMIT 1", (shop.tenant_id, kind))
        _photograph_a_return()
        _plan_a_sale()
        _make_a_bundle()
        _appoint_a_partner()
        SetAsideEvent.objects.create(
            reaction="commission.accrue", event_id=delivered[0][0], kind=kind, error="test", set_aside_at=clock.now()
        )


def _plan_a_sale() -> None:
    """A flash sale of one piece, next year."""
    from datetime import timedelta

    from banyan.goods.catalog.types import SkuId
    from banyan.kernel import clock, sql
    from banyan.trade.offers import commands as offers
    from banyan.trade.offers.types import NewOffer

    free = "on_hand - reserved - allocated - set_aside"
    (row,) = sql.fetch(f"SELECT sku_id FROM inventory_stock_levels WHERE {free} > 0 ORDER BY {free} DESC, id LIMIT 1")
    starts_at = clock.now() + timedelta(days=365)
    offers.plan([NewOffer("One piece", SkuId(row[0]), 1, 1, 1, starts_at, starts_at + timedelta(hours=1), 1)])


def _make_a_bundle() -> None:
    """Two pieces of a SKU that is sold by itself too."""
    from banyan.goods.catalog import commands as catalog
    from banyan.goods.catalog.types import CategoryId, NewProduct, NewSku, SkuId, SkuPart
    from banyan.kernel import sql

    ((sku_id, price_minor, category_id),) = sql.fetch(
        "SELECT s.id, s.price_minor, p.category_id FROM catalog_skus s JOIN catalog_products p ON p.id = s.product_id"
        " ORDER BY s.id LIMIT 1"
    )
    (made,) = catalog.create_products([NewProduct("PAIR", "套装", CategoryId(category_id), (NewSku("PAIR-1", price_minor),))])
    catalog.set_parts(made.sku_ids[0], [SkuPart(SkuId(sku_id), 2)])


def _appoint_a_partner() -> None:
    """The first distributor for one city."""
    from banyan.earnings.commission import commands as commission
    from banyan.kernel import sql
    from banyan.people.distributors.types import DistributorId

    ((distributor_id,),) = sql.fetch("SELECT id FROM distributors WHERE status = 'active' ORDER BY id LIMIT 1")
    commission.appoint_partner("4403", DistributorId(distributor_id))


def _photograph_a_return() -> None:
    """A photo that belongs to the first return, whatever became of it."""
    from banyan.kernel import sql
    from banyan.trade.returns import commands as returns

    photo = returns.keep_photo(b"\xff\xd8\xff\xe0" + bytes(64) + b"\xff\xd9", 0)
    sql.execute("UPDATE return_photos SET return_id = (SELECT min(id) FROM returns) WHERE id = %s", (photo.photo_id,))


def sign_in(shop: Shop, role: Role) -> Client | None:
    """A browser session of somebody with this role who came through the login page; None when the console lets nobody in."""
    from banyan.kernel import tenancy
    from banyan.kernel.tenancy.registry import PLATFORM_SLUG, create_tenant, find_tenant_by_slug

    slug, tenant_id, login = shop.slug, shop.tenant_id, f"c{uuid.uuid4().hex[:8]}"
    if role is Role.PLATFORM:
        home, slug = find_tenant_by_slug(PLATFORM_SLUG), ""
        tenant_id = home.id if home else create_tenant(PLATFORM_SLUG, "Platform")
    with tenancy.enter(tenant_id, actor="test"):
        identity.register_users([NewUser(login, PASSWORD, "新人", None, (role,))])
    client = Client(raise_request_exception=False)
    answer = client.post("/console/login/", {"shop": slug, "username": login, "password": PASSWORD})
    if answer.status_code != 302:
        return None
    if role is Role.PLATFORM:
        client.post("/console/shops/enter", {"shop": shop.slug, "reason": "matrix"})
        assert client.session["banyan_tenant_id"] == shop.tenant_id
    return client


def newcomer(shop: Shop, roles: tuple[Role, ...]) -> str:
    """A token of somebody new, who therefore owns nothing."""
    from banyan.kernel import tenancy

    with tenancy.enter(shop.tenant_id, actor="test"):
        (user_id,) = identity.register_users([NewUser(f"new{uuid.uuid4().hex[:8]}", None, "新人", None, roles)])
        return identity.issue_token(user_id, scopes_of(roles), "matrix")


def send(token: str | None, method: str, url: str, body: str | None = None) -> Any:
    """One request."""
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return Client(raise_request_exception=False).generic(
        method.upper(), url, body or "", content_type="application/json", headers=headers
    )


def snapshot(tenant_id: int, without: Iterable[str] = ()) -> dict[str, dict[int, str]]:
    """Every row of the tenant by table and id, as the owner sees it: content hashed by PostgreSQL.

    The number of places given out in a queue is left out: every visitor of the shop may take the next one.
    """
    taken: dict[str, dict[int, str]] = {}
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT c.table_name FROM information_schema.columns c"
            " JOIN information_schema.tables t USING (table_schema, table_name)"
            " WHERE c.column_name = 'tenant_id' AND c.table_schema = 'public' AND t.table_type = 'BASE TABLE'"
        )
        for table in sorted({name for (name,) in cursor.fetchall()} - set(without)):
            content = "md5((to_jsonb(t) - 'place_count')::text)"
            cursor.execute(f'SELECT id, {content} FROM "{table}" t WHERE tenant_id = %s', (tenant_id,))
            taken[table] = dict(cursor.fetchall())
    return taken


def changes(before: dict[str, dict[int, str]], after: dict[str, dict[int, str]]) -> dict[str, int]:
    """How many rows of which table are new, gone or different."""
    counted = {table: len(set(before[table].items()) ^ set(after[table].items())) for table in before}
    return {table: count for table, count in counted.items() if count}


def ids_in(text: str) -> dict[str, set[str]]:
    """Public ids by prefix."""
    found: dict[str, set[str]] = defaultdict(set)
    for public_id in PUBLIC_ID.findall(text):
        found[public_id.split("_", 1)[0]].add(public_id)
    return found


def _read_everything(token: str, schema: dict[str, Any]) -> dict[str, set[str]]:
    """All ids that this token finds: first in the lists as they are, then following what was found into the detail pages."""
    found: dict[str, set[str]] = defaultdict(set)
    for url in [url for operation, url, _ in requests_for(schema, {}) if not operation.writes and "{" not in operation.path]:
        _note(found, send(token, "get", url.partition("?")[0]))
    for operation, url, _ in requests_for(schema, {prefix: sorted(ids)[0] for prefix, ids in found.items()}):
        if not operation.writes and ("{" in operation.path or "?" in url):
            _note(found, send(token, "get", url))
    return found


def _note(found: dict[str, set[str]], response: Any) -> None:
    for prefix, ids in ids_in(response.content.decode(errors="replace")).items():
        found[prefix] |= ids
