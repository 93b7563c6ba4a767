"""A payout channel in memory: keeps what it was asked, and can be told to refuse, to lose answers or to break."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from banyan.treasury.payouts.ports import ChannelError, ChannelRejected, ChannelUnknown
from banyan.treasury.payouts.types import ChannelPayout, ChannelPayoutState, PayoutNotice, PayoutOrder

AT = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


class MemoryPayoutChannel:
    """`losing` answers are lost after the channel has done it; `unreachable` calls never arrive; `refusing` says no."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.bills: dict[str, ChannelPayoutState] = {}
        self.orders: dict[str, PayoutOrder] = {}
        self.calls: list[tuple[str, str]] = []
        self.first = ChannelPayoutState.AWAITING_CONFIRMATION
        self.losing = 0
        self.unreachable = 0
        self.refusing = False
        self.broken = False
        self._lock = threading.Lock()

    def _enter(self, verb: str, number: str) -> None:
        with self._lock:
            self.calls.append((verb, number))
            if self.broken:
                raise KeyError("a defect of the adapter")
            if self.unreachable:
                self.unreachable -= 1
                raise ChannelError("not reached", permanent=False, code="connect")

    def _answer(self, number: str) -> ChannelPayout:
        with self._lock:
            if self.losing:
                self.losing -= 1
                raise ChannelUnknown("timed out")
            state = self.bills.get(number, ChannelPayoutState.NOT_FOUND)
            amount = self.orders[number].amount_minor if number in self.orders else 0
            package = f"package-{number}" if state is ChannelPayoutState.AWAITING_CONFIRMATION else None
            return ChannelPayout(number, state, f"W{number[:6]}", amount, package, updated_at=AT)

    def submit(self, order: PayoutOrder) -> ChannelPayout:
        self._enter("submit", order.out_bill_no)
        if self.refusing:
            raise ChannelError("no such account", permanent=True, code="INVALID_ACCOUNT")
        with self._lock:
            self.orders.setdefault(order.out_bill_no, order)
            self.bills.setdefault(order.out_bill_no, self.first)
        return self._answer(order.out_bill_no)

    def query(self, out_bill_no: str) -> ChannelPayout:
        self._enter("query", out_bill_no)
        return self._answer(out_bill_no)

    def cancel(self, out_bill_no: str) -> ChannelPayout:
        self._enter("cancel", out_bill_no)
        if self.bills.get(out_bill_no) is ChannelPayoutState.AWAITING_CONFIRMATION:
            self.bills[out_bill_no] = ChannelPayoutState.CANCELLED
        return self._answer(out_bill_no)

    def parse_notice(self, headers: Mapping[str, str], body: bytes) -> PayoutNotice:
        if headers.get("x-signature") != "good":
            raise ChannelRejected("The signature does not fit.", "bad_signature")
        told = json.loads(body)
        return PayoutNotice(
            self.name, told["number"], ChannelPayoutState(told["state"]), "W", told["amount"], "CNY", AT + timedelta(minutes=1)
        )

    def count(self, verb: str) -> int:
        """How often the channel was asked for this."""
        return sum(1 for called, _ in self.calls if called == verb)
