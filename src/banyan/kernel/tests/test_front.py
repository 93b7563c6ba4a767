"""The front of a web process: what it gives to Django arrives whole, and what it answers itself is answered from any thread."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from django.http import FileResponse, HttpResponse, StreamingHttpResponse

from banyan.kernel.http import front, grouped
from banyan.kernel.http.front import Front
from banyan.kernel.http.grouped import Arrived, Told
from banyan.kernel.http.pacing import Pace


class Headers:
    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self.pairs = list(pairs)

    def items(self) -> list[tuple[str, str]]:
        return self.pairs

    def get(self, name: str, default: Any = None) -> Any:
        return next((value for key, value in self.pairs if key == name), default)


class Scope:
    proto, http_version, scheme, authority = "http", "1.1", "http", None
    server, client = "127.0.0.1:8000", "[::1]:5555"

    def __init__(self, method: str, path: str, query: str = "", headers: Iterable[tuple[str, str]] = ()) -> None:
        self.method, self.path, self.query_string = method, path, query
        self.headers = Headers([("host", "localhost"), *headers])


class Protocol:
    """granian's side of one request: the body in pieces, and what was answered."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces
        self.status, self.headers, self.body = 0, {}, b""

    async def __call__(self) -> bytes:
        return b"".join(self.pieces)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.headers, self.body = status, {name.lower(): value for name, value in headers}, body

    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> Protocol:
        self.response_bytes(status, headers, b"")
        return self

    async def send_bytes(self, piece: bytes) -> None:
        self.body += piece


def ask(application: Front, scope: Scope, *pieces: bytes) -> Protocol:
    protocol = Protocol(*pieces)

    async def run() -> None:
        application.__rsgi_init__(asyncio.get_running_loop())
        await application.__rsgi__(scope, protocol)

    asyncio.run(run())
    return protocol


