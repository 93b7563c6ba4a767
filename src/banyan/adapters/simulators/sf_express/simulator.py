"""The carrier: its waybills, their routes, and the pushes that it owes."""

from __future__ import annotations

import json
import random
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from banyan.adapters.simulators.wechat_pay.faults import Fault, Faults
from banyan.kernel import clock

from .protocol import signature
from .server import serve

BEIJING = ZoneInfo("Asia/Shanghai")
TEXTS = {
    "50": "顺丰速运 已收取快件", "30": "快件在【杭州总集散中心】完成分拣", "44": "快件交给快递员,正在派送途中",
    "33": "收件人不在,将再次派送", "80": "已签收,感谢使用顺丰", "99": "应客户要求,快件正在退回", "648": "快件已退回寄件人",
}  # fmt: skip


@dataclass
class PushPolicy:
    """How pushes go: sent ``times`` each, shuffled, every ``drop_each``-th lost (0: none), not before ``delay_seconds``."""

    times: int = 1
    shuffle: bool = False
    drop_each: int = 0
    delay_seconds: int = 0


@dataclass
class _Waybill:
    number: str
    order: dict[str, Any]
    routes: list[dict[str, str]] = field(default_factory=list)


@dataclass
class _Push:
    due_at: datetime
    body: str


class SfExpressSimulator:
    """One account. ``push_url`` is what the customer wrote in the platform's console; empty pushes nothing."""

    def __init__(self, partner_id: str = "BANYAN", checkword: str = "simulated-check-word", port: int = 0) -> None:
        self.partner_id, self.checkword, self.push_url = partner_id, checkword, ""
        self.policy, self.faults = PushPolicy(), Faults()
        self.random = random.Random(7)
        self.calls: list[str] = []
        self.answers: list[int] = []
        self._lock = threading.RLock()
        self._by_order: dict[str, _Waybill] = {}
        self._by_number: dict[str, _Waybill] = {}
        self._owed: list[_Push] = []
        self._count = 0
        self._server = serve(self, port)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def base_url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> SfExpressSimulator:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fail(self, fault: Fault) -> None:
        """Misbehave at one of the next calls of an operation: create, search, routes, print_label, file, or any with ``*``."""
        self.faults.add(fault)

    # What the platform does when it is called.

    def create(self, message: dict[str, Any]) -> dict[str, Any]:
        """A new waybill; an order number that was used before is refused with 8016."""
        own = str(message.get("orderId", ""))
        contacts = {one.get("contactType"): one for one in message.get("contactInfoList", [])}
        with self._lock:
            if own in self._by_order:
                return {"success": False, "errorCode": "8016", "errorMsg": "重复下单"}
            if not own or not all(contacts.get(kind, {}).get(name) for kind in (1, 2) for name in ("contact", "address")):
                return {"success": False, "errorCode": "8003", "errorMsg": "寄件人或收件人信息不全"}
            self._count += 1
            made = _Waybill(f"SF{7000000000000 + self._count}", message)
            self._by_order[own] = self._by_number[made.number] = made
            return _found(own, made.number)

    def search(self, message: dict[str, Any]) -> dict[str, Any]:
        """The waybill of an order number."""
        own = str(message.get("orderId", ""))
        with self._lock:
            made = self._by_order.get(own)
            return _found(own, made.number) if made else {"success": False, "errorCode": "8024", "errorMsg": "未下单"}

    def routes(self, message: dict[str, Any]) -> dict[str, Any]:
        """All routes of these waybills."""
        with self._lock:
            found = [self._by_number[n] for n in message.get("trackingNumber", []) if n in self._by_number]
            answers = [{"mailNo": one.number, "routes": list(one.routes)} for one in found]
        return {"success": True, "errorCode": "S0000", "msgData": {"routeResps": answers}}

    def print_label(self, message: dict[str, Any]) -> dict[str, Any]:
        """Where the label of a waybill lies."""
        number = str(message.get("documents", [{}])[0].get("masterWaybillNo", ""))
        if number not in self._by_number:
            return {"success": False, "errorCode": "8052", "errorMsg": "运单不存在"}
        file = {"url": f"{self.base_url}/files/{number}", "token": f"token-{number}"}
        return {"success": True, "errorCode": "S0000", "obj": {"files": [file]}}

    def label_of(self, number: str, token: str) -> bytes | None:
        """The label as plain text, for whoever has its token."""
        made = self._by_number.get(number)
        if made is None or token != f"token-{number}":
            return None
        to = next(one for one in made.order["contactInfoList"] if one["contactType"] == 2)
        return f"顺丰速运 {number}\n{to['contact']} {to['mobile']}\n{to['address']}\n".encode()

    # What happens to parcels.

    @property
    def numbers(self) -> list[str]:
        """The waybills there are, oldest first."""
        return list(self._by_number)

    def happen(self, number: str, code: str, at: datetime | None = None, place: str = "杭州市") -> None:
        """An event of a parcel; its push is owed from now on."""
        at = at or clock.now()
        route = {
            "acceptTime": at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S"), "acceptAddress": place,
            "remark": TEXTS.get(code, "快件状态更新"), "opCode": code,
        }  # fmt: skip
        with self._lock:
            made = self._by_number[number]
            made.routes.append(route)
            pushed = {**route, "mailno": number, "orderid": made.order["orderId"], "id": str(len(made.routes))}
            body = json.dumps({"Body": {"WaybillRoute": [pushed]}}, ensure_ascii=False)
            self._owed.append(_Push(clock.now() + timedelta(seconds=self.policy.delay_seconds), body))

    def push_due(self) -> int:
        """Send what is owed and due, by the policy; what is not answered with 200 is owed again. Returns how many were sent."""
        with self._lock:
            due = [one for one in self._owed if one.due_at <= clock.now()]
            self._owed = [one for one in self._owed if one not in due]
        sending = [one for one in due for _ in range(self.policy.times)]
        if self.policy.shuffle:
            self.random.shuffle(sending)
        if self.policy.drop_each:
            sending = [one for position, one in enumerate(sending, 1) if position % self.policy.drop_each]
        for one in sending:
            status = self.push(one.body)
            self.answers.append(status)
            if status != 200:
                with self._lock:
                    self._owed.append(_Push(clock.now() + timedelta(minutes=1), one.body))
        return len(sending)

    def push(self, body: str, *, checkword: str | None = None, at: datetime | None = None) -> int:
        """One push; returns the status of the answer, 0 when there is none. Another check word or moment makes a forgery."""
        timestamp = str(int((at or clock.now()).timestamp()))
        headers = {
            "Content-Type": "application/json", "timestamp": timestamp,
            "msgDigest": signature(body, timestamp, checkword or self.checkword),
        }  # fmt: skip
        try:
            return httpx.post(self.push_url, content=body.encode(), headers=headers, timeout=10, trust_env=False).status_code
        except httpx.HTTPError:
            return 0


def _found(own: str, number: str) -> dict[str, Any]:
    listed = [{"waybillType": 1, "waybillNo": number}]
    return {"success": True, "errorCode": "S0000", "msgData": {"orderId": own, "waybillNoInfoList": listed}}
