"""The words of identity: users, roles, scopes, tokens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

UserId = NewType("UserId", int)
TokenId = NewType("TokenId", int)

TOKEN_PREFIX = "byn_"
"""Every API token starts so: secret scanners and people recognise it."""


class Role(StrEnum):
    """What a person is for a tenant. One person may have several."""

    PLATFORM = "platform"
    OPERATOR = "operator"
    FINANCE = "finance"
    WAREHOUSE = "warehouse"
    SUPPLIER = "supplier"
    DISTRIBUTOR = "distributor"
    CONSUMER = "consumer"
    AUDITOR = "auditor"


CONSOLE_ROLES = frozenset({Role.PLATFORM, Role.OPERATOR, Role.FINANCE, Role.WAREHOUSE, Role.AUDITOR})
"""Who may open the operators' console. Suppliers, distributors and consumers use the API and the shop."""

OWN_ROWS_ROLES = frozenset({Role.DISTRIBUTOR, Role.CONSUMER, Role.SUPPLIER})
"""A principal that has only these roles sees its own rows and nobody else's."""


class Scope(StrEnum):
    """One right that a token can carry. ``read`` never changes a row."""

    ME_READ = "me:read"
    ME_WRITE = "me:write"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    TENANTS_READ = "tenants:read"
    TENANTS_WRITE = "tenants:write"
    DISTRIBUTORS_READ = "distributors:read"
    DISTRIBUTORS_APPLY = "distributors:apply"
    DISTRIBUTORS_WRITE = "distributors:write"
    NETWORK_READ = "network:read"
    NETWORK_BIND = "network:bind"
    NETWORK_WRITE = "network:write"
    COMPLIANCE_READ = "compliance:read"
    COMPLIANCE_ACKNOWLEDGE = "compliance:acknowledge"
    LEDGER_READ = "ledger:read"
    PAYMENTS_READ = "payments:read"
    PAYMENTS_WRITE = "payments:write"
    PAYOUTS_READ = "payouts:read"
    PAYOUTS_SUBMIT = "payouts:submit"
    CATALOG_READ = "catalog:read"
    CATALOG_WRITE = "catalog:write"
    INVENTORY_READ = "inventory:read"
    INVENTORY_WRITE = "inventory:write"
    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    ORDERS_SHIP = "orders:ship"
    RETURNS_READ = "returns:read"
    RETURNS_WRITE = "returns:write"
    RETURNS_REVIEW = "returns:review"
    PLANS_READ = "plans:read"
    PLANS_WRITE = "plans:write"
    PLANS_APPROVE = "plans:approve"
    PLANS_PUBLISH = "plans:publish"
    PLANS_SIMULATE = "plans:simulate"
    COMMISSIONS_READ = "commissions:read"
    SETTLEMENTS_READ = "settlements:read"
    SETTLEMENTS_WRITE = "settlements:write"
    SETTLEMENTS_REVIEW = "settlements:review"
    EVENTS_READ = "events:read"
    EVENTS_WRITE = "events:write"
    AUDIT_READ = "audit:read"


_EVERYBODY = frozenset({Scope.ME_READ, Scope.ME_WRITE, Scope.CATALOG_READ})
_READS = frozenset(scope for scope in Scope if scope.endswith(":read")) - {Scope.TENANTS_READ}

