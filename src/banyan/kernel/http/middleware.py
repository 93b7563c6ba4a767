"""One request, one tenant, one transaction: for API tokens and for console sessions."""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha256
from importlib import import_module

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from banyan.kernel import clock, idempotency, ids, sql, tenancy
from banyan.kernel.http import grouped
from banyan.kernel.http.api import NOT_TO_BE_KEPT, Principal, address_of, error_response
from banyan.kernel.tenancy import context
from banyan.kernel.values.errors import Invalid, Refusal

GetResponse = Callable[[HttpRequest], HttpResponseBase]
API_PREFIX = "/api/"
SESSION_TENANT = "banyan_tenant_id"
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""An odd number of backslashes before u0000; after an even number it is just text."""


def api_transactions(get_response: GetResponse) -> GetResponse:
    """Middleware for ``/api/``: authenticates the bearer token and runs the request in the tenant's transaction.

    Operations that are answered in groups go their own, shorter way (``grouped``). Of all others, any answer of 400 and above
    rolls the transaction back. Writes need an ``Idempotency-Key``; a repeated one gets the
    stored answer with the header ``Idempotent-Replayed: true``. Requests without a token run without a tenant and so see no row;
    so do those to public doors, whose caller may carry another shop's token: the door itself says which shop it enters.
    """

    # Also so that grouped operations are known from the first request on.
    public_doors = import_module(settings.ROOT_URLCONF).api.public_doors()

    def is_public(request: HttpRequest) -> bool:
        below = request.path.removeprefix(f"{grouped.API_V1}/")
        return any(request.method in methods and door.pattern.match(below) for methods, door in public_doors)

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith(API_PREFIX):
            return get_response(request)
        operation = grouped.find_operation(request.method or "", request.path)
        try:
            if operation is not None:
                return operation.answer(request)
            if _holds_nul(request):
                return error_response(HoldsNul("The request holds the character U+0000, which no text can hold."))
        except RequestDataTooBig:
            return error_response(_TooLarge("The body is too large."))
        return _in_our_shape(in_transaction(request))

    def in_transaction(request: HttpRequest) -> HttpResponseBase:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token.strip() or is_public(request):
            return get_response(request)
        with transaction.atomic():
            principal = _authenticate(request, token.strip())
            if principal is None:
                return get_response(request)
            with context.adopted(principal.tenant_id, ids.public("usr", principal.user_id)):
                response = _answer(request, principal, get_response)
            if response.status_code >= 400:
                transaction.set_rollback(True)
            return response

    return middleware


class HoldsNul(Invalid):
    """Text with U+0000, which PostgreSQL cannot keep. Refused once for every operation, before anything is looked up."""

    advice = "Leave the character U+0000 out of texts and addresses. Bodies are JSON in UTF-8."


def _holds_nul(request: HttpRequest) -> bool:
    """In the path, the query or the body: as itself or as JSON writes it."""
    query = request.META.get("QUERY_STRING", "")
    if "\x00" in request.path or "\x00" in query or "%00" in query:
        return True
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return False
    body = request.body
    return b"\x00" in body or (b"\\u0000" in body and _ESCAPED_NUL.search(body) is not None)


class _TooLarge(Refusal):
    code = "too_large"
    status = 413
    advice = "Send less at a time."


class _NoSuchPath(Refusal):
    code = "no_such_path"
    status = 404
    advice = "See /api/v1/docs for the paths there are."


class _WrongMethod(Refusal):
    code = "method_not_allowed"
    status = 405
    advice = "The Allow header names the methods of this path."


class _Unreadable(Refusal):
    code = "bad_request"
    status = 400
    advice = "Check the address, the Host header and the encoding of the request."


def _in_our_shape(response: HttpResponseBase) -> HttpResponseBase:
    """Django's own HTML and plain-text errors under /api/ become the published shape; ours pass."""
    if response.status_code < 400 or response.headers.get("Content-Type", "").startswith("application/json"):
        return response
    kinds: dict[int, type[Refusal]] = {404: _NoSuchPath, 405: _WrongMethod}
    shaped = error_response(kinds.get(response.status_code, _Unreadable)())
    shaped.status_code = response.status_code
    if "Allow" in response.headers:
        shaped["Allow"] = response.headers["Allow"]
    return shaped


def _authenticate(request: HttpRequest, token: str) -> Principal | None:
    """One statement: finds the token and tells PostgreSQL tenant, actor and origin for this transaction."""
    if len(token) > 200 or not token.isascii():
        request.token_problem = grouped.problem_of("")  # type: ignore[attr-defined]
        return None
    found = sql.fetch(
        "SELECT tenant_id, user_id, roles, scopes, distributor_id, status FROM banyan_authenticate(%s, %s, %s)",
        (sha256(token.encode()).digest(), clock.now(), address_of(request)),
    )
    if not found or found[0][5] != "ok":
        request.token_problem = grouped.problem_of(found[0][5] if found else "")  # type: ignore[attr-defined]
        return None
    tenant_id, user_id, roles, scopes, distributor_id, _ = found[0]
    principal = Principal(tenant_id, user_id, frozenset(roles), frozenset(scopes), distributor_id)
    request.principal = principal  # type: ignore[attr-defined]
    return principal


def _answer(request: HttpRequest, principal: Principal, get_response: GetResponse) -> HttpResponseBase:
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return get_response(request)
    try:
        key = request.headers.get("Idempotency-Key", "")
        if not idempotency.is_usable(key):
            raise idempotency.KeyMissing("This request changes something and has no usable Idempotency-Key.")
        digest = idempotency.digest_of((request.method or "").encode(), request.get_full_path().encode(), request.body)
        kept = idempotency.find_answer(principal.user_id, key, digest)
    except Refusal as refusal:
        return error_response(refusal)
    if kept is not None:
        replay = HttpResponse(kept.body, status=kept.status, content_type="application/json")
        replay[idempotency.REPLAYED] = "true"
        return replay
    response = get_response(request)
    if response.status_code < 400 and isinstance(response, HttpResponse):
        if response.headers.get("Cache-Control") == NOT_TO_BE_KEPT:
            shown = error_response(idempotency.ShownOnce())
            answer = idempotency.Answer(shown.status_code, shown.content.decode())
        else:
            answer = idempotency.Answer(response.status_code, response.content.decode())
        idempotency.keep_answers([(principal.user_id, key, digest, answer)])
    return response


def console_transactions(get_response: GetResponse) -> GetResponse:
    """Middleware for pages: enters the tenant that the signed-in session names, for the whole request.

    Must stand after SessionMiddleware and before AuthenticationMiddleware. A session without a tenant sees no row.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        session = getattr(request, "session", None)
        tenant_id = session.get(SESSION_TENANT) if session is not None and not request.path.startswith(API_PREFIX) else None
        if not isinstance(tenant_id, int):
            return get_response(request)
        user_id = str(session.get("_auth_user_id", "")) if session is not None else ""
        actor = ids.public("usr", int(user_id)) if user_id.isdigit() else ""
        with tenancy.enter(tenant_id, actor=actor, reason="console", origin=address_of(request)):
            response = get_response(request)
            if response.status_code >= 500:
                transaction.set_rollback(True)
            return response

    return middleware
