"""Warehousing as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WarehousingConfig(AppConfig):
    """Transfers and stock takes."""

    name = "banyan.goods.warehousing"
    label = "warehousing"
    verbose_name = _("Warehousing")
