"""The ledger as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LedgerConfig(AppConfig):
    """Accounts, balanced entries, immutable postings and guarded balances."""

    name = "banyan.treasury.ledger"
    label = "ledger"
    verbose_name = _("Ledger")
