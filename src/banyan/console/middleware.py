"""Language and time zone of console pages."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone, translation

from banyan.kernel import tenancy
from banyan.kernel.tenancy.registry import get_tenant

GetResponse = Callable[[HttpRequest], HttpResponseBase]


def chosen_language(get_response: GetResponse) -> GetResponse:
    """Middleware: the language that the person chose, else simplified Chinese whatever the browser asks for.

    Django's own LocaleMiddleware would follow Accept-Language, and an English browser would get half of a Chinese shop.
    """
    known = {code for code, _ in settings.LANGUAGES}

    def middleware(request: HttpRequest) -> HttpResponseBase:
        wanted = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
        language = wanted if wanted in known else settings.LANGUAGE_CODE
        with translation.override(language):
            request.LANGUAGE_CODE = translation.get_language()
            response = get_response(request)
            response.headers.setdefault("Content-Language", language)
            return response

    return middleware


def tenant_time_zone(get_response: GetResponse) -> GetResponse:
    """Middleware: times on pages are shown in the entered tenant's zone. Stands after console_transactions."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        current = tenancy.entered()
        if current is None:
            return get_response(request)
        with timezone.override(get_tenant(current.tenant_id).zone):
            return get_response(request)

    return middleware
