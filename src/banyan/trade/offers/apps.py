"""Offers as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OffersConfig(AppConfig):
    """Flash sales, places in their queues, what buyers took of them."""

    name = "banyan.trade.offers"
    label = "offers"
    verbose_name = _("Flash sales")
