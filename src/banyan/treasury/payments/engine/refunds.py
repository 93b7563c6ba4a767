"""Chooses the payment that a refund is taken from, and judges how refunds ended. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from banyan.treasury.payments.types import (
    Incident,
    IncidentKind,
    NewRefund,
    PaymentId,
    RefundId,
    RefundNotice,
    RefundNoticeState,
    RefundOutcome,
    RefundResult,
    RefundState,
)


@dataclass(frozen=True, slots=True)
class Refundable:
    """A captured payment, locked, and what of it is not yet held for refunds. Earliest captured first in any list."""

    payment_id: PaymentId
    order_id: int
    channel: str
    currency: str
    reversible_minor: int
    is_extra: bool = False


def choose_payments(refundables: Sequence[Refundable], wishes: Sequence[NewRefund]) -> list[Refundable | None]:
    """The payment for each wish in order; None where no single payment of the order has enough left for it.

    Extra money is on its way back whole, so only a wish that names such a payment is taken from it.
    """
    left = {payment.payment_id: payment.reversible_minor for payment in refundables}
    by_order: dict[int, list[Refundable]] = {}
    for payment in refundables:
        by_order.setdefault(payment.order_id, []).append(payment)
    chosen: list[Refundable | None] = []
    for wish in wishes:
        fitting = (
            payment
            for payment in by_order.get(wish.order_id, ())
            if left[payment.payment_id] >= wish.amount_minor
            and (wish.payment_id == payment.payment_id or (wish.payment_id is None and not payment.is_extra))
        )
        found = next(fitting, None)
        if found is not None:
            left[found.payment_id] -= wish.amount_minor
        chosen.append(found)
    return chosen


@dataclass(frozen=True, slots=True)
class KnownRefund:
    """What we know of a refund, locked with its payment. `reversible_minor` is what the payment has left besides it."""

    refund_id: RefundId
    payment_id: PaymentId
    order_id: int
    channel: str
    state: RefundState
    amount_minor: int
    currency: str
    key: str
    reversible_minor: int


@dataclass(frozen=True, slots=True)
class RefundVerdict:
    """Outcomes in the order of the notices; refunds to complete and to fail; `held_again`: completed after a failure."""

    outcomes: tuple[RefundOutcome, ...]
    completions: tuple[tuple[KnownRefund, RefundNotice], ...]
    failures: tuple[tuple[KnownRefund, RefundNotice], ...]
    held_again: tuple[KnownRefund, ...]
    incidents: tuple[Incident, ...]


def judge_refunds(known: Mapping[str, KnownRefund], notices: Sequence[RefundNotice]) -> RefundVerdict:
    """Decide each notice. Completed stands for ever; failed may still become completed (a channel's late repair) while
    the payment has room for it, else it is a contradiction for a person. Everything else that differs is refused."""
    states = {number: refund.state for number, refund in known.items()}
    room: dict[int, int] = {refund.payment_id: refund.reversible_minor for refund in known.values()}
    outcomes: list[RefundOutcome] = []
    ends: dict[str, tuple[KnownRefund, RefundNotice]] = {}
    held_again: list[KnownRefund] = []
    incidents: list[Incident] = []
    for notice in notices:
        refund = known.get(notice.out_refund_no)
        if refund is None:
            outcomes.append(RefundOutcome(notice.out_refund_no, RefundResult.UNKNOWN_NUMBER))
            incidents.append(_incident(IncidentKind.UNKNOWN_NUMBER, None, notice))
            continue
        result = _judge(refund, states[notice.out_refund_no], room[refund.payment_id], notice)
        outcomes.append(RefundOutcome(notice.out_refund_no, result, refund.refund_id, refund.order_id))
        if result.is_refused:
            incidents.append(_incident(IncidentKind(result.value), refund, notice))
        elif result is RefundResult.COMPLETED:
            if states[notice.out_refund_no] is RefundState.FAILED:
                room[refund.payment_id] -= refund.amount_minor
                if refund.state is RefundState.FAILED:
                    held_again.append(refund)
            states[notice.out_refund_no] = RefundState.COMPLETED
            ends[notice.out_refund_no] = (refund, notice)
        elif result is RefundResult.FAILED:
            room[refund.payment_id] += refund.amount_minor
            states[notice.out_refund_no] = RefundState.FAILED
            ends[notice.out_refund_no] = (refund, notice)
            incidents.append(_incident(IncidentKind.REFUND_FAILED, refund, notice))
    completions = tuple(end for number, end in ends.items() if states[number] is RefundState.COMPLETED)
    failures = tuple(end for number, end in ends.items() if states[number] is RefundState.FAILED)
    return RefundVerdict(tuple(outcomes), completions, failures, tuple(held_again), tuple(incidents))


def _judge(refund: KnownRefund, state: RefundState, room_minor: int, notice: RefundNotice) -> RefundResult:
    completed = notice.state is RefundNoticeState.COMPLETED
    if refund.channel != notice.channel:
        return RefundResult.WRONG_CHANNEL
    if refund.currency != notice.currency:
        return RefundResult.WRONG_CURRENCY
    if refund.amount_minor != notice.amount_minor:
        return RefundResult.WRONG_AMOUNT
    if state is RefundState.COMPLETED:
        return RefundResult.REPEATED if completed else RefundResult.CONTRADICTION
    if state is RefundState.FAILED:
        if not completed:
            return RefundResult.REPEATED
        return RefundResult.COMPLETED if room_minor >= refund.amount_minor else RefundResult.CONTRADICTION
    return RefundResult.COMPLETED if completed else RefundResult.FAILED


def _incident(kind: IncidentKind, refund: KnownRefund | None, notice: RefundNotice) -> Incident:
    details: dict[str, str | int] = {
        "amount_minor": notice.amount_minor,
        "currency": notice.currency,
        "reference": notice.reference,
        "said": notice.state.value,
    }
    if refund is not None:
        details["expected_minor"] = refund.amount_minor
        details["state"] = refund.state.value
    return Incident(
        kind, notice.channel, notice.out_refund_no, refund.payment_id if refund else 0, tuple(sorted(details.items()))
    )
