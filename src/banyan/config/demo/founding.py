"""Day 0 of the demo shop: tenant, staff, goods, stock, the law's refusal, the recorded acknowledgement, plan, policies."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from banyan.config.demo.goods import CATEGORIES
from banyan.earnings.commission import commands as plans
from banyan.earnings.commission.types import DraftPlan
from banyan.earnings.settlement import commands as settlement
from banyan.earnings.settlement.types import Cycle, Lane, NewPolicy, PolicyTerms, Rhythm, Scope
from banyan.goods.catalog import commands as catalog
from banyan.goods.catalog import queries as catalog_reads
from banyan.goods.catalog.types import NewCategory, NewProduct, NewSku, SkuId
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory.types import LotRule, NewLot, NewWarehouse, Receipt, WarehouseKind
from banyan.kernel import clock, tenancy
from banyan.kernel.tenancy.registry import PLATFORM_SLUG
from banyan.kernel.values.errors import Refusal
from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role, UserId
from banyan.rules.compliance import commands as compliance
from banyan.rules.compliance import queries as law
from banyan.rules.compliance.types import Reading

SLUG = "demo"
PLATFORM_LOGIN = "platform"
CAMPAIGN_AFTER = timedelta(days=45)
STAFF: tuple[tuple[str, str, Role], ...] = (
    ("operator", "运营 林小满", Role.OPERATOR),
    ("finance", "财务 周敏", Role.FINANCE),
    ("finance2", "财务 陈立", Role.FINANCE),
    ("warehouse", "仓管 吴强", Role.WAREHOUSE),
    ("supplier", "供货商 茶山合作社", Role.SUPPLIER),
    ("auditor", "审计 何静", Role.AUDITOR),
)
Say = Callable[[str], None]


@dataclass
class DemoShop:
    """The founded shop: ids that the days need, and the log-ins to print."""

    tenant_id: int
    password: str
    staff: dict[str, UserId] = field(default_factory=dict)
    sku_ids: list[SkuId] = field(default_factory=list)
    sku_prices_minor: list[int] = field(default_factory=list)
    refused_plan: str = ""
    """What the law said to the plan before the acknowledgement."""


def found(opened_at: datetime, stock_per_sku: int, say: Say, slug: str = SLUG, password: str | None = None) -> DemoShop:
    """Found the shop with the clock at ``opened_at``. Raises Conflict when the slug is taken: one demo per installation."""
    with clock.driven(opened_at):
        password = password or secrets.token_urlsafe(9)
        if tenancy.find_tenant_by_slug(PLATFORM_SLUG) is None:
            identity.found_platform(PLATFORM_LOGIN, password, "平台 管理员")
        shop = DemoShop(tenancy.create_tenant(slug, "榕树生活馆"), password)
        with tenancy.enter(shop.tenant_id, actor="demo", reason="founding the demo shop"):
            ids = identity.register_users([NewUser(login, shop.password, name, None, (role,)) for login, name, role in STAFF])
            shop.staff = {login: user_id for (login, _, _), user_id in zip(STAFF, ids, strict=True)}
            _stock(shop, stock_per_sku)
        _publish_lawfully(shop, say)
        with tenancy.enter(shop.tenant_id, actor="demo", reason="settlement policies"):
            _open_policies(shop)
    return shop


def _stock(shop: DemoShop, stock_per_sku: int) -> None:
    categories = catalog.create_categories(
        [NewCategory(c.code, c.name_zh, c.name_en, position=place) for place, c in enumerate(CATEGORIES)]
    )
    products = [
        NewProduct(
            product.code,
            product.name_zh,
            category_id,
            tuple(
                NewSku(
                    f"{product.code}-{place}",
                    product.price_minor + extra,
                    product.price_minor * 55 // 100,
                    name,
                    category.grams,
                    product.tags,
                )
                for place, (name, extra) in enumerate(product.variants)
            ),
            product.name_en,
        )
        for category, category_id in zip(CATEGORIES, categories, strict=True)
        for product in category.products
    ]
    for product, created in zip(products, catalog.create_products(products), strict=True):
        shop.sku_ids.extend(created.sku_ids)
        shop.sku_prices_minor.extend(sku.price_minor for sku in product.skus)
    warehouses = inventory.open_warehouses(
        [
            NewWarehouse("east", "华东仓（嘉兴）", 10, WarehouseKind.HEAD, "330402", "嘉兴市南湖区"),
            NewWarehouse("south", "华南仓（佛山）", 20, WarehouseKind.REGIONAL, "440604", "佛山市禅城区"),
            NewWarehouse("north", "华北仓（廊坊）", 30, WarehouseKind.CLOUD, "131003", "廊坊市广阳区"),
        ]
    )
    teas = _track_teas()
    inventory.receive_stock(
        [
            Receipt(
                warehouse_id, sku_id, stock_per_sku // (1 + place) // len(lots), "opening stock",
                f"opening/{warehouse_id}/{sku_id}/{lot.number if lot else ''}", lot,
            )
            for place, warehouse_id in enumerate(warehouses)
            for sku_id in shop.sku_ids
            for lots in [teas.get(sku_id, (None,))]
            for lot in lots
        ]
    )  # fmt: skip


def _track_teas() -> dict[SkuId, tuple[NewLot, ...]]:
    """Tea keeps for a while and has lots: two of each. Jasmine tea keeps for half a year, and after the demo's three months the
    older lot is near its date."""
    teas = [tea for tea in CATEGORIES[0].products if tea.code != "tea-cup"]
    codes = [f"{tea.code}-{place}" for tea in teas for place in range(len(tea.variants))]
    skus = catalog_reads.find_skus_by_codes(codes)
    keeps = {code: timedelta(days=185 if code.startswith("tea-jasmine") else 540) for code in codes}
    inventory.track_lots([LotRule(skus[code], 45 if keeps[code].days < 540 else None) for code in codes])
    opened = clock.now().date()
    made = (opened - timedelta(days=60), opened - timedelta(days=10))
    return {skus[code]: tuple(NewLot(f"{day:%Y%m%d}", day, day + keeps[code], "茶山合作社") for day in made) for code in codes}


def plan_document(campaign_from: datetime) -> dict[str, Any]:
    """The demo's plan (``plan.json``): seller and one above, new goods, a campaign week; capped at 20 % of what was paid."""
    text = Path(__file__).with_name("plan.json").read_text(encoding="utf-8")
    window = {"CAMPAIGN_FROM": campaign_from, "CAMPAIGN_TO": campaign_from + timedelta(days=7)}
    for name, moment in window.items():
        text = text.replace(name, moment.isoformat())
    document: dict[str, Any] = json.loads(text)
    return document


