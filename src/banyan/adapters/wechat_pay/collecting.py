"""The payment channel: JSAPI and native orders, queries, closing, refunds and their notices."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta, timezone
from typing import Any

from wechatpayv3 import WeChatPayType

from banyan.kernel import clock
from banyan.treasury.payments.types import (
    CaptureNotice,
    ChannelError,
    ChannelPayment,
    ChannelPaymentState,
    ChannelRefund,
    ChannelRefundState,
    ChannelUnknown,
    ClientParameters,
    PaymentOrder,
    RefundNotice,
    RefundNoticeState,
    RefundOrder,
)

from . import notices
from .answers import call, fen, instant, part, text
from .client import Client
from .settings import WeChatPaySettings

CHANNEL = "wechat_pay"
CURRENCY = "CNY"
_BEIJING = timezone(timedelta(hours=8))
# REFUND means that some of a captured payment went back: the capture stands.
_PAYMENT_STATES = {
    "SUCCESS": ChannelPaymentState.CAPTURED,
    "REFUND": ChannelPaymentState.CAPTURED,
    "NOTPAY": ChannelPaymentState.PENDING,
    "USERPAYING": ChannelPaymentState.PENDING,
    "ACCEPT": ChannelPaymentState.PENDING,
    "PAYERROR": ChannelPaymentState.PENDING,
    "CLOSED": ChannelPaymentState.CLOSED,
    "REVOKED": ChannelPaymentState.CLOSED,
}
# ABNORMAL: the payer's account cannot take the money; a person settles it on the merchant platform.
_REFUND_STATES = {
    "SUCCESS": ChannelRefundState.COMPLETED,
    "PROCESSING": ChannelRefundState.PENDING,
    "CLOSED": ChannelRefundState.FAILED,
    "ABNORMAL": ChannelRefundState.FAILED,
}


def only_yuan(currency: str) -> None:
    """The domestic API carries CNY only; anything else is refused before a call."""
    if currency != CURRENCY:
        raise ChannelError("WeChat Pay carries CNY only", permanent=True, code="unsupported_currency")


class WeChatPaymentChannel:
    """``PaymentChannel`` over WeChat Pay API v3. Safe to use from several threads."""

    def __init__(self, settings: WeChatPaySettings, client: Client | None = None) -> None:
        self._client = client or Client(settings)
        self._settings = settings

    def open(self, order: PaymentOrder) -> ClientParameters:
        """JSAPI when the payer's openid is known, else native (a QR code). The same number gives the same prepay id."""
        only_yuan(order.currency)
        jsapi = bool(order.payer)
        body = call(
            "open",
            lambda: self._client.pay(
                description=order.description[:127] or "-",
                out_trade_no=order.out_trade_no,
                amount={"total": order.amount_minor, "currency": CURRENCY},
                payer={"openid": order.payer} if jsapi else None,
                time_expire=order.expires_at.astimezone(_BEIJING).replace(microsecond=0).isoformat(),
                notify_url=order.notify_url,
                pay_type=WeChatPayType.JSAPI if jsapi else WeChatPayType.NATIVE,
            ),
        )
        assert body is not None
        if not jsapi:
            return ClientParameters({"code_url": text(body, "code_url")})
        stamp, nonce = str(int(clock.now().timestamp())), secrets.token_hex(16)
        package = "prepay_id=" + text(body, "prepay_id")
        return ClientParameters(
            {
                "appId": self._settings.appid,
                "timeStamp": stamp,
                "nonceStr": nonce,
                "package": package,
                "signType": "RSA",
                "paySign": self._client.sign([self._settings.appid, stamp, nonce, package]),
            }
        )

    def query(self, out_trade_no: str) -> ChannelPayment:
        body = call("query", lambda: self._client.query(out_trade_no=out_trade_no), nothing_there=True)
        if body is None:
            return ChannelPayment(out_trade_no, ChannelPaymentState.NOT_FOUND)
        if body.get("out_trade_no") != out_trade_no or body.get("mchid") != self._settings.mchid:
            raise ChannelUnknown("WeChat Pay answered about another payment")
        state = _PAYMENT_STATES.get(text(body, "trade_state"))
        if state is None:
            raise ChannelUnknown("WeChat Pay answered with an unknown trade state")
        if state is not ChannelPaymentState.CAPTURED:
            return ChannelPayment(out_trade_no, state)
        amount = part(body, "amount")
        return ChannelPayment(
            out_trade_no,
            state,
            text(body, "transaction_id"),
            fen(amount, "total"),
            _currency(amount),
            instant(body, "success_time"),
        )

    def close(self, out_trade_no: str) -> None:
        """A number that the platform does not know is as good as closed; a paid one is an error."""
        try:
            call("close", lambda: self._client.close(out_trade_no=out_trade_no), nothing_there=True)
        except ChannelError as refusal:
            if refusal.code == "ORDER_CLOSED":
                return
            if refusal.permanent and self.query(out_trade_no).state is ChannelPaymentState.CAPTURED:
                raise ChannelError("the payment was captured already", permanent=True, code="already_captured") from None
            raise

    def refund(self, order: RefundOrder) -> ChannelRefund:
        only_yuan(order.currency)
        body = call(
            "refund",
            lambda: self._client.refund(
                out_refund_no=order.out_refund_no,
                transaction_id=order.transaction_id or None,
                out_trade_no=order.out_trade_no,
                amount={"refund": order.amount_minor, "total": order.captured_minor, "currency": CURRENCY},
                reason=order.reason[:80] or None,
                notify_url=order.notify_url or None,
            ),
        )
        assert body is not None
        return self._read_refund(order.out_refund_no, body)

    def query_refund(self, out_refund_no: str) -> ChannelRefund:
        body = call("query_refund", lambda: self._client.query_refund(out_refund_no), nothing_there=True)
        if body is None:
            return ChannelRefund(out_refund_no, ChannelRefundState.NOT_FOUND)
        return self._read_refund(out_refund_no, body)

    def _read_refund(self, out_refund_no: str, body: dict[str, Any]) -> ChannelRefund:
        if body.get("out_refund_no") != out_refund_no:
            raise ChannelUnknown("WeChat Pay answered about another refund")
        word = text(body, "status")
        state = _REFUND_STATES.get(word)
        if state is None:
            raise ChannelUnknown("WeChat Pay answered with an unknown refund state")
        amount = part(body, "amount")
        return ChannelRefund(
            out_refund_no,
            state,
            reference=text(body, "refund_id"),
            amount_minor=fen(amount, "refund"),
            currency=_currency(amount),
            completed_at=instant(body, "success_time") if state is ChannelRefundState.COMPLETED else None,
            failure=word.lower() if state is ChannelRefundState.FAILED else "",
        )

    def parse_notice(self, headers: Mapping[str, str], body: bytes) -> CaptureNotice | RefundNotice:
        event_type, resource = notices.open_notice(self._client, headers, body)
        notices.check_merchant(self._client, resource)
        try:
            if event_type == "TRANSACTION.SUCCESS":
                notices.check_app(self._client, resource)
                return _read_capture(resource)
            if event_type in ("REFUND.SUCCESS", "REFUND.ABNORMAL", "REFUND.CLOSED"):
                return _read_refund_notice(event_type, resource)
        except ChannelUnknown as error:
            raise notices.unreadable(error) from None
        raise notices.malformed("payment or refund notice")


