"""Orders as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrdersConfig(AppConfig):
    """Orders, lines, shipments."""

    name = "banyan.trade.orders"
    label = "orders"
    verbose_name = _("Orders")
