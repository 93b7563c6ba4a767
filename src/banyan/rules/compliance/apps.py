"""The compliance house as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ComplianceConfig(AppConfig):
    """Dated rule sets of 20 jurisdictions, verdicts on plans, acknowledged readings."""

    name = "banyan.rules.compliance"
    label = "compliance"
    verbose_name = _("Compliance")

    def ready(self) -> None:
        """Say under which jurisdictions a shop may be opened."""
        from banyan.kernel import tenancy
        from banyan.rules.compliance import queries

        tenancy.offer_jurisdictions(queries.list_jurisdiction_codes())
