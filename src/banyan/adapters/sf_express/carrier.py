"""The port ``Carrier`` for SF Express. It keeps no state: our number twice is one waybill at the platform."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any
from zoneinfo import ZoneInfo

from banyan.kernel import clock
from banyan.trade.fulfillment.types import (
    CarrierError,
    CarrierRejected,
    CarrierUnknown,
    Label,
    Track,
    TrackCode,
    TrackEvent,
    Waybill,
    WaybillOrder,
)

from .client import Client
from .settings import SfExpressSettings
from .signing import holds

BEIJING = ZoneInfo("Asia/Shanghai")
WINDOW_SECONDS = 300
MAX_PUSH_BYTES = 1 << 20
REPEATED = "8016"
UNKNOWN_ORDER = frozenset({"6150", "8018", "8024"})
FAILED = frozenset({"4001", "S0003"})
"""The platform's own failure: the work may have been done."""
LABEL_TEMPLATE = "fm_150_standard"
MEANS: dict[str, TrackCode] = {
    "50": TrackCode.ACCEPTED, "51": TrackCode.ACCEPTED, "54": TrackCode.ACCEPTED,
    "30": TrackCode.IN_TRANSIT, "31": TrackCode.IN_TRANSIT, "36": TrackCode.IN_TRANSIT,
    "44": TrackCode.OUT_FOR_DELIVERY, "204": TrackCode.OUT_FOR_DELIVERY,
    "33": TrackCode.TROUBLED, "70": TrackCode.TROUBLED,
    "80": TrackCode.DELIVERED, "8000": TrackCode.DELIVERED,
    "99": TrackCode.RETURNING, "648": TrackCode.RETURNED,
}  # fmt: skip
"""The platform's operation codes (opCode); any other is a note."""


class SfExpressCarrier:
    """One account at SF Express."""

    def __init__(self, settings: SfExpressSettings) -> None:
        self._settings = settings
        self._client = Client(settings)

    def book(self, order: WaybillOrder) -> Waybill:
        """Ask for a waybill; a number that was used before is looked up."""
        message = {
            "language": "zh-CN",
            "orderId": order.own_number,
            "monthlyCard": self._settings.monthly_card,
            "payMethod": 1,
            "expressTypeId": 1,
            "isReturnRoutelabel": 1,
            "totalWeight": order.weight_grams / 1000,
            "cargoDetails": [{"name": "商品", "count": order.piece_count}],
            "contactInfoList": [
                _contact(1, order.sender.name, order.sender.phone, order.sender.address),
                _contact(2, order.recipient.name, order.recipient.phone, order.recipient.address),
            ],
        }
        inner = self._client.call("EXP_RECE_CREATE_ORDER", message)
        if not inner["success"] and _code(inner) == REPEATED:
            return self.find(order.own_number)
        if not inner["success"] and _code(inner) in FAILED:
            raise CarrierUnknown(f"SF Express does not say ({_code(inner)})")
        if not inner["success"]:
            raise CarrierError("SF Express refuses the waybill", permanent=True, code=_code(inner))
        return Waybill(order.own_number, _number(inner, order.own_number))

    def find(self, own_number: str) -> Waybill:
        """The waybill of our number, with an empty number when there is none."""
        inner = self._client.call("EXP_RECE_SEARCH_ORDER_RESP", {"searchType": "1", "orderId": own_number, "language": "zh-CN"})
        if not inner["success"] and _code(inner) in UNKNOWN_ORDER:
            return Waybill(own_number, "")
        if not inner["success"]:
            raise CarrierUnknown(f"SF Express does not say ({_code(inner)})")
        return Waybill(own_number, _number(inner, own_number))

    def label(self, tracking_number: str) -> Label:
        """The label as the platform's cloud printing makes it."""
        message = {
            "templateCode": LABEL_TEMPLATE, "version": "2.0", "fileType": "pdf", "sync": True,
            "documents": [{"masterWaybillNo": tracking_number}],
        }  # fmt: skip
        inner = self._client.call("COM_RECE_CLOUD_PRINT_WAYBILLS", message)
        try:
            file = inner["obj"]["files"][0]
            return Label(*self._client.download(str(file["url"]), str(file["token"])))
        except (KeyError, IndexError, TypeError):
            raise CarrierUnknown("SF Express gave no label") from None

    def track(self, tracking_numbers: tuple[str, ...]) -> tuple[Track, ...]:
        """All events of these waybills."""
        message = {"language": "zh-CN", "trackingType": "1", "trackingNumber": list(tracking_numbers), "methodType": "1"}
        inner = self._client.call("EXP_RECE_SEARCH_ROUTES", message)
        try:
            found = inner["msgData"]["routeResps"]
            return tuple(Track(str(one["mailNo"]), tuple(_event(route) for route in one["routes"])) for one in found)
        except (KeyError, TypeError, ValueError):
            raise CarrierUnknown("SF Express gave no routes") from None

    def parse_push(self, headers: Mapping[str, str], body: bytes) -> tuple[Track, ...]:
        """Check the digest over timestamp and body, then the age, then read."""
        plain = {name.lower().replace("_", "-").removeprefix("http-"): value for name, value in headers.items()}
        timestamp = plain.get("timestamp", "")
        try:
            text = body.decode("utf-8") if len(body) <= MAX_PUSH_BYTES else ""
        except UnicodeDecodeError:
            text = ""
        if not text or not holds(text, timestamp, self._settings.checkword, plain.get("msgdigest", "")):
            raise CarrierRejected("the push does not prove its sender", code="bad_signature")
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
            raise CarrierRejected("the push has no timestamp", code="malformed")
        if abs(int(timestamp) - clock.now().timestamp()) > WINDOW_SECONDS:
            raise CarrierRejected("the push is too old", code="stale_timestamp")
        return _pushed(text)

    def push_answer(self) -> tuple[str, bytes]:
        """What the platform wants to hear."""
        return "application/json", '{"return_code":"0000","return_msg":"成功"}'.encode()