def _currency(amount: dict[str, Any]) -> str:
    """Absent means CNY, by the platform's documents."""
    return str(amount.get("currency") or CURRENCY)


def _read_capture(resource: dict[str, Any]) -> CaptureNotice:
    if resource.get("trade_state") != "SUCCESS":
        raise notices.malformed("successful payment")
    amount = part(resource, "amount")
    return CaptureNotice(
        channel=CHANNEL,
        out_trade_no=text(resource, "out_trade_no"),
        transaction_id=text(resource, "transaction_id"),
        amount_minor=fen(amount, "total"),
        currency=_currency(amount),
        captured_at=instant(resource, "success_time"),
    )


def _read_refund_notice(event_type: str, resource: dict[str, Any]) -> RefundNotice:
    word = text(resource, "refund_status")
    if event_type != f"REFUND.{word}":
        raise notices.malformed("consistent refund notice")
    amount = part(resource, "amount")
    done = word == "SUCCESS"
    return RefundNotice(
        channel=CHANNEL,
        out_refund_no=text(resource, "out_refund_no"),
        reference=text(resource, "refund_id"),
        state=RefundNoticeState.COMPLETED if done else RefundNoticeState.FAILED,
        amount_minor=fen(amount, "refund"),
        currency=_currency(amount),
        # Only a completed refund carries its own time.
        completed_at=instant(resource, "success_time") if done else clock.now(),
        failure="" if done else word.lower(),
    )
