"""A payment channel in memory: keeps what it was asked, and can be told to refuse, to lose answers or to break."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from datetime import UTC, datetime

from banyan.treasury.payments.types import (
    CaptureNotice,
    ChannelError,
    ChannelPayment,
    ChannelPaymentState,
    ChannelRefund,
    ChannelRefundState,
    ChannelRejected,
    ChannelUnknown,
    ClientParameters,
    PaymentOrder,
    RefundNotice,
    RefundOrder,
)

AT = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


class MemoryChannel:
    """`losing` answers are lost after the channel has done it; `refusing` says no; `pending` refunds complete later."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.opened: dict[str, PaymentOrder] = {}
        self.paid: dict[str, str] = {}
        self.closed: set[str] = set()
        self.refunds: dict[str, ChannelRefund] = {}
        self.calls: list[tuple[str, str]] = []
        self.losing = 0
        self.unreachable = 0
        self.refusing = False
        self.pending = False
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

    def _answer(self) -> None:
        with self._lock:
            if self.losing:
                self.losing -= 1
                raise ChannelUnknown("timed out")

    def open(self, order: PaymentOrder) -> ClientParameters:
        self._enter("open", order.out_trade_no)
        if self.refusing:
            raise ChannelError("no such payer", permanent=True, code="PARAM_ERROR")
        self.opened[order.out_trade_no] = order
        self._answer()
        return ClientParameters({"package": f"prepay_id={order.out_trade_no}", "payer": order.payer})

    def query(self, out_trade_no: str) -> ChannelPayment:
        self._enter("query", out_trade_no)
        self._answer()
        order = self.opened.get(out_trade_no)
        if order is None:
            return ChannelPayment(out_trade_no, ChannelPaymentState.NOT_FOUND)
        if out_trade_no in self.paid:
            transaction = self.paid[out_trade_no]
            return ChannelPayment(out_trade_no, ChannelPaymentState.CAPTURED, transaction, order.amount_minor, order.currency, AT)
        state = ChannelPaymentState.CLOSED if out_trade_no in self.closed else ChannelPaymentState.PENDING
        return ChannelPayment(out_trade_no, state)

    def close(self, out_trade_no: str) -> None:
        self._enter("close", out_trade_no)
        if out_trade_no in self.paid:
            raise ChannelError("paid", permanent=True, code="already_captured")
        self.closed.add(out_trade_no)
        self._answer()

    def refund(self, order: RefundOrder) -> ChannelRefund:
        self._enter("refund", order.out_refund_no)
        if self.refusing:
            raise ChannelError("not allowed", permanent=True, code="NO_AUTH")
        with self._lock:
            state = ChannelRefundState.PENDING if self.pending else ChannelRefundState.COMPLETED
            done = ChannelRefund(
                order.out_refund_no, state, f"R{order.out_refund_no[:8]}", order.amount_minor, order.currency, AT
            )
            self.refunds.setdefault(order.out_refund_no, done)
        self._answer()
        return self.refunds[order.out_refund_no]

    def query_refund(self, out_refund_no: str) -> ChannelRefund:
        self._enter("query_refund", out_refund_no)
        self._answer()
        return self.refunds.get(out_refund_no) or ChannelRefund(out_refund_no, ChannelRefundState.NOT_FOUND)

    def parse_notice(self, headers: Mapping[str, str], body: bytes) -> CaptureNotice | RefundNotice:
        if headers.get("x-signature") != "good":
            raise ChannelRejected("The signature does not fit.", "bad_signature")
        told = json.loads(body)
        return CaptureNotice(
            self.name, told["number"], told["transaction"], told["amount"], told["currency"], datetime.fromisoformat(told["at"])
        )

    def count(self, verb: str) -> int:
        """How often the channel was asked for this."""
        return sum(1 for called, _ in self.calls if called == verb)
