"""The HTTP face of the simulator: the platform's paths, and the admin paths under ``/_sim/``."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from . import bills, collecting, transferring
from .faults import Effect, Fault
from .keys import generate
from .protocol import ApiError, Platform

if TYPE_CHECKING:
    from .simulator import WeChatPaySimulator

_TRANSFERS = "/v3/fund-app/mch-transfer/transfer-bills"
_ORDERS = "/v3/pay/transactions"
_REFUNDS = "/v3/refund/domestic/refunds"
MAX_BODY_BYTES = 1 << 20


@dataclass(frozen=True)
class Call:
    """One request, already read. ``parts`` are the path's pieces behind the operation's prefix."""

    method: str
    path: str
    query: dict[str, str]
    body: dict[str, Any]
    serial: str
    parts: tuple[str, ...] = ()


Answer = dict[str, Any] | bytes | None
Operation = Callable[["WeChatPaySimulator", Call], Answer]


def _route(call: Call) -> tuple[str, Operation]:
    method, path = call.method, call.path
    tail = unquote(path.rsplit("/", 1)[-1])
    before = unquote(path.rsplit("/", 2)[-2]) if path.count("/") > 1 else ""
    if method == "POST" and path in (f"{_ORDERS}/jsapi", f"{_ORDERS}/native"):
        return "collect", lambda sim, c: collecting.place(sim.world, tail.upper(), c.body)
    if path.startswith(f"{_ORDERS}/out-trade-no/"):
        if method == "POST" and tail == "close":
            return "close", lambda sim, c: collecting.close(sim.world, before, c.body)
        if method == "GET":
            return "query", lambda sim, c: collecting.query(sim.world, c.query.get("mchid", ""), number=tail)
    if method == "GET" and path.startswith(f"{_ORDERS}/id/"):
        return "query", lambda sim, c: collecting.query(sim.world, c.query.get("mchid", ""), transaction_id=tail)
    if method == "POST" and path == _REFUNDS:
        return "refund", lambda sim, c: collecting.refund(sim.world, c.body)
    if method == "GET" and path.startswith(f"{_REFUNDS}/"):
        return "query_refund", lambda sim, c: collecting.query_refund(sim.world, tail)
    if method == "POST" and path == _TRANSFERS:
        return "transfer", lambda sim, c: transferring.submit(sim.world, c.body, c.serial)
    if method == "GET" and path.startswith(f"{_TRANSFERS}/out-bill-no/"):
        return "query_transfer", lambda sim, c: transferring.query(sim.world, number=tail)
    if method == "GET" and path.startswith(f"{_TRANSFERS}/transfer-bill-no/"):
        return "query_transfer", lambda sim, c: transferring.query(sim.world, bill=tail)
    if method == "POST" and path.startswith(f"{_TRANSFERS}/out-bill-no/") and tail == "cancel":
        return "cancel_transfer", lambda sim, c: transferring.cancel(sim.world, before)
    if method == "GET" and path == "/v3/bill/tradebill":
        return "bill", lambda sim, c: bills.offer(
            sim.base_url,
            "trade",
            c.query,
            bills.trade_bill(sim.world, c.query.get("bill_date", ""), c.query.get("bill_type", "ALL")),
        )
    if method == "GET" and path == "/v3/bill/fundflowbill":
        return "bill", lambda sim, c: bills.offer(
            sim.base_url, "fundflow", c.query, bills.fundflow_bill(sim.world, c.query.get("bill_date", ""))
        )
    if method == "GET" and path == "/v3/billdownload/file":
        return "download", lambda sim, c: bills.download(sim.world, c.query.get("token", ""))
    raise ApiError(404, "NOT_FOUND", "URL不存在")


def _administer(sim: WeChatPaySimulator, call: Call) -> Answer:
    """The scenario verbs. They carry no signature, so the simulator listens on localhost only."""
    body, verb = call.body, call.path.removeprefix("/_sim/")
    verbs: dict[str, Callable[[], Any]] = {
        "state": sim.state,
        "pay": lambda: sim.pay(body["out_trade_no"], body.get("total")),
        "confirm": lambda: sim.confirm(body["out_bill_no"]),
        "reject": lambda: sim.reject(body["out_bill_no"], body.get("reason", "TRANSFER_RISK")),
        "expire": lambda: sim.expire(body["out_bill_no"]),
        "finish-refund": lambda: sim.finish_refund(body["out_refund_no"], body.get("state", "SUCCESS")),
        "faults": lambda: sim.faults.add(Fault(**body)),
        "clear-faults": sim.faults.clear,
        "policy": lambda: sim.set_policy(**body),
        "habits": lambda: sim.set_habits(**body),
        "name": lambda: sim.register_name(body["openid"], body["real_name"]),
        "clock": lambda: sim.drive(datetime.fromisoformat(body["at"]) if body.get("at") else None),
        "advance": lambda: sim.advance(**body),
        "deliver": lambda: {"attempts": sim.deliver_due()},
        "forge": lambda: {"answer": sim.forge(body["url"], body["event_type"], body["original_type"], body["resource"])},
    }
    if verb not in verbs:
        raise ApiError(404, "NOT_FOUND", "no such verb; one of: " + ", ".join(verbs))
    try:
        answer = verbs[verb]()
    except (KeyError, TypeError, ValueError) as error:
        raise ApiError(400, "PARAM_ERROR", f"{type(error).__name__}: {error}") from None
    return answer if isinstance(answer, dict) else {"ok": True}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60
    sim: WeChatPaySimulator

    def log_message(self, format: str, *args: object) -> None:
        """Silent: paths carry merchant numbers."""

    def _read(self) -> str:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY_BYTES:
            self.close_connection = True
            raise ApiError(413, "PARAM_ERROR", "包体过大")
        return self.rfile.read(length).decode("utf-8", "replace")

    def _serve(self) -> None:
        sim, fault, operation = self.sim, None, "unknown"
        at = sim.now()
        try:
            raw = self._read()
            url = urlsplit(self.path)
            if url.path.startswith("/_sim/"):
                body = json.loads(raw) if raw else {}
                self._write(200, _administer(sim, Call(self.command, url.path, {}, body, "")), None)
                return
            at = sim.now()
            sim.world.platform.verify_request(self.headers.get("Authorization", ""), self.command, self.path, raw, at)
            call = Call(self.command, url.path, dict(parse_qsl(url.query)), _json(raw), self.headers.get("Wechatpay-Serial", ""))
            operation, work = _route(call)
            sim.count(operation)
            fault = sim.faults.take(operation)
            if fault and self._before(fault):
                return
            sim.tick()
            with sim.world.store.transaction():
                answer = work(sim, call)
            sim.deliverer.wake()
            status: int = 204 if answer is None else 200
        except ApiError as error:
            status, answer = error.status, {"code": error.code, "message": error.message}
        except json.JSONDecodeError:
            status, answer = 400, {"code": "PARAM_ERROR", "message": "包体不是JSON"}
        self._after(fault, status, answer, at)

    def _before(self, fault: Fault) -> bool:
        """Misbehavior before the work. True when that is all the merchant gets."""
        if fault.effect is Effect.LOSE_REQUEST:
            self._hang_up()
            return True
        if fault.effect is Effect.ERROR:
            raise ApiError(fault.status, fault.code, "模拟错误")
        return False

    def _after(self, fault: Fault | None, status: int, answer: Answer, at: datetime) -> None:
        effect = fault.effect if fault else None
        platform = self.sim.world.platform
        if fault and effect in (Effect.HANG, Effect.SLOW):
            time.sleep(fault.seconds)
        if effect is Effect.LOSE_ANSWER:
            self._hang_up()
        elif fault and effect is Effect.ERROR_AFTER:
            self._write(fault.status, {"code": fault.code, "message": "模拟错误"}, platform, at)
        elif effect is Effect.GARBAGE:
            self._write(200, b"<html>gateway</html>", platform, at)
        elif effect is Effect.BAD_SIGNATURE:
            self._write(status, answer, Platform(generate(self.sim.keys.mchid)), at, self.sim.keys.public_key_id)
        elif effect is Effect.STALE:
            self._write(status, answer, platform, at - timedelta(hours=1))
        else:
            self._write(status, answer, None if effect is Effect.NO_SIGNATURE else platform, at)

    def _write(self, status: int, answer: Answer, signer: Platform | None, at: datetime | None = None, serial: str = "") -> None:
        raw = answer if isinstance(answer, bytes) else b"" if answer is None else json.dumps(answer, ensure_ascii=False).encode()
        headers = {"Content-Length": str(len(raw)), "Request-ID": f"sim-{id(raw):x}"}
        if raw:
            headers["Content-Type"] = "text/plain" if isinstance(answer, bytes) else "application/json; charset=utf-8"
        if signer and at and not (isinstance(answer, bytes) and self.path.startswith("/v3/billdownload")):
            headers |= signer.sign(raw.decode("utf-8", "replace"), at).as_dict()
            if serial:
                headers["Wechatpay-Serial"] = serial
        head = f"HTTP/1.1 {status} {self.responses.get(status, ('',))[0]}\r\n" + "".join(
            f"{k}: {v}\r\n" for k, v in headers.items()
        )
        self.wfile.write(head.encode("latin-1") + b"\r\n" + raw)  # one write: no waiting for the peer's acknowledgement

    def _hang_up(self) -> None:
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    do_GET = do_POST = _serve  # noqa: N815 - the base class names them so


def _json(raw: str) -> dict[str, Any]:
    body = json.loads(raw) if raw else {}
    if not isinstance(body, dict):
        raise ApiError(400, "PARAM_ERROR", "包体不是JSON对象")
    return body


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A merchant that hung up is no event here."""


def serve(sim: WeChatPaySimulator, host: str, port: int) -> ThreadingHTTPServer:
    """Bind now (port 0 takes a free one); the caller runs ``serve_forever``."""
    return _Server((host, port), type("Handler", (_Handler,), {"sim": sim}))
