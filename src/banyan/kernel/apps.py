"""The kernel as a Django app."""

from importlib import import_module
from importlib.util import find_spec

from django.apps import AppConfig, apps

REGISTERING_ROOMS = ("reactions", "jobs", "checks")
"""Rooms that register something by being imported."""


class KernelConfig(AppConfig):
    """Tables, database rules and registries that every house stands on."""

    name = "banyan.kernel"
    label = "kernel"
    verbose_name = "Kernel"

    def ready(self) -> None:
        """Pooled connections are checked without a round trip; the registering rooms of every house are imported."""
        from psycopg_pool import ConnectionPool

        from banyan.kernel import statements

        setattr(ConnectionPool, "check_connection", staticmethod(statements.check_connection))  # noqa: B010 a method, for mypy
        self._register_all()

    def _register_all(self) -> None:
        """Import the registering rooms of every installed house, so that none can be forgotten. Models are loaded by now."""
        import_module("banyan.kernel.audit.sealing")
        import_module("banyan.kernel.idempotency")
        for app in apps.get_app_configs():
            if app.name.startswith("banyan.") and app.name != self.name:
                for room in REGISTERING_ROOMS:
                    if find_spec(f"{app.name}.{room}") is not None:
                        import_module(f"{app.name}.{room}")
