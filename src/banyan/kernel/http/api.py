"""The API object, the endpoint decorator and the translation of errors."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DataError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation
from ninja.router import BoundRouter
from ninja.security import HttpBearer

from banyan.kernel.http.rendering import JsonRenderer
from banyan.kernel.values.errors import Forbidden, Refusal

log = structlog.get_logger(__name__)
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Principal:
    """Who calls: the answer of ``banyan_authenticate`` for this request's token."""

    tenant_id: int
    user_id: int
    roles: frozenset[str]
    scopes: frozenset[str]
    distributor_id: int | None

    def is_any(self, *roles: str) -> bool:
        """Whether the caller has one of these roles."""
        return not self.roles.isdisjoint(roles)


NOT_TO_BE_KEPT = "no-store"
"""Cache-Control of an answer that holds a secret: a repeated request is told so instead of getting the secret from a table."""


def keep_nowhere(response: HttpResponse) -> None:
    """The answer holds a secret: nobody between us and the caller keeps it, nor do we."""
    response["Cache-Control"] = NOT_TO_BE_KEPT


def principal_of(request: HttpRequest) -> Principal:
    """The authenticated caller; raises AuthenticationError when there is none, so that a missing check cannot pass."""
    principal = getattr(request, "principal", None)
    if not isinstance(principal, Principal):
        raise AuthenticationError()
    return principal


def address_of(request: HttpRequest) -> str:
    """Where the caller is: the peer, or what the outermost of ``BANYAN_PROXY_COUNT`` proxies of ours saw of him.

    Each proxy appends its peer to X-Forwarded-For; what stands before is the caller's own word.
    """
    return address_behind_proxies(str(request.META.get("REMOTE_ADDR") or ""), request.META.get("HTTP_X_FORWARDED_FOR", ""))


def address_behind_proxies(peer: str, forwarded: str) -> str:
    """The same, from the peer's address and the X-Forwarded-For header."""
    if not settings.BANYAN_PROXY_COUNT:
        return peer
    told = forwarded.split(",")
    try:
        return str(ip_address(told[-settings.BANYAN_PROXY_COUNT].strip()))
    except (IndexError, ValueError):
        return peer


class TokenAuth(HttpBearer):
    """Bearer tokens. The middleware has looked the token up already; here only its verdict counts."""

    def authenticate(self, request: HttpRequest, token: str) -> Principal | None:
        """The principal, or None, which ninja answers with 401."""
        principal = getattr(request, "principal", None)
        return principal if isinstance(principal, Principal) else None


def missing_scope(scope: str) -> Forbidden:
    """The refusal of a caller whose token lacks this scope."""
    return Forbidden(f"This needs the scope {scope}.", scope=scope)


