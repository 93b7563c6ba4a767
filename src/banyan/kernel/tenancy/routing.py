"""Which database a query goes to: the cell of the entered tenant; migrations only through the owner."""

from __future__ import annotations

from typing import Any

from banyan.kernel.tenancy import context


class CellRouter:
    """Reads and writes follow the entered tenant's cell, so moving a tenant is a change of its row."""

    def db_for_read(self, model: type[Any], **hints: Any) -> str:
        """The alias of the entered tenant's cell."""
        return context.alias()

    def db_for_write(self, model: type[Any], **hints: Any) -> str:
        """The alias of the entered tenant's cell."""
        return context.alias()

    def allow_relation(self, obj1: Any, obj2: Any, **hints: Any) -> bool:
        """All aliases of one installation hold the same schema."""
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        """Only the role that owns the tables changes them."""
        return db == "owner"
