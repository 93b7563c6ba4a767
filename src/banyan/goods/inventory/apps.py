"""Inventory as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class InventoryConfig(AppConfig):
    """Warehouses, stock levels, reservations, movements."""

    name = "banyan.goods.inventory"
    label = "inventory"
    verbose_name = _("Inventory")
