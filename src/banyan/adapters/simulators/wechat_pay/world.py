"""What every rule of the platform shares: its memory, its keys, its clock, its money and the callbacks it owes."""

from __future__ import annotations

import json
import random
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .protocol import ApiError, Platform
from .store import Store

# The platform's published pauses between deliveries of one notification.
RETRY_SECONDS = (15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600)
MERCHANT_NUMBER = re.compile(r"[0-9A-Za-z_\-|*]{6,32}")
BILL_NUMBER = re.compile(r"[0-9A-Za-z]{1,32}")
REFUND_NUMBER = re.compile(r"[0-9A-Za-z_\-|*@]{1,64}")


@dataclass
class CallbackPolicy:
    """How callbacks are mistreated: seconds of delay, how often each is repeated, shuffled order, none at all."""

    delay_seconds: int = 0
    repeat: int = 1
    shuffle: bool = False
    drop: bool = False


@dataclass
class Habits:
    """What payers and payees do by themselves, and how long the platform takes."""

    pay_at_once: bool = False
    confirm_at_once: bool = False
    refund_seconds: int = 0
    confirm_hours: int = 24
    opening_balance_minor: int = 10_000_000_000_00
    fee_bp: int = 60


class World:
    """One merchant's account at the platform."""

    def __init__(self, platform: Platform, store: Store, now: Callable[[], datetime]) -> None:
        self.platform, self.store, self.now = platform, store, now
        self.habits, self.policy = Habits(), CallbackPolicy()
        self.real_names: dict[str, str] = {}
        self.random = random.Random(1)

    def now_ms(self) -> int:
        return int(self.now().timestamp() * 1000)

    # ── money ────────────────────────────────────────────────────────────────────────────────────────────────
    def balance_minor(self) -> int:
        row = self.store.one("SELECT balance FROM flows ORDER BY id DESC LIMIT 1")
        return int(row["balance"]) if row else self.habits.opening_balance_minor

    def move(self, amount: int, kind: str, reference: str, voucher: str) -> None:
        """Book a movement of the merchant's account (fen, signed)."""
        balance = self.balance_minor() + amount
        self.store.insert(
            "flows", at_ms=self.now_ms(), amount=amount, kind=kind, reference=reference, voucher=voucher, balance=balance
        )

    # ── callbacks ────────────────────────────────────────────────────────────────────────────────────────────
    def notify(self, url: str, event_type: str, original_type: str, subject: str, resource: dict[str, Any]) -> None:
        """Owe the merchant a callback. The same notification id stays through all its repeats and retries."""
        if not url or self.policy.drop:
            return
        body = json.dumps({"event_type": event_type, "original_type": original_type, "resource": resource}, ensure_ascii=False)
        event_id = f"EV-{secrets.token_hex(14)}"
        for _ in range(max(self.policy.repeat, 1)):
            due = self.now_ms() + self.policy.delay_seconds * 1000
            self.store.insert("callbacks", event_id=event_id, url=url, body=body, subject=subject, due_ms=due)


def instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def text(body: dict[str, Any], name: str, limit: int, pattern: re.Pattern[str] | None = None, required: bool = True) -> str:
    """A text field of a request, or the platform's PARAM_ERROR."""
    value = body.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or not value or len(value) > limit or (pattern and not pattern.fullmatch(value)):
        raise ApiError(400, "PARAM_ERROR", f"输入源“/body/{name}”映射到字段“{name}”的规则校验失败")
    return value


def fen(body: dict[str, Any], name: str) -> int:
    """An amount field in fen: a JSON integer above zero (a boolean is no amount)."""
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ApiError(400, "PARAM_ERROR", f"输入源“/body/{name}”映射到数值字段“{name}”规则校验失败，值低于最小值 1")
    return value


def record(body: dict[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name)
    if not isinstance(value, dict):
        raise ApiError(400, "PARAM_ERROR", f"缺少参数“{name}”")
    return value