def _pushed(text: str) -> tuple[Track, ...]:
    found: dict[str, list[TrackEvent]] = {}
    try:
        for route in json.loads(text)["Body"]["WaybillRoute"]:
            found.setdefault(str(route["mailno"]), []).append(_event(route))
    except (KeyError, TypeError, ValueError):
        raise CarrierRejected("the push cannot be read", code="malformed") from None
    return tuple(Track(number, tuple(events)) for number, events in found.items())


def _contact(kind: int, name: str, phone: str, address: str) -> dict[str, Any]:
    return {"contactType": kind, "contact": name, "mobile": phone, "address": address, "country": "CN"}


def _code(inner: Mapping[str, Any]) -> str:
    return str(inner.get("errorCode", ""))[:20]


def _number(inner: Mapping[str, Any], own_number: str) -> str:
    try:
        message = inner["msgData"]
        number = next(str(one["waybillNo"]) for one in message["waybillNoInfoList"] if int(one["waybillType"]) == 1)
        if message["orderId"] != own_number or not 0 < len(number) <= 80 or not number.isprintable():
            raise ValueError
    except (KeyError, TypeError, ValueError, StopIteration):
        raise CarrierUnknown("the waybill of SF Express cannot be read") from None
    return number


def _event(route: Mapping[str, Any]) -> TrackEvent:
    """Pushes and queries name an event by nothing that both have, so its content is its key."""
    at, code = str(route["acceptTime"]), str(route["opCode"])
    place, text = str(route.get("acceptAddress") or ""), str(route.get("remark") or "")
    key = blake2b("\n".join((at, code, place, text)).encode(), digest_size=16).hexdigest()
    occurred_at = datetime.strptime(at, "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING)
    return TrackEvent(key, MEANS.get(code, TrackCode.NOTE), occurred_at, _printable(place), _printable(text))


def _printable(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable())
