"""Settlement as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SettlementConfig(AppConfig):
    """Policies, statements, review and payout decisions."""

    name = "banyan.earnings.settlement"
    label = "settlement"
    verbose_name = _("Settlement")
