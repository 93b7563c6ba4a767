"""Day 0 of the replay: a sandbox tenant, its goods and stock, the forest's people, the plan and the policies."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from banyan.earnings.commission import commands as plans
from banyan.earnings.commission.types import DraftPlan
from banyan.earnings.settlement import commands as settlement
from banyan.earnings.settlement.types import Cycle, Lane, NewPolicy, PayeeAccount, PolicyTerms, Rhythm, Scope
from banyan.goods.catalog import commands as catalog
from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory.types import NewWarehouse, Receipt
from banyan.kernel import clock, events, tenancy
from banyan.people.distributors import commands as distributors
from banyan.people.distributors.types import Application, Applied, DistributorId, Tier
from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role, UserId
from banyan.people.network import commands as network
from banyan.people.network.types import BindRequest, BindSource
from banyan.trade.orders import commands as orders
from banyan.trade.orders.types import Policy

from . import goods, plan
from .forest import Forest
from .stream import GUEST, Stream

CHANNEL = "wechat_pay"
CURRENCY = "CNY"
T = TypeVar("T")
_TIERS = ((100, Tier.DIAMOND), (40, Tier.PLATINUM), (15, Tier.GOLD), (5, Tier.SILVER))


@dataclass
class Shop:
    """Ids that the days need."""

    tenant_id: int
    slug: str
    staff: dict[str, UserId] = field(default_factory=dict)
    skus: dict[str, SkuId] = field(default_factory=dict)
    buyers: dict[int, UserId] = field(default_factory=dict)
    distributor_count: int = 0
    bound_count: int = 0


def found(stream: Stream, forest: Forest, opened_at: datetime) -> Shop:
    """Make the tenant with the clock at ``opened_at``. Prices in pounds are booked as yuan one to one, because the domestic
    WeChat protocol carries nothing else; a penny is a fen."""
    with clock.driven(opened_at):
        slug = f"replay-{secrets.token_hex(4)}"
        shop = Shop(tenancy.create_tenant(slug, "Replay", CURRENCY, "Europe/London", "sandbox"), slug)
        with tenancy.enter(shop.tenant_id, actor="replay", reason="founding"):
            _staff(shop)
            categories = _stock(shop, stream)
        _people(shop, forest)
        with tenancy.enter(shop.tenant_id, actor="replay", reason="plan and policies"):
            _rules(shop, categories)
    return shop


def _staff(shop: Shop) -> None:
    wanted = (("operator", Role.OPERATOR), ("finance", Role.FINANCE), ("finance2", Role.FINANCE), ("warehouse", Role.WAREHOUSE))
    ids = identity.register_users([NewUser(name, None, name, None, (role,)) for name, role in wanted])
    shop.staff = {name: user_id for (name, _), user_id in zip(wanted, ids, strict=True)}
    (shop.buyers[GUEST],) = identity.register_users([NewUser("guest", None, "Guest", None, (Role.CONSUMER,))])
    # A day is placed and paid in one go at its end, so an order must stay payable for that long.
    orders.set_policy(Policy(payment_window_seconds=172_800))


def _stock(shop: Shop, stream: Stream) -> dict[str, int]:
    created = catalog.create_categories(goods.categories())
    categories = dict(zip(goods.CATEGORY_CODES, created, strict=True))
    codes, products = goods.products(stream, categories)
    for part, names in zip(batches(products, 1000), batches(codes, 1000), strict=True):
        for code, made in zip(names, catalog.create_products(part), strict=True):
            shop.skus[code] = made.sku_ids[0]
    (warehouse,) = inventory.open_warehouses([NewWarehouse("main", "Main warehouse", 10)])
    wanted = goods.pieces(stream)
    inventory.receive_stock(
        [Receipt(warehouse, shop.skus[code], wanted[code] + SPARE, "opening stock", f"opening/{code}") for code in codes]
    )
    return {code: int(category_id) for code, category_id in categories.items()}


def _people(shop: Shop, forest: Forest) -> None:
    now, members = clock.now(), list(forest.parent)
    users: dict[int, UserId] = {}
    for part in batches(members, 2000):
        with tenancy.enter(shop.tenant_id, actor="replay", reason="people"):
            ids = identity.register_users([NewUser(f"f{one}", None, f"User {one}", None, (Role.CONSUMER,), now) for one in part])
        users.update(zip(part, ids, strict=True))
    shop.buyers.update({customer: users[seat] for customer, seat in forest.seat.items()})
    codes: dict[int, str] = {}
    places: dict[int, DistributorId] = {}
    for wave in _waves(forest):
        for part in batches(wave, 1000):
            with tenancy.enter(shop.tenant_id, actor="replay", reason="distributors join"):
                _join(part, forest, users, codes, places, now)
        events.drain(shop.tenant_id)  # the wave stands in the tree before the next one names it as sponsor
    with tenancy.enter(shop.tenant_id, actor="replay", reason="tiers, accounts, bindings"):
        distributors.set_tiers(_tiers(forest, places), now, "replay: size of the downline in the forest")
        settlement.set_payee_accounts([PayeeAccount(d, CHANNEL, f"openid-f{u}", f"User {u}") for u, d in places.items()])
        wishes = [
            BindRequest(users[seat], places[parent], BindSource.IMPORT, now)
            for seat in forest.seat.values()
            if (parent := forest.parent[seat]) is not None
        ]
        shop.bound_count = sum(outcome.bound for outcome in network.bind(wishes))
    events.drain(shop.tenant_id)
    shop.distributor_count = len(places)


def _waves(forest: Forest) -> list[list[int]]:
    """Distributors by their depth in the forest: sponsors first."""
    depth: dict[int, int] = {}
    waves: dict[int, list[int]] = defaultdict(list)
    for member in forest.distributors:
        parent = forest.parent[member]
        depth[member] = 0 if parent is None else depth[parent] + 1
        waves[depth[member]].append(member)
    return [waves[distance] for distance in sorted(waves)]


def _join(
    part: Sequence[int],
    forest: Forest,
    users: dict[int, UserId],
    codes: dict[int, str],
    places: dict[int, DistributorId],
    now: datetime,
) -> None:
    wishes = []
    for one in part:
        parent = forest.parent[one]
        wishes.append(Application(users[one], None if parent is None else codes[parent], now))
    for one, outcome in zip(part, distributors.apply(wishes), strict=True):
        if not isinstance(outcome, Applied):
            raise outcome
        places[one], codes[one] = outcome.distributor_id, outcome.code
    distributors.approve([places[one] for one in part], now)


def _tiers(forest: Forest, places: dict[int, DistributorId]) -> dict[DistributorId, Tier]:
    tiers = {}
    for user, distributor_id in places.items():
        tier = next((tier for least, tier in _TIERS if forest.downline[user] >= least), None)
        if tier is not None:
            tiers[distributor_id] = tier
    return tiers


def _rules(shop: Shop, categories: dict[str, int]) -> None:
    first = plans.draft_plan(DraftPlan(plan.document(categories, "compression"), drafted_by="replay", name="Replay"))
    plans.publish_plan(first, published_by="replay")
    second = plans.draft_plan(DraftPlan(plan.document(categories, "breakage"), drafted_by="replay", name="Replay 2"))
    plans.publish_plan(second, published_by="replay", effective_from=datetime.fromisoformat(plan.CHANGE_ON))
    monthly = PolicyTerms(
        Rhythm(Cycle.MONTHLY), Lane.AUTOMATIC, minimum_minor=100, review_minor=20_000, four_eyes_minor=100_000, channel=CHANNEL
    )
    settlement.open_policy(NewPolicy(Scope.TENANT, "", monthly, int(shop.staff["operator"])))


def batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Consecutive parts of at most ``size``."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


SPARE = 1_000_000
"""Pieces of everything beyond what the stream sells: the data says nothing of stock, so there is always plenty."""
OPENING_LEAD = timedelta(days=1)
