"""Sourcing as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SourcingConfig(AppConfig):
    """Tariffs, choices of warehouses, backorders."""

    name = "banyan.goods.sourcing"
    label = "sourcing"
    verbose_name = _("Sourcing")
