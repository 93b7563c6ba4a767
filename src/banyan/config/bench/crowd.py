"""A crowd of buyers on kept connections, in a process of its own: ``python -m banyan.config.bench.crowd`` with a Crowd as
JSON on its input; a Result as JSON on its output.

Plain sockets and one selector: the crowd shares the machine with what it measures, so it has to cost little. It knows nothing
of Django. With a ``rate``, orders are due at moments drawn beforehand, and an answer's time counts from when its order was due,
not from when a connection was free for it.
"""

from __future__ import annotations

import gc
import json
import random
import selectors
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

_HEADERS_END = b"\r\n\r\n"
_LENGTH = b"content-length: "
PATIENCE_SECONDS = 60.0
"""An answer that takes longer counts as none."""


@dataclass(frozen=True)
class Crowd:
    """Who asks for what. ``skus`` are public ids, two different ones per order; ``rate`` orders per second, 0: as fast as they
    are answered; ``count`` orders at most, 0: no limit; ``keys`` makes this crowd's idempotency keys different from others'."""

    port: int
    clients: int
    seconds: float
    tokens: list[str]
    skus: list[str]
    keys: str
    seed: int
    rate: float = 0.0
    count: int = 0
    lines: int = 2


@dataclass
class Result:
    """Statuses counted (0: connection lost), milliseconds of the accepted ones sorted, seconds from start to the last answer."""

    statuses: dict[str, int] = field(default_factory=dict)
    accepted_ms: list[float] = field(default_factory=list)
    seconds: float = 0.0
    first_refusal: str = ""


class _Client:
    __slots__ = ("buffer", "due", "socket", "wanted")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.buffer = b""
        self.wanted = 0
        self.due = 0.0


def _orders(crowd: Crowd) -> Callable[[], bytes]:
    """Makes the next request."""
    chance = random.Random(crowd.seed)
    heads = [
        f"POST /api/v1/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nAuthorization: Bearer {token}\r\n"
        for token in crowd.tokens
    ]
    pieces = [f'{{"sku_id":"{sku}","quantity":1}}' for sku in crowd.skus]
    bare = len('{"lines":[') + len("]}") + crowd.lines - 1
    numbers = iter(range(1 << 60))

    def make() -> bytes:
        lines = chance.sample(pieces, crowd.lines)
        length = bare + sum(map(len, lines))
        head = heads[int(chance.random() * len(heads))]
        return (
            f"{head}Idempotency-Key: {crowd.keys}-{next(numbers)}\r\nContent-Length: {length}\r\n\r\n"
            f'{{"lines":[{",".join(lines)}]}}'
        ).encode()

    return make


def _moments(crowd: Crowd, began: float) -> deque[float]:
    """When orders are due, at random and on average ``rate`` per second."""
    chance, at, due = random.Random(crowd.seed + 1), began, deque[float]()
    while at < began + crowd.seconds:
        at += chance.expovariate(crowd.rate)
        due.append(at)
    return due


def run(crowd: Crowd) -> Result:
    """All orders of the crowd, each answered or given up."""
    make, result, statuses = _orders(crowd), Result(), Counter[str]()
    selector = selectors.EpollSelector() if hasattr(selectors, "EpollSelector") else selectors.DefaultSelector()
    clients = [_Client(crowd.port) for _ in range(crowd.clients)]
    for client in clients:
        selector.register(client.socket, selectors.EVENT_READ, client)
    gc.disable()
    began = time.perf_counter()
    ends, left = began + crowd.seconds, crowd.count or 1 << 60
    due = _moments(crowd, began) if crowd.rate else deque[float]()
    idle, busy = list(clients), 0
    while True:
        now = time.perf_counter()
        asking = now < ends and left > 0
        while idle and (due and due[0] <= now if crowd.rate else asking):
            client = idle.pop()
            client.due = due.popleft() if crowd.rate else now
            client.socket.send(make())
            left -= 1
            busy += 1
        if not busy and not asking and not due:
            break
        if now > ends + PATIENCE_SECONDS:
            statuses["0"] += busy
            break
        wait = max(0.0, due[0] - now) if due and idle else 1.0
        for key, _ in selector.select(wait):
            client = key.data
            status = _read(client)
            if status is None:
                continue
            busy -= 1
            statuses[status] += 1
            result.seconds = time.perf_counter() - began
            if status == "0":
                selector.unregister(client.socket)
                client.socket.close()
                client = _Client(crowd.port)
                selector.register(client.socket, selectors.EVENT_READ, client)
            elif status == "201":
                result.accepted_ms.append((time.perf_counter() - client.due) * 1000)
            elif not result.first_refusal:
                result.first_refusal = client.buffer[-400:].decode(errors="replace")
            client.buffer, client.wanted = b"", 0
            idle.append(client)
    result.statuses = dict(statuses)
    result.accepted_ms.sort()
    return result


def _read(client: _Client) -> str | None:
    """The status once the whole answer is here, "0" when the connection was lost, None while more is to come."""
    try:
        piece = client.socket.recv(65536)
    except BlockingIOError:
        return None
    except OSError:
        return "0"
    if not piece:
        return "0"
    client.buffer += piece
    if not client.wanted:
        end = client.buffer.find(_HEADERS_END)
        if end < 0:
            return None
        head = client.buffer[:end].lower() + b"\r\n"
        if _LENGTH not in head:  # in pieces, the last of which is empty
            return client.buffer[9:12].decode() if client.buffer.endswith(b"\r\n0\r\n\r\n") else None
        at = head.find(_LENGTH) + len(_LENGTH)
        client.wanted = end + len(_HEADERS_END) + int(head[at : head.find(b"\r\n", at)])
    return client.buffer[9:12].decode() if len(client.buffer) >= client.wanted else None


def percentile(sorted_ms: Sequence[float], share: float) -> float:
    """The value below which this share of the sorted values lies; 0 for none."""
    return sorted_ms[min(len(sorted_ms) - 1, int(len(sorted_ms) * share))] if sorted_ms else 0.0


def main() -> None:
    """One crowd from standard input."""
    asked: dict[str, Any] = json.load(sys.stdin)
    json.dump(asdict(run(Crowd(**asked))), sys.stdout)


if __name__ == "__main__":
    main()
