"""The commission house as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CommissionConfig(AppConfig):
    """Plans, accruals, reversals, releases and their explanation."""

    name = "banyan.earnings.commission"
    label = "commission"
    verbose_name = _("Commission")
