"""Reading what the platform answers: which refusals are final, which pass, and which leave everything open."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from banyan.treasury.payments.types import ChannelError, ChannelUnknown

# The platform said no, did nothing, and would say no again to the same request.
PERMANENT = frozenset(
    {
        "PARAM_ERROR",
        "INVALID_REQUEST",
        "APPID_MCHID_NOT_MATCH",
        "MCH_NOT_EXISTS",
        "OUT_TRADE_NO_USED",
        "ORDER_CLOSED",
        "ORDERPAID",
        "RULE_LIMIT",
        "TRADE_ERROR",
        "USER_ACCOUNT_ABNORMAL",
        "ACCOUNT_ERROR",
        "NO_STATEMENT_EXIST",
    }
)
# The platform said no and did nothing; later, or after the merchant mended something, it can say yes.
PASSING = frozenset(
    {
        "FREQUENCY_LIMIT_EXCEED",
        "FREQUENCY_LIMIT_EXCEEDED",
        "FREQUENCY_LIMITED",
        "RATELIMIT_EXCEEDED",
        "NOT_ENOUGH",
        "NO_AUTH",
        "NOAUTH",
        "SIGN_ERROR",
    }
)
NOT_FOUND = frozenset({"ORDER_NOT_EXIST", "RESOURCE_NOT_EXISTS", "NOT_FOUND", "ORDERNOTEXIST"})

Answered = tuple[int, str | bytes]


def call(operation: str, work: Callable[[], Answered], nothing_there: bool = False) -> dict[str, Any] | None:
    """Make one call and read its answer. ``nothing_there``: a not-found answers None instead of raising.

    Raises ChannelError for a refusal that certainly had no effect, ChannelUnknown for all else that is no success: 5xx,
    unreadable answers, codes that we do not know, and ALREADY_EXISTS (a bill of this number lives at the platform).
    """
    status, raw = work()
    if status == 204:
        return {}
    try:
        body = json.loads(raw)
    except ValueError:
        raise ChannelUnknown(f"WeChat Pay {operation}: unreadable answer ({status})") from None
    if not isinstance(body, dict):
        raise ChannelUnknown(f"WeChat Pay {operation}: unreadable answer ({status})")
    if 200 <= status < 300:
        return body
    code = body.get("code")
    code = code if isinstance(code, str) and code.replace("_", "").isalnum() and len(code) <= 64 else ""
    # The platform's message can quote what we sent (a name, an openid), so only its code goes on.
    message = f"WeChat Pay refused {operation}: {status} {code}"
    if status >= 500 or status < 400:
        raise ChannelUnknown(message)
    if status == 429 or code in PASSING:
        raise ChannelError(message, permanent=False, code=code)
    if code in NOT_FOUND:
        if nothing_there:
            return None
        raise ChannelError(message, permanent=True, code=code)
    if code in PERMANENT:
        raise ChannelError(message, permanent=True, code=code)
    raise ChannelUnknown(message)


def text(body: dict[str, Any], name: str) -> str:
    """A text field; an answer without it is not one that we can act on."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise ChannelUnknown(f"WeChat Pay answered without {name}")
    return value


def fen(body: dict[str, Any], name: str) -> int:
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ChannelUnknown(f"WeChat Pay answered without {name}")
    return value


def instant(body: dict[str, Any], name: str) -> datetime:
    """RFC 3339 with offset, as aware UTC."""
    try:
        at = datetime.fromisoformat(text(body, name))
    except ValueError:
        raise ChannelUnknown(f"WeChat Pay answered with an unreadable {name}") from None
    if at.tzinfo is None:
        raise ChannelUnknown(f"WeChat Pay answered with {name} without an offset")
    return at.astimezone(UTC)


def part(body: dict[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name)
    if not isinstance(value, dict):
        raise ChannelUnknown(f"WeChat Pay answered without {name}")
    return value
