"""The sidebar: only what the person may open, only what is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from banyan.console.access import may
from banyan.goods.inventory import queries as stock
from banyan.goods.sourcing import queries as sourcing
from banyan.trade.fulfillment import queries as sending


class Item(NamedTuple):
    """One menu entry. `names` are tried in order; a house that is not installed has no entry. `badge`: see `BADGES`."""

    title: Any
    icon: str
    scope: str
    names: tuple[str, ...]
    badge: str = ""


MENU: tuple[tuple[Any, tuple[Item, ...]], ...] = (
    (
        _("Workbench"),
        (
            Item(_("Overview"), "dashboard", "orders:read", ("admin:index",)),
            Item(_("Shops"), "storefront", "tenants:read", ("console:shops",)),
        ),
    ),
    (
        _("Distribution"),
        (
            Item(
                _("Distributors"),
                "groups",
                "distributors:read",
                ("console:distributors", "admin:distributors_distributor_changelist"),
            ),
            Item(_("Applications"), "person_add", "distributors:read", ("console:applications",)),
            Item(_("Network"), "account_tree", "network:read", ("console:network",)),
            Item(_("Referred orders"), "share", "network:read", ("admin:attribution_referral_changelist",)),
            Item(_("Changes of sponsor"), "move_up", "network:read", ("admin:network_sponsorship_changelist",)),
            Item(_("Distribution settings"), "tune", "network:read", ("console:settings",)),
        ),
    ),
    (
        _("Trade"),
        (
            Item(_("Goods"), "inventory_2", "catalog:read", ("admin:catalog_product_changelist", "admin:catalog_sku_changelist")),
            Item(
                _("Orders"), "receipt_long", "orders:read", ("admin:orders_orderrow_changelist", "admin:orders_order_changelist")
            ),
            Item(_("Flash sales"), "bolt", "catalog:read", ("console:flash_sales",)),
            Item(_("Waves"), "conveyor_belt", "orders:read", ("console:waves",)),
            Item(_("Ship by list"), "playlist_add_check", "orders:ship", ("console:send",)),
            Item(_("Parcels"), "package_2", "orders:read", ("console:parcels",), "parcels"),
            Item(_("Pickup desk"), "storefront", "orders:read", ("console:pickups",)),
            Item(
                _("Returns"),
                "assignment_return",
                "returns:read",
                ("console:return_desk", "admin:returns_returnrow_changelist"),
            ),
            Item(_("Reasons and addresses of return"), "list_alt", "returns:read", ("console:return_terms",)),
            Item(
                _("Payments"),
                "credit_card",
                "payments:read",
                ("admin:payments_paymentrow_changelist", "admin:payments_payment_changelist"),
            ),
            Item(_("Payment incidents"), "running_with_errors", "payments:read", ("admin:payments_incidentrow_changelist",)),
        ),
    ),
    (
        _("Stock and warehouses"),
        (
            Item(_("Stock"), "warehouse", "inventory:read", ("console:stock",)),
            Item(_("Stock alerts"), "notification_important", "inventory:read", ("console:stock_alerts",), "stock_alerts"),
            Item(_("Lots"), "science", "inventory:read", ("console:lots",), "lots"),
            Item(_("Movements"), "swap_vert", "inventory:read", ("admin:inventory_movement_changelist",)),
            Item(_("Transfers"), "local_shipping", "inventory:read", ("console:transfers",)),
            Item(_("Stock takes"), "inventory", "inventory:read", ("console:stock_takes",)),
            Item(_("Channel stock"), "campaign", "inventory:read", ("console:channel_stock",)),
            Item(_("Sourcing"), "alt_route", "inventory:read", ("console:sourcing",)),
            Item(_("Backorders"), "hourglass_top", "inventory:read", ("console:backorders",), "backorders"),
            Item(_("Shelves"), "shelves", "orders:read", ("console:shelves",)),
            Item(_("Warehouses"), "home_work", "inventory:read", ("console:warehouses",)),
        ),
    ),
    (
        _("Commission"),
        (
            Item(
                _("Commission plans"),
                "rule",
                "plans:read",
                ("console:plans", "admin:commission_planversionrow_changelist"),
            ),
            Item(_("Commission records"), "paid", "commissions:read", ("admin:commission_commissionrow_changelist",)),
            Item(_("Closed periods"), "event_available", "plans:read", ("console:closings",)),
            Item(_("Regional partners"), "map", "plans:read", ("console:partners",)),
            Item(_("Simulations"), "query_stats", "plans:read", ("console:simulations",)),
            Item(_("Standing per country"), "public", "compliance:read", ("console:law_standing",)),
            Item(_("Law and readings"), "gavel", "compliance:read", ("console:law",)),
        ),
    ),
    (
        _("Money"),
        (
            Item(_("Settlements"), "request_quote", "settlements:read", ("admin:settlement_statementrow_changelist",)),
            Item(_("Review queue"), "fact_check", "settlements:read", ("console:review",)),
            Item(_("Settlement policies"), "event_repeat", "settlements:read", ("console:policies",)),
            Item(
                _("Payouts"),
                "send_money",
                "payouts:read",
                ("admin:payouts_payoutrow_changelist", "admin:payouts_payout_changelist"),
            ),
            Item(
                _("Ledger"),
                "account_balance",
                "ledger:read",
                ("admin:ledger_entryrow_changelist",),
            ),
        ),
    ),
    (
        _("System"),
        (
            Item(_("Events set aside"), "report", "events:read", ("console:set_aside",)),
            Item(_("Audit log"), "history", "audit:read", ("console:audit",)),
            Item(_("Users"), "manage_accounts", "users:read", ("admin:identity_user_changelist",)),
        ),
    ),
)


BADGES: dict[str, Callable[[], int]] = {
    "stock_alerts": stock.count_open_alerts, "lots": stock.count_expiring_lots, "backorders": sourcing.count_open_backorders,
    "parcels": sending.count_troubled,
}  # fmt: skip
"""What is counted beside an entry: things that nobody has looked at yet."""
COUNTED = 99


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Unfold's navigation for this request: groups without an entry are left out."""
    groups: list[dict[str, Any]] = []
    for title, items in MENU:
        shown = [entry for item in items if (entry := _entry(request, item)) is not None]
        if shown:
            groups.append({"title": title, "items": shown, "separator": bool(groups), "collapsible": False})
    return groups


def first_page(request: HttpRequest) -> str | None:
    """The address of the first entry that is not the overview: where people without its scope land."""
    for _title, items in MENU:
        for item in items:
            if item.names != ("admin:index",) and (entry := _entry(request, item)) is not None:
                return str(entry["link"])
    return None


def _entry(request: HttpRequest, item: Item) -> dict[str, Any] | None:
    if not may(request, item.scope):
        return None
    for name in item.names:
        try:
            link = reverse(name)
        except NoReverseMatch:
            continue
        entry = {"title": item.title, "icon": item.icon, "link": link, "permission": None, "active": _active(request, link)}
        return entry | _badge(item)
    return None


def _badge(item: Item) -> dict[str, Any]:
    count = BADGES[item.badge]() if item.badge else 0
    return {"badge": str(count) if count <= COUNTED else f"{COUNTED}+", "badge_variant": "danger"} if count else {}


def _active(request: HttpRequest, link: str) -> bool:
    if link in (reverse("admin:index"), reverse("console:stock")):  # others' addresses begin with theirs
        return request.path == link
    return request.path.startswith(link)
