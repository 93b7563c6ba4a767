"""Opening payments for orders, handing the buyer over to the channel, closing what is not wanted any more."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings

from banyan.kernel import clock, ids, sql, tenancy
from banyan.kernel.values.errors import Conflict, Invalid, Refusal
from banyan.treasury.payments import queries
from banyan.treasury.payments.models import PaymentRow
from banyan.treasury.payments.ports import channel_for, is_registered
from banyan.treasury.payments.types import (
    ChannelError,
    ChannelUnknown,
    ClientParameters,
    NewPayment,
    Payment,
    PaymentId,
    PaymentOrder,
    PaymentState,
)

OPEN_FOR = timedelta(hours=2)
"""How long a buyer may take to pay when the order does not say."""
FIRST_QUESTION_AFTER = timedelta(minutes=5)
"""When the channel is asked by the query job if no notice has come."""
MAX_AMOUNT_MINOR = 10**12
_COLUMNS = (
    "id", "order_id", "buyer_id", "channel", "out_trade_no", "transaction_id", "state", "amount_minor", "currency", "description",
    "refund_held_minor", "refunded_minor", "created_at", "expires_at", "due_at", "ask_count",
)  # fmt: skip


class UnknownChannel(Invalid):
    """No payment channel of that name is set up here."""

    code = "unknown_channel"
    advice = "Use one of the channels that the shop has set up."


class PaymentNotOpen(Conflict):
    """The payment is captured, closed or expired, so it cannot be paid now."""

    code = "payment_not_open"
    advice = "Read the payment; place the order again if it has expired."


class ChannelDeclined(Refusal):
    """The channel will not open this payment."""

    code = "channel_declined"
    status = 409
    advice = "Read the channel's code in details; another way of paying may work."


class ChannelUnavailable(Refusal):
    """The channel did not give a clear answer; nothing is lost."""

    code = "channel_unavailable"
    status = 503
    advice = "Send the same request again after the number of seconds in Retry-After."
    retry_after_seconds = 3


def open_payments(wishes: Sequence[NewPayment]) -> list[PaymentId]:
    """Open one payment per order; returns ids in order. Amounts in minor units, above zero.

    Idempotent per order: an open or captured payment of the same amount, currency and channel is returned again; an open one
    that differs is closed and replaced. Raises Invalid on a bad amount, currency or channel name.
    """
    if not wishes:
        return []
    latest = {}
    for wish in wishes:
        _check(wish)
        latest[wish.order_id] = wish
    present = _present(list(latest))
    wanted = {order_id: (wish.amount_minor, wish.currency, wish.channel) for order_id, wish in latest.items()}
    outdated = [
        payment_id
        for order_id, (payment_id, state, *terms) in present.items()
        if state == "pending" and tuple(terms) != wanted[order_id]
    ]
    if outdated:
        _close("id", outdated)
        present = {order_id: found for order_id, found in present.items() if found[0] not in outdated}
    fresh = [latest[order_id] for order_id in sorted(latest.keys() - present.keys())]
    opened = {order_id: PaymentId(found[0]) for order_id, found in present.items()} | _insert(fresh)
    return [opened[wish.order_id] for wish in wishes]


def _check(wish: NewPayment) -> None:
    if not 0 < wish.amount_minor <= MAX_AMOUNT_MINOR:
        raise Invalid("A payment is above zero and below ten thousand million.", field="amount_minor")
    if not re.fullmatch(r"[A-Z]{3}", wish.currency):
        raise Invalid("A currency is three capital letters.", field="currency")
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", wish.channel):
        raise UnknownChannel(f"Not the name of a payment channel: {wish.channel[:40]!r}.", field="channel")


def _present(order_ids: Sequence[int]) -> dict[int, tuple[int, str, int, str, str]]:
    """Per order its captured payment, else its open one: (id, state, amount, currency, channel)."""
    rows = sql.fetch(
        "SELECT DISTINCT ON (order_id) order_id, id, state, amount_minor, currency, channel FROM payments_payments"
        " WHERE tenant_id = %s AND order_id = ANY(%s::bigint[]) AND state <> 'closed' ORDER BY order_id, state, id",
        (tenancy.current_tenant_id(), sql.array_literal(order_ids)),
    )
    return {row[0]: (row[1], row[2], row[3], row[4], row[5]) for row in rows}


def _insert(wishes: Sequence[NewPayment]) -> dict[int, PaymentId]:
    """Insert; an order that another transaction opened meanwhile keeps that one."""
    now = clock.now()
    rows = [
        (
            new_id, wish.order_id, wish.buyer_id, wish.channel, secrets.token_hex(16), "", "pending", wish.amount_minor,
            wish.currency, wish.description[:127], 0, 0, now, wish.expires_at or now + OPEN_FOR, now + FIRST_QUESTION_AFTER, 0,
        )
        for new_id, wish in zip(ids.next_ids(len(wishes)), wishes, strict=True)
    ]  # fmt: skip
    kept = "ON CONFLICT (tenant_id, order_id) WHERE state = 'pending' DO NOTHING"
    opened = {
        row[0]: PaymentId(row[1]) for row in sql.insert(PaymentRow, _COLUMNS, rows, on_conflict=kept, returning="order_id, id")
    }
    missed = [wish.order_id for wish in wishes if wish.order_id not in opened]
    if missed:
        opened |= {order_id: PaymentId(found[0]) for order_id, found in _present(missed).items()}
    return opened


def close_payments(order_ids: Sequence[int]) -> int:
    """Close the open payments of these orders, here at once and at the channel by the next job; returns how many.

    Idempotent. A buyer who pays before the channel knows is captured all the same, and the order hears of it.
    """
    return _close("order_id", order_ids) if order_ids else 0


def _close(column: str, ids_: Sequence[int]) -> int:
    # Locked in id order first, as captures lock them, so that the two cannot block each other.
    return sql.execute(
        "UPDATE payments_payments SET state = 'closed', due_at = %s, ask_count = 0 WHERE id IN (SELECT id FROM payments_payments"
        f" WHERE tenant_id = %s AND {column} = ANY(%s::bigint[]) AND state = 'pending' ORDER BY id FOR NO KEY UPDATE)",
        (clock.now(), tenancy.current_tenant_id(), sql.array_literal(ids_)),
    )


def open_at_channel(payment_id: int, payer: str = "") -> ClientParameters:
    """Open the payment at its channel and return what the buyer's client needs. Asking again is asking for the same payment.

    Reads only, locks nothing: the caller's transaction may stand while the channel answers. What was closed, or paid another way,
    in the meantime is not given to the buyer; the job closes it at the channel. Raises NotFound, PaymentNotOpen,
    UnknownChannel, ChannelDeclined (the channel said no) or ChannelUnavailable (unclear; ask again).
    """
    payment = queries.get_payment(payment_id)
    if payment.state is not PaymentState.PENDING or payment.expires_at <= clock.now():
        state = "expired" if payment.state is PaymentState.PENDING else payment.state.value
        raise PaymentNotOpen(f"The payment is {state}.", state=state)
    if not is_registered(payment.channel):
        raise UnknownChannel(f"The channel {payment.channel} is not set up.", channel=payment.channel)
    try:
        parameters = channel_for(payment.channel, tenancy.current_tenant_id()).open(_order(payment, payer))
    except ChannelUnknown as error:
        raise ChannelUnavailable("The channel gave no clear answer.") from error
    except ChannelError as error:
        if error.permanent:
            raise ChannelDeclined(error.message, channel_code=error.code) from error
        raise ChannelUnavailable(error.message, channel_code=error.code) from error
    _refuse_ended(payment.payment_id)
    return parameters


def _refuse_ended(payment_id: int) -> None:
    rows = sql.fetch(
        "SELECT p.state, EXISTS (SELECT 1 FROM payments_payments o WHERE o.tenant_id = p.tenant_id AND o.order_id = p.order_id"
        " AND o.state = 'captured') FROM payments_payments p WHERE p.tenant_id = %s AND p.id = %s",
        (tenancy.current_tenant_id(), payment_id),
    )
    for state, is_paid in rows:
        if is_paid or state != PaymentState.PENDING:
            raise PaymentNotOpen("The payment ended at this moment.", state="captured" if is_paid else state)


def _order(payment: Payment, payer: str) -> PaymentOrder:
    return PaymentOrder(
        payment.out_trade_no,
        payment.amount_minor,
        payment.currency,
        payment.description or ids.public("ord", payment.order_id),
        notify_url(payment.channel),
        payment.expires_at,
        payer,
    )


def notify_url(channel: str) -> str:
    """Where the channel sends its notices: names the tenant, because only its credentials can verify and open them."""
    tenant = ids.public("tnt", tenancy.current_tenant_id())
    return f"{settings.BANYAN_PUBLIC_URL.rstrip('/')}/api/v1/payments/notify/{channel}/{tenant}"
