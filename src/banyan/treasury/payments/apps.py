"""Payments as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PaymentsConfig(AppConfig):
    """Money in, refunds back, and the notices of the channels."""

    name = "banyan.treasury.payments"
    label = "payments"
    verbose_name = _("Payments")
