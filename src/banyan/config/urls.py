"""Where every router and page is mounted. A house's ``api.py`` is found by its presence."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path

from banyan.kernel.http import BanyanAPI
from banyan.kernel.http.api import TokenAuth

api = BanyanAPI(
    title="Banyan",
    version="1.0.0",
    description="Distribution mall. Money is in integer minor units, rates in basis points, times in ISO 8601 UTC.",
    auth=TokenAuth(),
    docs_url="/docs",
    urls_namespace="api-v1",
)

# Paths are tried in order, a hundred of them: the busiest house stands first.
for app in sorted(settings.INSTALLED_APPS, key=lambda name: name != "banyan.trade.orders"):
    if app.startswith("banyan.") and find_spec(f"{app}.api") is not None:
        api.add_router("", import_module(f"{app}.api").router)


def healthy(request: HttpRequest) -> HttpResponse:
    """Answers while the process serves requests; deeper checks are ``banyan doctor``'s."""
    return HttpResponse("ok", content_type="text/plain")


urlpatterns: list[URLPattern | URLResolver] = [path("api/v1/", api.urls), path("healthz", healthy)]
if "banyan.console" in settings.INSTALLED_APPS:
    urlpatterns.append(path("", include("banyan.console.urls")))
