"""Payouts as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PayoutsConfig(AppConfig):
    """Money out to distributors."""

    name = "banyan.treasury.payouts"
    label = "payouts"
    verbose_name = _("Payouts")
