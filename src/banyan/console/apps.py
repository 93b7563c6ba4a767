"""The console as a Django app; it puts its own site in the place of Django's."""

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class ConsoleConfig(AppConfig):
    """Templates, static files, dashboard, explain, review and set-aside pages."""

    name = "banyan.console"
    label = "console"
    verbose_name = _("Console")

    def ready(self) -> None:
        """Stands before django.contrib.admin, so houses' `@admin.register` meet our site."""
        apps.get_app_config("admin").default_site = "banyan.console.site.ConsoleSite"  # type: ignore[attr-defined]
