"""Which console pages a person may open, derived from the same scopes that tokens carry."""

from __future__ import annotations

from collections.abc import Iterable

from banyan.people.identity.types import Role, Scope, scopes_of

APP_SCOPES: dict[str, tuple[Scope | None, Scope | None]] = {
    "identity": (Scope.USERS_READ, Scope.USERS_WRITE),
    "distributors": (Scope.DISTRIBUTORS_READ, Scope.DISTRIBUTORS_WRITE),
    "network": (Scope.NETWORK_READ, Scope.NETWORK_WRITE),
    "compliance": (Scope.COMPLIANCE_READ, Scope.COMPLIANCE_ACKNOWLEDGE),
    "ledger": (Scope.LEDGER_READ, None),
    "payments": (Scope.PAYMENTS_READ, Scope.PAYMENTS_WRITE),
    "payouts": (Scope.PAYOUTS_READ, Scope.PAYOUTS_SUBMIT),
    "catalog": (Scope.CATALOG_READ, Scope.CATALOG_WRITE),
    "inventory": (Scope.INVENTORY_READ, Scope.INVENTORY_WRITE),
    "warehousing": (Scope.INVENTORY_READ, Scope.INVENTORY_WRITE),
    "sourcing": (Scope.INVENTORY_READ, Scope.INVENTORY_WRITE),
    "attribution": (Scope.ORDERS_READ, None),
    "pricing": (Scope.CATALOG_READ, Scope.CATALOG_WRITE),
    "offers": (Scope.CATALOG_READ, Scope.CATALOG_WRITE),
    "orders": (Scope.ORDERS_READ, Scope.ORDERS_WRITE),
    "fulfillment": (Scope.ORDERS_READ, Scope.ORDERS_SHIP),
    "returns": (Scope.RETURNS_READ, Scope.RETURNS_REVIEW),
    "commission": (Scope.COMMISSIONS_READ, Scope.PLANS_WRITE),
    "simulation": (Scope.PLANS_READ, None),
    "settlement": (Scope.SETTLEMENTS_READ, Scope.SETTLEMENTS_REVIEW),
    "kernel": (Scope.EVENTS_READ, Scope.EVENTS_WRITE),
}
"""For each house: the scope to look and the scope to act. None: nobody acts there through pages."""

MODEL_SCOPES: dict[str, tuple[Scope | None, Scope | None]] = {
    "kernel.auditentry": (Scope.AUDIT_READ, None),
    "kernel.tenantrow": (Scope.TENANTS_READ, Scope.TENANTS_WRITE),
}
"""Single models that need another scope than their house."""

DEEDS: dict[str, tuple[Scope, frozenset[Role]]] = {
    "orders.ship_order": (Scope.ORDERS_SHIP, frozenset(Role)),
    "returns.decide_returnrow": (Scope.RETURNS_REVIEW, frozenset({Role.OPERATOR, Role.PLATFORM})),
    "returns.receive_returnrow": (Scope.RETURNS_REVIEW, frozenset({Role.WAREHOUSE, Role.OPERATOR, Role.PLATFORM})),
}
"""Acts with a right of their own: the scope, and whose it is. The same as over the API: the warehouse ships and receives
returned goods, but neither moves other people's orders nor decides who gets money back."""


def may_open(roles: Iterable[Role | str], app_label: str) -> bool:
    """Whether somebody with these roles may see anything of a house in the console."""
    scopes = scopes_of(roles)
    wanted = {APP_SCOPES.get(app_label, (None, None))[0]}
    wanted |= {read for name, (read, _) in MODEL_SCOPES.items() if name.startswith(f"{app_label}.")}
    return any(scope in scopes for scope in wanted if scope is not None)


def allows(roles: Iterable[Role | str], permission: str) -> bool:
    """Whether the roles grant a Django permission such as ``orders.view_order``; anything unknown is denied."""
    roles = tuple(roles)
    if permission in DEEDS:
        scope, owners = DEEDS[permission]
        return scope in scopes_of(roles) and not owners.isdisjoint(Role(role) for role in roles)
    app_label, _, codename = permission.partition(".")
    verb, _, model = codename.partition("_")
    read, write = MODEL_SCOPES.get(f"{app_label}.{model}", APP_SCOPES.get(app_label, (None, None)))
    wanted = read if verb == "view" else write
    return wanted is not None and wanted in scopes_of(roles)
