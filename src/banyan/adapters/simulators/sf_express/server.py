"""The HTTP face of the simulator: ``POST /std/service`` and the label files."""

from __future__ import annotations

import json
import socket
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from banyan.adapters.simulators.wechat_pay.faults import Effect, Fault

from .protocol import signature

if TYPE_CHECKING:
    from .simulator import SfExpressSimulator

OPERATIONS = {
    "EXP_RECE_CREATE_ORDER": "create", "EXP_RECE_SEARCH_ORDER_RESP": "search", "EXP_RECE_SEARCH_ROUTES": "routes",
    "COM_RECE_CLOUD_PRINT_WAYBILLS": "print_label",
}  # fmt: skip


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    sim: SfExpressSimulator

    def log_message(self, format: str, *args: object) -> None:
        """Silent: bodies hold addresses."""

    def do_GET(self) -> None:
        """A label file."""
        fault = self.sim.faults.take("file")
        content = self.sim.label_of(self.path.rsplit("/", 1)[-1], self.headers.get("X-Auth-token", ""))
        self._answer(fault, 200 if content else 404, content or b"")

    def do_POST(self) -> None:
        """One service call: checked, done, answered in two envelopes."""
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        form = {name: values[0] for name, values in parse_qs(raw, keep_blank_values=True).items()}
        operation = OPERATIONS.get(form.get("serviceCode", ""), "")
        fault = self.sim.faults.take(operation) if operation else None
        if fault and fault.effect is Effect.LOSE_REQUEST:
            self._hang_up()
            return
        if fault and fault.effect is Effect.ERROR:
            self._answer(None, fault.status, _refused(fault.code) if fault.status == 200 else b"")
            return
        self._answer(fault, 200, json.dumps(self._served(form, operation), ensure_ascii=False).encode())

    def _served(self, form: dict[str, str], operation: str) -> dict[str, Any]:
        right = signature(form.get("msgData", ""), form.get("timestamp", ""), self.sim.checkword)
        if self.path != "/std/service" or not operation:
            return {"apiResultCode": "A1004", "apiErrorMsg": "API服务代码错误", "apiResultData": ""}
        if form.get("partnerID") != self.sim.partner_id or form.get("msgDigest") != right:
            return {"apiResultCode": "A1006", "apiErrorMsg": "数字签名无效", "apiResultData": ""}
        self.sim.calls.append(operation)
        inner = getattr(self.sim, operation)(json.loads(form["msgData"]))
        return {"apiResultCode": "A1000", "apiErrorMsg": "", "apiResultData": json.dumps(inner, ensure_ascii=False)}

    def _answer(self, fault: Fault | None, status: int, content: bytes) -> None:
        effect = fault.effect if fault else None
        if fault and effect in (Effect.HANG, Effect.SLOW):
            time.sleep(fault.seconds)
        if effect is Effect.LOSE_ANSWER:
            self._hang_up()
            return
        if fault and effect is Effect.ERROR_AFTER:
            status = fault.status
        if effect is Effect.GARBAGE:
            content = b"<html>gateway</html>"
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _hang_up(self) -> None:
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def _refused(code: str) -> bytes:
    """The platform's codes (A…) stand in the outer envelope, those of its services in the inner one."""
    inner = json.dumps({"success": False, "errorCode": code, "msgData": None})
    outer = (
        {"apiResultCode": code, "apiResultData": ""}
        if code.startswith("A")
        else {"apiResultCode": "A1000", "apiResultData": inner}
    )
    return json.dumps(outer).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A customer that hung up is no event here."""


def serve(sim: SfExpressSimulator, port: int) -> ThreadingHTTPServer:
    """Bind on localhost now (0 takes a free port); the caller runs ``serve_forever``."""
    return _Server(("127.0.0.1", port), type("Handler", (_Handler,), {"sim": sim}))
