"""Judges capture notices against the payments that they name. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from banyan.treasury.payments.types import (
    CaptureNotice,
    CaptureOutcome,
    CaptureResult,
    Incident,
    IncidentKind,
    PaymentId,
    PaymentState,
)


@dataclass(frozen=True, slots=True)
class KnownPayment:
    """What we know of a payment, locked. `order_is_paid`: another payment of the same order is captured already."""

    payment_id: PaymentId
    order_id: int
    channel: str
    state: PaymentState
    transaction_id: str
    amount_minor: int
    currency: str
    order_is_paid: bool


@dataclass(frozen=True, slots=True)
class CaptureVerdict:
    """Outcomes in the order of the notices, what to book (payment, its notice), and what a person must see."""

    outcomes: tuple[CaptureOutcome, ...]
    bookings: tuple[tuple[KnownPayment, CaptureNotice], ...]
    incidents: tuple[Incident, ...]


def judge_captures(
    known: Mapping[str, KnownPayment], taken: Mapping[tuple[str, str], str], notices: Sequence[CaptureNotice]
) -> CaptureVerdict:
    """Decide each notice. `known` by our number; `taken`: (channel, transaction) → the number it is booked under.

    A capture lands whether the payment is pending or closed: the money is there. Any order and any repetition of the same
    notices books the same payments. Refused are: unknown number, other channel, amount or currency than asked for, a
    transaction booked under another number, and a second transaction for a captured payment.
    """
    outcomes: list[CaptureOutcome] = []
    bookings: dict[str, tuple[KnownPayment, CaptureNotice]] = {}
    incidents: list[Incident] = []
    used = dict(taken)
    paid_orders: set[int] = set()
    for notice in notices:
        payment = known.get(notice.out_trade_no)
        result = _judge(payment, bookings.get(notice.out_trade_no), used, notice)
        if payment is None:
            outcomes.append(CaptureOutcome(notice.out_trade_no, result))
        else:
            outcomes.append(CaptureOutcome(notice.out_trade_no, result, payment.payment_id, payment.order_id))
        if result.is_refused:
            incidents.append(_incident(IncidentKind(result.value), payment, notice))
        if result is CaptureResult.CAPTURED and payment is not None:
            bookings[notice.out_trade_no] = (payment, notice)
            used[notice.channel, notice.transaction_id] = notice.out_trade_no
            if payment.order_is_paid or payment.order_id in paid_orders:
                incidents.append(_incident(IncidentKind.PAID_TWICE, payment, notice))
            paid_orders.add(payment.order_id)
    return CaptureVerdict(tuple(outcomes), tuple(bookings.values()), tuple(incidents))


def _judge(
    payment: KnownPayment | None,
    booked: tuple[KnownPayment, CaptureNotice] | None,
    used: Mapping[tuple[str, str], str],
    notice: CaptureNotice,
) -> CaptureResult:
    if payment is None:
        return CaptureResult.UNKNOWN_NUMBER
    if payment.channel != notice.channel:
        return CaptureResult.WRONG_CHANNEL
    if payment.currency != notice.currency:
        return CaptureResult.WRONG_CURRENCY
    if payment.amount_minor != notice.amount_minor:
        return CaptureResult.WRONG_AMOUNT
    present = booked[1].transaction_id if booked else payment.transaction_id
    if booked or payment.state is PaymentState.CAPTURED:
        return CaptureResult.REPEATED if present == notice.transaction_id else CaptureResult.CONTRADICTION
    if not notice.transaction_id or used.get((notice.channel, notice.transaction_id), notice.out_trade_no) != notice.out_trade_no:
        return CaptureResult.CONTRADICTION
    return CaptureResult.CAPTURED


def _incident(kind: IncidentKind, payment: KnownPayment | None, notice: CaptureNotice) -> Incident:
    details: dict[str, str | int] = {
        "amount_minor": notice.amount_minor,
        "currency": notice.currency,
        "transaction_id": notice.transaction_id,
    }
    if payment is not None:
        details["expected_minor"] = payment.amount_minor
        details["expected_currency"] = payment.currency
        details["expected_channel"] = payment.channel
    return Incident(
        kind, notice.channel, notice.out_trade_no, payment.payment_id if payment else 0, tuple(sorted(details.items()))
    )
