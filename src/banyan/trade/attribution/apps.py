"""Attribution as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AttributionConfig(AppConfig):
    """Links, referrals, frozen snapshots."""

    name = "banyan.trade.attribution"
    label = "attribution"
    verbose_name = _("Attribution")