ROLE_SCOPES: dict[Role, frozenset[Scope]] = {
    # The platform runs the installation. It works in a merchant's tenant only after entering it, which is audited.
    Role.PLATFORM: frozenset(Scope)
    - {
        Scope.ORDERS_WRITE,
        Scope.PAYOUTS_SUBMIT,
        Scope.SETTLEMENTS_REVIEW,
        Scope.COMPLIANCE_ACKNOWLEDGE,
    },
    Role.OPERATOR: _EVERYBODY
    | (_READS - {Scope.AUDIT_READ})
    | {
        Scope.USERS_WRITE,
        Scope.DISTRIBUTORS_APPLY,
        Scope.DISTRIBUTORS_WRITE,
        Scope.NETWORK_BIND,
        Scope.NETWORK_WRITE,
        Scope.COMPLIANCE_ACKNOWLEDGE,
        Scope.CATALOG_WRITE,
        Scope.INVENTORY_WRITE,
        Scope.ORDERS_WRITE,
        Scope.ORDERS_SHIP,
        Scope.RETURNS_WRITE,
        Scope.RETURNS_REVIEW,
        Scope.PLANS_WRITE,
        Scope.PLANS_APPROVE,
        Scope.PLANS_PUBLISH,
        Scope.PLANS_SIMULATE,
        Scope.SETTLEMENTS_WRITE,
        Scope.EVENTS_WRITE,
    },
    # Finance moves money but does not write the rules by which it is earned; it may be the second person who approves them.
    Role.FINANCE: _EVERYBODY
    | {
        Scope.USERS_READ,
        Scope.DISTRIBUTORS_READ,
        Scope.NETWORK_READ,
        Scope.COMPLIANCE_READ,
        Scope.LEDGER_READ,
        Scope.PAYMENTS_READ,
        Scope.PAYMENTS_WRITE,
        Scope.PAYOUTS_READ,
        Scope.PAYOUTS_SUBMIT,
        Scope.ORDERS_READ,
        Scope.RETURNS_READ,
        Scope.PLANS_READ,
        Scope.PLANS_APPROVE,
        Scope.PLANS_SIMULATE,
        Scope.COMMISSIONS_READ,
        Scope.SETTLEMENTS_READ,
        Scope.SETTLEMENTS_WRITE,
        Scope.SETTLEMENTS_REVIEW,
        Scope.EVENTS_READ,
    },
    Role.WAREHOUSE: _EVERYBODY
    | {
        Scope.INVENTORY_READ,
        Scope.INVENTORY_WRITE,
        Scope.ORDERS_READ,
        Scope.ORDERS_SHIP,
        Scope.RETURNS_READ,
        Scope.RETURNS_REVIEW,
    },
    Role.SUPPLIER: _EVERYBODY | {Scope.INVENTORY_READ, Scope.ORDERS_READ},
    Role.DISTRIBUTOR: _EVERYBODY
    | {
        Scope.DISTRIBUTORS_READ,
        Scope.NETWORK_READ,
        Scope.NETWORK_BIND,
        Scope.ORDERS_READ,
        Scope.ORDERS_WRITE,
        Scope.RETURNS_READ,
        Scope.RETURNS_WRITE,
        Scope.COMMISSIONS_READ,
        Scope.SETTLEMENTS_READ,
        Scope.PAYOUTS_READ,
        Scope.LEDGER_READ,
    },
    Role.CONSUMER: _EVERYBODY
    | {
        Scope.DISTRIBUTORS_APPLY,
        Scope.DISTRIBUTORS_READ,
        Scope.NETWORK_READ,
        Scope.NETWORK_BIND,
        Scope.ORDERS_READ,
        Scope.ORDERS_WRITE,
        Scope.RETURNS_READ,
        Scope.RETURNS_WRITE,
        Scope.PAYMENTS_READ,
    },
    # The auditor reads everything, also the audit log, and changes nothing but the own password.
    Role.AUDITOR: _EVERYBODY | _READS,
}
"""Which rights each role has: the whole table. Houses give own rows only to distributors and consumers."""


def scopes_of(roles: Iterable[Role | str]) -> frozenset[Scope]:
    """All rights of somebody with these roles."""
    return frozenset().union(*(ROLE_SCOPES[Role(role)] for role in roles))


@dataclass(frozen=True)
class NewUser:
    """A person to register. ``password`` None means: signs in by token only. ``joined_at`` None means: now."""

    login: str
    password: str | None = field(repr=False)
    display_name: str = field(repr=False)
    phone: str | None = field(repr=False)
    roles: tuple[Role, ...]
    joined_at: datetime | None = None


@dataclass(frozen=True)
class User:
    """A registered person. Name and phone are personal: never log them."""

    id: UserId
    login: str
    display_name: str = field(repr=False)
    phone: str | None = field(repr=False)
    roles: tuple[Role, ...]
    active: bool
    joined_at: datetime


@dataclass(frozen=True)
class NewShop:
    """A shop to open, with the login of its first operator."""

    slug: str
    name: str
    currency: str = "CNY"
    timezone: str = "Asia/Shanghai"
    jurisdiction: str = "CN"
    login: str = "operator"


@dataclass(frozen=True)
class OpenedShop:
    """A new shop. The first operator's password is told this once and stored hashed."""

    tenant_id: int
    slug: str
    operator_id: UserId
    login: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Token:
    """An issued API token without its secret, which is shown once at issue and not kept."""

    id: TokenId
    user_id: UserId
    name: str
    scopes: tuple[str, ...]
    issued_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
