"""One tenant per transaction; nothing is visible without one.

``enter`` is the only way in. It opens a transaction and tells PostgreSQL the tenant, actor and reason for exactly that
transaction, so row-level security and the audit triggers see them and a pooled connection cannot carry them over.
"""

from typing import TYPE_CHECKING

from banyan.kernel.tenancy.context import NoTenant, TenantMixing, current_actor, current_tenant_id, enter, entered

__all__ = [
    "Audit",
    "NoTenant",
    "Tenant",
    "TenantId",
    "TenantMixing",
    "TenantModel",
    "create_tenant",
    "current_actor",
    "current_tenant_id",
    "enter",
    "entered",
    "find_tenant_by_slug",
    "get_tenant",
    "list_tenant_ids",
    "list_tenants",
    "offer_jurisdictions",
]

if TYPE_CHECKING:
    from banyan.kernel.tenancy.base import Audit, TenantModel
    from banyan.kernel.tenancy.registry import (
        Tenant,
        TenantId,
        create_tenant,
        find_tenant_by_slug,
        get_tenant,
        list_tenant_ids,
        list_tenants,
        offer_jurisdictions,
    )

REGISTRY = frozenset(
    ("Tenant", "TenantId", "create_tenant", "find_tenant_by_slug", "get_tenant", "list_tenant_ids", "list_tenants",
     "offer_jurisdictions")
)  # fmt: skip


def __getattr__(name: str) -> object:
    # Models can only be imported once Django's registry is loading, so they are resolved on first use.
    if name in {"TenantModel", "Audit"}:
        from banyan.kernel.tenancy import base

        return getattr(base, name)
    if name in REGISTRY:
        from banyan.kernel.tenancy import registry

        return getattr(registry, name)
    raise AttributeError(name)
