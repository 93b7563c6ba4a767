"""Identity as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class IdentityConfig(AppConfig):
    """Users, tokens, sessions, login throttling."""

    name = "banyan.people.identity"
    label = "identity"
    verbose_name = _("Identity")

    def ready(self) -> None:
        """Every new session remembers its tenant."""
        from django.contrib.auth.signals import user_logged_in

        from banyan.people.identity.sessions import remember_tenant

        user_logged_in.connect(remember_tenant, dispatch_uid="identity.remember_tenant")
