"""Returns as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReturnsConfig(AppConfig):
    """Return requests, inspections and refunds."""

    name = "banyan.trade.returns"
    label = "returns"
    verbose_name = _("Returns")
