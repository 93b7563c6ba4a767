"""Callbacks: nothing is believed before signature, serial, age, merchant and app are checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from banyan.treasury.payments.types import ChannelRejected, ChannelUnknown

from .client import Client, Refused, plain_headers

MAX_BODY_BYTES = 1 << 20


def open_notice(client: Client, headers: Mapping[str, str], body: bytes) -> tuple[str, dict[str, Any]]:
    """Verify and decrypt one callback. Returns its event type and the clear resource; raises ChannelRejected."""
    if len(body) > MAX_BODY_BYTES:
        raise ChannelRejected("the notice is too long", code="malformed")
    try:
        body.decode("utf-8")
        # The library reads lower-case names (its "fastapi" spelling); ours are that already.
        notice = client.callback(plain_headers(headers), body)
    except Refused as refusal:
        code = "stale_timestamp" if refusal.reason == "stale timestamp" else "bad_signature"
        raise ChannelRejected(f"the notice does not prove its sender: {refusal.reason}", code=code) from None
    except Exception as error:  # the library raises bare Exception, ValueError, TypeError … for malformed bodies
        raise ChannelRejected(f"the notice cannot be read ({type(error).__name__})", code="malformed") from None
    if not isinstance(notice, dict) or not isinstance(notice.get("resource"), dict):
        raise ChannelRejected("the notice cannot be read", code="malformed")
    event_type = notice.get("event_type")
    if not isinstance(event_type, str):
        raise ChannelRejected("the notice has no event type", code="malformed")
    return event_type, notice["resource"]


def check_merchant(client: Client, resource: dict[str, Any], name: str = "mchid") -> None:
    if resource.get(name) != client.settings.mchid:
        raise ChannelRejected("the notice is for another merchant", code="wrong_merchant")


def check_app(client: Client, resource: dict[str, Any]) -> None:
    if resource.get("appid") != client.settings.appid:
        raise ChannelRejected("the notice is for another app", code="wrong_app")


def malformed(event_type: str) -> ChannelRejected:
    """A proven sender with an event that does not belong here. The type is one of the platform's fixed words."""
    return ChannelRejected(f"the notice is no {event_type}", code="malformed")


def unreadable(error: ChannelUnknown) -> ChannelRejected:
    return ChannelRejected(str(error), code="malformed")