def test_a_request_reaches_django_as_wsgi_has_it() -> None:
    seen: dict[str, Any] = {}

    def django(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        seen.update(environ, body=environ["wsgi.input"].read(), thread=threading.current_thread().name)
        start_response("207 Multi-Status", [("Set-Cookie", "a=1"), ("Content-Type", "text/plain")])
        return HttpResponse("好")

    headers = [
        ("cookie", "a=1"), ("cookie", "b=2"), ("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "2.2.2.2"),
        ("content-type", "text/x"), ("x_forwarded_for", "9.9.9.9"), ("content-length", "7"),
    ]  # fmt: skip
    answer = ask(Front(django), Scope("PUT", "/a%20b/%E5%A5%BD", "q=%2F", headers), b"one", b"+two")
    assert (answer.status, answer.body, answer.headers["set-cookie"]) == (207, "好".encode(), "a=1")
    assert seen["PATH_INFO"].encode("latin-1").decode() == "/a b/好"
    assert (seen["REQUEST_METHOD"], seen["QUERY_STRING"], seen["body"]) == ("PUT", "q=%2F", b"one+two")
    assert (seen["HTTP_COOKIE"], seen["HTTP_X_FORWARDED_FOR"]) == ("a=1; b=2", "1.1.1.1,2.2.2.2"), "x_y does not pass for x-y"
    assert (seen["CONTENT_TYPE"], seen["CONTENT_LENGTH"], seen["REMOTE_ADDR"]) == ("text/x", "7", "::1")
    assert "HTTP_CONTENT_LENGTH" not in seen
    assert seen["thread"].startswith("view"), "a view runs in a thread, never on the loop"


@pytest.mark.parametrize("kind", ["pieces", "file", "wsgi"])
def test_a_streamed_answer_arrives_whole_and_is_closed(kind: str) -> None:
    closed: list[bool] = []

    class Plain(list[bytes]):
        def close(self) -> None:
            closed.append(True)

    def django(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        if kind == "wsgi":
            return Plain([b"x" * 5000] * 3)
        made = StreamingHttpResponse(iter([b"x" * 5000] * 3)) if kind == "pieces" else FileResponse(io.BytesIO(b"x" * 15_000))
        made.close = lambda: closed.append(True)  # type: ignore[method-assign]
        return made

    answer = ask(Front(django), Scope("GET", "/"))
    assert answer.body == b"x" * 15_000
    assert closed == [True]


class Recorded:
    """A grouped operation that answers from another thread."""

    def __init__(self) -> None:
        self.arrived: list[Arrived] = []
        self.pace = Pace(per_address=(2, 60.0))

    def too_often(self, token: bytes, address: str, device: str) -> Told | None:
        refusal = self.pace.check(token, address, device)
        return Told(refusal.status, "{}") if refusal is not None else None

    def answer_soon(self, tenant_id: int, request: Arrived, pool: Any, told: Any) -> None:
        self.arrived.append(request)
        pool.submit(told, Told(201, json.dumps({"tenant": tenant_id}), (("Retry-After", "7"),)))


@pytest.fixture
def operation(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    made = Recorded()
    monkeypatch.setitem(grouped._operations, ("POST", "/api/v1/storm"), made)  # type: ignore[arg-type]
    monkeypatch.setitem(grouped._tenants, grouped.token_of("Bearer t"), 42)
    monkeypatch.setattr(front, "_is_ours", lambda host: host == "localhost")
    return made


def never(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("299 Django", [])
    return HttpResponse(environ["wsgi.input"].read())


def test_a_grouped_operation_is_answered_without_django(operation: Recorded) -> None:
    headers = [("authorization", "Bearer t"), ("idempotency-key", "k"), ("content-length", "2")]
    answer = ask(Front(never), Scope("POST", "/api/v1/storm", "a=b", headers), b"{}")
    assert (answer.status, json.loads(answer.body), answer.headers["retry-after"]) == (201, {"tenant": 42}, "7")
    (arrived,) = operation.arrived
    assert (arrived.full_path, arrived.key, arrived.body) == ("/api/v1/storm?a=b", "k", b"{}")


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", [("content-length", "0")]),
        ("POST", []),
        ("POST", [("content-length", str(11 << 20))]),
    ],
)
def test_what_is_out_of_the_ordinary_goes_to_django(operation: Recorded, method: str, headers: list[tuple[str, str]]) -> None:
    """Another method, no told length, a body that is too long: Django says what is wrong with it."""
    answer = ask(Front(never), Scope(method, "/api/v1/storm", "", [("authorization", "Bearer t"), *headers]), b"{}")
    assert (answer.status, operation.arrived) == (299, [])


def test_a_foreign_host_goes_to_django(operation: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "_is_ours", lambda host: False)
    assert ask(Front(never), Scope("POST", "/api/v1/storm", "", [("content-length", "2")]), b"{}").status == 299


def test_who_asks_too_often_is_told_so_before_he_is_looked_up(operation: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with made-up tokens must not cost a statement each."""
    looked_up: list[bytes] = []

    def find(token: bytes, path: str, pool: Any, told: Any) -> None:
        looked_up.append(token)
        told(Told(401, "{}"))

    monkeypatch.setattr(grouped, "find_tenant_soon", find)
    application = Front(never)
    statuses = []
    for number in range(4):
        headers = [("authorization", f"Bearer made-up-{number}"), ("content-length", "2")]
        statuses.append(ask(application, Scope("POST", "/api/v1/storm", "", headers), b"{}").status)
    assert (statuses, len(looked_up)) == ([401, 401, 429, 429], 2)


def test_there_is_a_thread_for_every_group_that_may_be_under_way() -> None:
    import banyan.config.urls  # noqa: F401  declares the operations

    storming = sum(operation._group._leaders for operation in grouped._operations.values())
    assert storming + grouped._newcomers._leaders <= front.GROUPS
    assert len(grouped._operations) >= 2