def _publish_lawfully(shop: DemoShop, say: Say) -> None:
    """The plan pays one above the seller: the letter of the law refuses it, and says which clause. Then the recorded act."""
    operator = shop.staff["operator"]
    document = plan_document(clock.now() + CAMPAIGN_AFTER)
    with tenancy.enter(shop.tenant_id, actor="demo", reason="first plan"):
        version_id = plans.draft_plan(DraftPlan(document, drafted_by="operator", name="榕树生活馆分佣方案"))
    try:
        with tenancy.enter(shop.tenant_id, actor="demo", reason="first plan"):
            plans.publish_plan(version_id, published_by="operator")
    except Refusal as refusal:
        shop.refused_plan = refusal.message
        say(f"The letter of the law refuses the plan: {refusal.message}")
    with tenancy.enter(shop.tenant_id, actor="demo", reason="acknowledging the practice reading"):
        statement = law.reading_statements(Reading.PRACTICE, clock.now())[1]
        compliance.acknowledge_reading(Reading.PRACTICE, operator, statement)
        plans.approve_plan(version_id, approved_by="finance", note="核对过最坏情况与法规")
        plans.publish_plan(version_id, published_by="operator")
    say("An authorised operator's acknowledgement of the practice reading is on record; the plan is published.")


def _open_policies(shop: DemoShop) -> None:
    """Everybody weekly and automatic; silver monthly; large statements are reviewed, very large ones by two persons."""
    opener = int(shop.staff["finance"])
    weekly = PolicyTerms(
        Rhythm(Cycle.WEEKLY),
        Lane.AUTOMATIC,
        minimum_minor=100,
        review_minor=30_000,
        four_eyes_minor=100_000,
        channel="wechat_pay",
    )
    monthly = PolicyTerms(Rhythm(Cycle.MONTHLY), Lane.REVIEWED, minimum_minor=100, four_eyes_minor=100_000, channel="wechat_pay")
    settlement.open_policy(NewPolicy(Scope.TENANT, "", weekly, opener))
    settlement.open_policy(NewPolicy(Scope.TIER, "silver", monthly, opener))
