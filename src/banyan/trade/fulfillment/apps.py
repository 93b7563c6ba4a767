"""Fulfillment as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FulfillmentConfig(AppConfig):
    """Waves, parcels, tracks and pickups."""

    name = "banyan.trade.fulfillment"
    label = "fulfillment"
    verbose_name = _("Fulfillment")
