"""The kernel as a Django app."""

from django.apps import AppConfig


class KernelConfig(AppConfig):
    """Tables, database rules and registries that every house stands on."""

    name = "banyan.kernel"
    label = "kernel"
    verbose_name = "Kernel"
