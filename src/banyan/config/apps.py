"""The configuration as a Django app, so that every process joins ports to adapters when Django is ready."""

from django.apps import AppConfig


class WiringConfig(AppConfig):
    """No tables: only the wiring."""

    name = "banyan.config"
    label = "config"

    def ready(self) -> None:
        """Wire in what the environment describes."""
        from banyan.config import wiring

        wiring.register_from_process()
