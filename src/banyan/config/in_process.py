"""The web application on a free loopback port inside this process: it shares the process's driven clock.

For the demo, the replay and journeys, where a channel's notifications must arrive over real HTTP while time is simulated.
Production serves the same application under granian.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server


class _Threads(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is not worth a traceback; the application logs its own errors."""


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """No access log."""

    def address_string(self) -> str:
        """No name look-ups."""
        return str(self.client_address[0])


@contextmanager
def serving(port: int = 0) -> Iterator[str]:
    """Serve until the block ends; yields the base URL, e.g. ``http://127.0.0.1:40123``."""
    from django.db import connections

    from banyan.config.wsgi import application

    def closing(environ: dict[str, Any], start_response: Any) -> Any:
        try:
            return list(application(environ, start_response))
        finally:
            connections.close_all()

    server = make_server("127.0.0.1", port, closing, server_class=_Threads, handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
