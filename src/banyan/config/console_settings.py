"""How the console looks: unfold's settings."""

from __future__ import annotations

from typing import Any

from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

_GREEN = {
    "50": "oklch(97.9% .021 166.1)", "100": "oklch(95% .052 163.1)", "200": "oklch(90.5% .093 164.2)",
    "300": "oklch(84.5% .143 165)", "400": "oklch(76.5% .177 163.2)", "500": "oklch(69.6% .17 162.5)",
    "600": "oklch(53% .125 163.2)", "700": "oklch(46% .105 165.6)", "800": "oklch(40% .09 166.9)",
    "900": "oklch(34% .07 168.9)", "950": "oklch(26.2% .051 172.6)",
}  # fmt: skip

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": _("Banyan console"),
    "SITE_HEADER": "Banyan 榕",
    "SITE_SUBHEADER": "banyan.console.headings.shop_name",
    "SITE_URL": None,
    "SITE_SYMBOL": "park",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("console/favicon.svg")}],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "6px",
    "COLORS": {"primary": _GREEN},
    "STYLES": [lambda request: static("console/console.css")],
    "SCRIPTS": [lambda request: static("console/console.js")],
    "LOGIN": {"form": "banyan.console.forms.ShopLoginForm"},
    "SIDEBAR": {
        "show_search": False,
        "command_search": False,
        "show_all_applications": False,
        "navigation": "banyan.console.navigation.sidebar",
    },
    "ENVIRONMENT": "banyan.console.headings.environment",
}