def endpoint(*, scope: str, write: bool = False) -> Callable[[F], F]:
    """Mark a view as an operation that needs ``scope``. ``write`` says that it changes something (POST, PUT, PATCH, DELETE).

    The middleware has entered the tenant in one transaction, and rolls it back on any answer of 400 and above.
    """

    def wrap(view: F) -> F:
        @functools.wraps(view)
        def run(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            principal = principal_of(request)
            if scope not in principal.scopes:
                raise missing_scope(scope)
            if write is (request.method in ("GET", "HEAD")):
                raise ImproperlyConfigured(f"{view.__module__}.{view.__name__}: write={write} does not fit {request.method}")
            return view(request, *args, **kwargs)

        run.banyan_scope = scope  # type: ignore[attr-defined]
        # Ninja reads annotations with the globals of what it is given, which would be this module's.
        run.__signature__ = inspect.signature(view, eval_str=True)  # type: ignore[attr-defined]
        return run  # type: ignore[return-value]

    return wrap


def public_endpoint(view: F) -> F:
    """Mark a view that needs no token (log-in, channel notifications). It checks its caller itself. Use with ``auth=None``."""
    view.banyan_scope = "public"  # type: ignore[attr-defined]
    return view


def _share_response_models() -> None:
    """Operations that answer the same share one model of it. Ninja makes one for every operation and status, seven times as
    many, which is half of the time that a web process needs to start and most of what its documentation needs."""
    create = Operation._create_response_model

    @functools.cache
    def shared(response: Any) -> Any:
        return create(None, response)  # type: ignore[arg-type]  # it does not look at itself

    Operation._create_response_model = lambda self, response_param: shared(response_param)  # type: ignore[method-assign]


_share_response_models()


class _Document(OpenAPISchema):
    """The OpenAPI document, described model by model: many operations share one."""

    def __init__(self, api: NinjaAPI, path_prefix: str) -> None:
        self._described: dict[tuple[Any, ...], tuple[dict[str, Any], bool]] = {}
        super().__init__(api, path_prefix)

    def _create_schema_from_model(self, model: Any, *how: Any, **named: Any) -> tuple[dict[str, Any], bool]:
        key = (model, how, tuple(named.items()))
        if key not in self._described:
            self._described[key] = super()._create_schema_from_model(model, *how, **named)
        schema, required = self._described[key]
        return dict(schema), required


class BanyanAPI(NinjaAPI):
    """Ninja with our error shape for every failure."""

    def __init__(self, **described: Any) -> None:
        super().__init__(renderer=JsonRenderer(), **described)

    def get_openapi_schema(self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None) -> OpenAPISchema:
        """The OpenAPI document."""
        return _Document(self, self.get_root_path(path_params or {}) if path_prefix is None else path_prefix)

    def public_doors(self) -> list[tuple[frozenset[str], URLPattern]]:
        """Methods and path, below where this API is mounted, of each operation that wears ``@public_endpoint``."""
        return [
            (frozenset(operation.methods), pattern)
            for router in self._get_bound_routers()
            for operation, pattern in zip(_operations_of(router), router.urls_paths(router.prefix), strict=True)
            if getattr(operation.view_func, "banyan_scope", "") == "public"
        ]

    def set_default_exception_handlers(self) -> None:
        """One shape for refusals, validation, authentication and defects."""
        super().set_default_exception_handlers()
        self.add_exception_handler(Refusal, _answer_refusal)
        self.add_exception_handler(ValidationError, _answer_invalid)
        self.add_exception_handler(AuthenticationError, _answer_unauthenticated)
        self.add_exception_handler(HttpError, _answer_http_error)
        self.add_exception_handler(Exception, _answer_defect)


def _operations_of(router: BoundRouter) -> Iterator[Operation]:
    """In the order of ``urls_paths``, which yields one path per operation."""
    for view in router.path_operations.values():
        yield from view.operations


def error_response(refusal: Refusal) -> HttpResponse:
    """A refusal as an HTTP answer."""
    import json

    response = HttpResponse(
        json.dumps(refusal.as_body(), ensure_ascii=False, default=str), content_type="application/json", status=refusal.status
    )
    if refusal.retry_after_seconds is not None:
        response["Retry-After"] = str(refusal.retry_after_seconds)
    return response


class _Unauthenticated(Refusal):
    code = "unauthenticated"
    status = 401
    advice = "Send 'Authorization: Bearer <token>' with a valid token of this shop."


class _Invalid(Refusal):
    code = "invalid"
    status = 422
    advice = "Correct the named fields and send the request again."


class _BadRequest(Refusal):
    code = "bad_request"
    status = 400
    advice = "Send well-formed JSON with the documented fields."


class _Busy(Refusal):
    code = "busy"
    status = 503
    advice = "Send the same request again after the number of seconds in Retry-After."
    retry_after_seconds = 1


class _Unstorable(Refusal):
    code = "unstorable"
    status = 422
    advice = "Nothing was changed. Look for characters, dates or numbers that are out of the ordinary and send the request again."


class _Defect(Refusal):
    code = "internal_error"
    status = 500
    advice = "Nothing was changed. Send the same request again; if it fails again, tell the operator the time."


def _answer_refusal(request: HttpRequest, error: Any) -> HttpResponse:
    log.info("refused", code=error.code, status=error.status, path=request.path)
    return error_response(error)


def _answer_invalid(request: HttpRequest, error: Any) -> HttpResponse:
    return answer_invalid(error.errors)


def answer_invalid(problems: Sequence[Mapping[str, Any]]) -> HttpResponse:
    """What is wrong with which field, from pydantic's list of problems."""
    fields = [
        {
            "field": ".".join(str(part) for part in problem.get("loc", ())),
            "problem": str(problem.get("msg", "")),
            "type": str(problem.get("type", "")),
        }
        for problem in problems
    ]
    return error_response(_Invalid("Some fields are not acceptable.", fields=fields))


def _answer_unauthenticated(request: HttpRequest, error: Any) -> HttpResponse:
    return answer_unauthenticated(getattr(request, "token_problem", ""))


def answer_unauthenticated(problem: str) -> HttpResponse:
    """No token, or none that is valid here."""
    response = error_response(_Unauthenticated(problem or "No valid token was sent."))
    response["WWW-Authenticate"] = "Bearer"
    return response


def unreadable_body() -> HttpResponse:
    """The body is not JSON."""
    return error_response(_BadRequest("Cannot parse request body"))


def _answer_http_error(request: HttpRequest, error: Any) -> HttpResponse:
    refusal = _BadRequest(str(error))
    response = error_response(refusal)
    response.status_code = error.status_code
    return response


def _answer_defect(request: HttpRequest, error: Any) -> HttpResponse:
    return answer_defect(request.path, error)


def answer_defect(path: str, error: Exception) -> HttpResponse:
    """An unexpected error: logged, and told without a word of what it held. A busy or lost database is worth another try."""
    if isinstance(error, OperationalError):
        log.warning("busy", path=path, error=type(error).__name__)
        return error_response(_Busy("The database asked us to wait."))
    if isinstance(error, DataError):  # fields are checked before; this is what got past
        log.error("unstorable", path=path, error=type(error).__name__, exc_info=error)
        return error_response(_Unstorable("The database cannot keep one of the values."))
    log.error("defect", path=path, error=type(error).__name__, exc_info=error)
    return error_response(_Defect("Something went wrong on our side."))
