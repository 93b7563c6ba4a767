"""Distributors as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DistributorsConfig(AppConfig):
    """Applications, standing and tier."""

    name = "banyan.people.distributors"
    label = "distributors"
    verbose_name = _("Distributors")
