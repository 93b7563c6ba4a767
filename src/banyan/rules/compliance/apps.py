"""The compliance house as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ComplianceConfig(AppConfig):
    """Dated rule sets of 20 jurisdictions, verdicts on plans, acknowledged readings."""

    name = "banyan.rules.compliance"
    label = "compliance"
    verbose_name = _("Compliance")
