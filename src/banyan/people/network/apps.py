"""The network as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class NetworkConfig(AppConfig):
    """Members, sponsorship history, consumer bindings."""

    name = "banyan.people.network"
    label = "network"
    verbose_name = _("Network")
