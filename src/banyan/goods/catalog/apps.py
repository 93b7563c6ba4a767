"""Catalog as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CatalogConfig(AppConfig):
    """Categories, products, SKUs, prices."""

    name = "banyan.goods.catalog"
    label = "catalog"
    verbose_name = _("Catalog")
