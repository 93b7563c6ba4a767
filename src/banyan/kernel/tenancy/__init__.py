"""One tenant per transaction; nothing is visible without one.

``enter`` is the only way in. It opens a transaction and tells PostgreSQL the tenant, actor and reason for exactly that
transaction, so row-level security and the audit triggers see them and a pooled connection cannot carry them over.
"""

from banyan.kernel.tenancy.context import NoTenant, TenantMixing, current_actor, current_tenant_id, enter, entered

__all__ = ["NoTenant", "TenantMixing", "current_actor", "current_tenant_id", "enter", "entered", "TenantModel", "Audit", "create_tenant", "get_tenant", "list_tenant_ids"]


def __getattr__(name: str) -> object:
    # Models can only be imported once Django's registry is loading, so they are resolved on first use.
    if name in {"TenantModel", "Audit"}:
        from banyan.kernel.tenancy import base

        return getattr(base, name)
    if name in {"create_tenant", "get_tenant", "list_tenant_ids", "find_tenant_by_slug"}:
        from banyan.kernel.tenancy import registry

        return getattr(registry, name)
    raise AttributeError(name)
