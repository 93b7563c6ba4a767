"""Who may open a console page: staff of the entered tenant with the page's scope. Anything else is closed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib import admin, messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from banyan.kernel import ids, tenancy
from banyan.kernel.values.errors import Refusal
from banyan.kernel.words import said

View = Callable[..., HttpResponse]
T = TypeVar("T")


def may(request: HttpRequest, scope: str) -> bool:
    """Whether the signed-in person has this scope in the entered tenant; False without a tenant or a user."""
    user = request.user
    return tenancy.entered() is not None and user.is_authenticated and user.is_staff and user.has_scope(scope)


def person(request: HttpRequest) -> Any:
    """The signed-in identity user of a page; the page decorator has made sure that there is one."""
    if not request.user.is_authenticated:
        raise PermissionDenied("Nobody is signed in.")
    return request.user


def attempt(request: HttpRequest, act: Callable[[], object], done: object) -> bool:
    """Run one command in its own savepoint; its refusal becomes a message and leaves nothing behind, else `done` is said."""
    try:
        with transaction.atomic():
            act()
    except Refusal as refusal:
        messages.error(request, said(refusal))
        return False
    messages.success(request, str(done))
    return True


def page(scope: str) -> Callable[[View], View]:
    """Mark a view as a console page that needs `scope`: no session goes to the login, no right gets 403, never data."""

    def wrap(view: View) -> View:
        @functools.wraps(view)
        def run(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not admin.site.has_permission(request):
                return redirect_to_login(request.get_full_path(), reverse("admin:login"))
            if not may(request, scope):
                raise PermissionDenied(f"This page needs the scope {scope}.")
            if any("\x00" in text for sent in (request.GET, request.POST) for texts in sent.lists() for text in texts[1]):
                raise BadRequest("A zero byte is no text.")  # PostgreSQL has no such text either
            try:
                with transaction.atomic():  # a savepoint: a refused act leaves nothing behind
                    return view(request, *args, **kwargs)
            except Refusal as refusal:
                answer = show(request, "console/refused.html", _("This was refused"), refusal=refusal)
                answer.status_code = refusal.status
                return answer

        run.banyan_scope = scope  # type: ignore[attr-defined]
        return run

    return wrap


def get_public(read: Callable[[Any], T | None], prefix: str, public_id: str) -> T:
    """What `read` gives for the number of a public id; 404 where that is no such id, or nothing is there."""
    try:
        found = read(ids.parse(prefix, public_id))
    except Refusal as refusal:
        raise Http404(public_id) from refusal
    if found is None:
        raise Http404(public_id)
    return found


def show(request: HttpRequest, template: str, title: object, **context: Any) -> TemplateResponse:
    """Render a console page with the site's sidebar and header."""
    request.current_app = admin.site.name
    return TemplateResponse(request, template, {**admin.site.each_context(request), "title": title, **context})
