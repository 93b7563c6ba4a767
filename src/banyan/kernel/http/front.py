"""The front of a web process: an event loop that answers grouped operations itself and gives all else to Django in a thread.

A caller who waits for his group costs a place in a queue instead of a thread, so a process keeps thousands waiting, tells the
rest at once to come back, and still serves every other page. Django stays synchronous: its views run under WSGI in a pool of
threads, at half of what asynchronous views cost. Speaks RSGI, granian's own protocol.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import IO, Any
from urllib.parse import unquote_to_bytes

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from banyan.kernel.http import grouped
from banyan.kernel.http.api import address_behind_proxies
from banyan.kernel.http.grouped import Arrived, GroupedOperation, Told

THREADS = 32
"""For Django's views. Most of them wait for the database, whose pool is smaller."""
GROUPS = 16
"""Threads for groups: more than can be under way, or a storm of two operations would keep newcomers from being looked up."""
IN_MEMORY_BYTES = 1 << 20
"""A longer body is kept in a file."""
DRAIN_SECONDS = 12.0
"""For those who wait when the process is stopped; granian kills it after fifteen."""
_JSON = ("content-type", grouped.JSON)
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Front:
    """An RSGI application around a WSGI one."""

    def __init__(self, django: Application) -> None:
        self._django = django
        self._views = ThreadPoolExecutor(THREADS, "view")
        self._groups = ThreadPoolExecutor(GROUPS, "group")
        self._letters: _Letters | None = None

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._letters = _Letters(loop)

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Nobody is left without his answer: whoever waits is served before the process ends."""
        grouped.close_all(DRAIN_SECONDS)

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """One request."""
        if scope.proto != "http":
            protocol.close(403)
            return
        path = scope.path
        operation = grouped.find_operation(scope.method, path)
        if operation is not None and _is_ordinary(scope):
            told = await self._grouped(operation, scope, await protocol())
            protocol.response_bytes(told.status, [_JSON, *told.headers], told.body.encode())
            return
        await self._through_django(scope, protocol)

    async def _grouped(self, operation: GroupedOperation, scope: Any, body: bytes) -> Told:
        assert self._letters is not None
        headers, path, query = scope.headers, scope.path, scope.query_string
        token = grouped.token_of(headers.get("authorization", ""))
        peer = scope.client.rpartition(":")[0].strip("[]")
        address = address_behind_proxies(peer, headers.get("x-forwarded-for", ""))
        too_often = operation.too_often(token, address, headers.get(grouped.DEVICE.lower(), ""))
        if too_often is not None:
            return too_often
        tenant: int | Told | None = grouped.known_tenant(token)
        if tenant is None:
            found, deliver_tenant = self._letters.expect()
            grouped.find_tenant_soon(token, path, self._groups, deliver_tenant)
            tenant = await found
        if isinstance(tenant, Told):
            return tenant
        full_path = f"{path}?{query}" if query else path
        arrived = Arrived(scope.method, path, full_path, token, headers.get("idempotency-key", ""), body)
        answer, deliver = self._letters.expect()
        operation.answer_soon(tenant, arrived, self._groups, deliver)
        told: Told = await answer
        return told

    async def _through_django(self, scope: Any, protocol: Any) -> None:
        loop = asyncio.get_running_loop()
        with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as body:
            async for piece in protocol:
                body.write(piece)
            length = body.tell()
            body.seek(0)
            environ = _environ(scope, body, length)
            status, headers, pieces = await loop.run_in_executor(self._views, self._answer, environ)
            if isinstance(pieces, bytes):
                protocol.response_bytes(status, headers, pieces)
                return
            stream = protocol.response_stream(status, headers)
            steps = iter(pieces)
            try:
                while (piece := await loop.run_in_executor(self._views, next, steps, None)) is not None:
                    await stream.send_bytes(piece)
            finally:
                await loop.run_in_executor(self._views, _close, pieces)

    def _answer(self, environ: dict[str, Any]) -> tuple[int, list[tuple[str, str]], Any]:
        """Django's answer: the whole body where it has it at hand, else its pieces, to be closed by the caller."""
        began: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], problem: Any = None) -> None:
            began[:] = [int(status[:3]), headers]

        pieces = self._django(environ, start_response)
        if getattr(pieces, "streaming", False) or not hasattr(pieces, "streaming"):
            return began[0], began[1], pieces
        try:
            return began[0], began[1], b"".join(pieces)
        finally:
            _close(pieces)


class _Letters:
    """Answers on their way from the threads that serve to the loop, which is woken once for all that wait to be taken in."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._arrived: deque[tuple[asyncio.Future[Any], Any]] = deque()
        self._called = False

    def expect(self) -> tuple[asyncio.Future[Any], Callable[[Any], None]]:
        """What to await, and what to call from any thread."""
        answer: asyncio.Future[Any] = self._loop.create_future()

        def deliver(told: Any) -> None:
            self._arrived.append((answer, told))
            if not self._called:
                self._called = True
                self._loop.call_soon_threadsafe(self._take_in)

        return answer, deliver

    def _take_in(self) -> None:
        self._called = False  # before looking: whoever comes later calls again
        while self._arrived:
            answer, told = self._arrived.popleft()
            if not answer.done():  # the caller may have gone
                answer.set_result(told)


def _is_ordinary(scope: Any) -> bool:
    """Whether a request can be answered without Django: a host of ours and a body of a length that is told and not too long."""
    headers = scope.headers
    length = headers.get("content-length", "")
    return (
        length.isdigit()
        and int(length) <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        and _is_ours(headers.get("host") or scope.authority or "")
    )


@lru_cache(maxsize=100)
def _is_ours(host: str) -> bool:
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)


def _environ(scope: Any, body: IO[bytes], length: int) -> dict[str, Any]:
    """The request as WSGI has it (PEP 3333)."""
    server, _, port = scope.server.rpartition(":")
    client, _, client_port = scope.client.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method, "SCRIPT_NAME": "", "QUERY_STRING": scope.query_string,
        "PATH_INFO": unquote_to_bytes(scope.path).decode("latin-1"),
        "SERVER_NAME": server.strip("[]"), "SERVER_PORT": port, "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": client.strip("[]"), "REMOTE_PORT": client_port, "CONTENT_LENGTH": str(length),
        "wsgi.version": (1, 0), "wsgi.url_scheme": scope.scheme, "wsgi.input": body, "wsgi.errors": sys.stderr,
        "wsgi.multithread": True, "wsgi.multiprocess": True, "wsgi.run_once": False, "wsgi.input_terminated": True,
    }  # fmt: skip
    for name, value in scope.headers.items():
        key = name.upper().replace("-", "_")
        if key == "CONTENT_TYPE":
            environ[key] = value
        elif key != "CONTENT_LENGTH" and "_" not in name:  # x_y would pass for x-y
            key = f"HTTP_{key}"
            environ[key] = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{value}" if key in environ else value
    if scope.authority and "HTTP_HOST" not in environ:
        environ["HTTP_HOST"] = scope.authority
    return environ


def _close(pieces: Any) -> None:
    close = getattr(pieces, "close", None)
    if close is not None:
        close()
