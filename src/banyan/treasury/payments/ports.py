"""What payments needs from outside: a payment channel. Adapters implement it; config/wiring registers it.

Every call may take seconds and may end in three ways: an answer, `ChannelError` (the channel said no, or we could not
reach it before anything was sent) or `ChannelUnknown` (a time-out, a broken connection, an unclear answer: neither
success nor failure). Callers never hold a database transaction over a call and always ask again under the same number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from banyan.treasury.payments.types import (
    CaptureNotice,
    ChannelError,
    ChannelPayment,
    ChannelRefund,
    ChannelRejected,
    ChannelUnknown,
    ClientParameters,
    PaymentOrder,
    RefundNotice,
    RefundOrder,
)

__all__ = [
    "ChannelError",
    "ChannelFactory",
    "ChannelRejected",
    "ChannelUnknown",
    "PaymentChannel",
    "channel_for",
    "is_registered",
    "register_channel",
    "registered_channels",
]


class PaymentChannel(Protocol):
    """One tenant's way of being paid. Must be safe to use from several threads."""

    def open(self, order: PaymentOrder) -> ClientParameters:
        """Open the payment at the channel (or open it again: same number, same answer) and sign for the client."""

    def query(self, out_trade_no: str) -> ChannelPayment:
        """The channel's view of one payment; state `not_found` when it does not know the number."""

    def close(self, out_trade_no: str) -> None:
        """Close an unpaid payment so that nobody can pay it any more. Closing twice, or an unknown number, is fine.
        Raises ChannelError(permanent) with code `already_captured` when it was paid."""

    def refund(self, order: RefundOrder) -> ChannelRefund:
        """Ask for a refund. The same `out_refund_no` twice is one refund at the channel."""

    def query_refund(self, out_refund_no: str) -> ChannelRefund:
        """The channel's view of one refund; state `not_found` when it does not know the number."""

    def parse_notice(self, headers: Mapping[str, str], body: bytes) -> CaptureNotice | RefundNotice:
        """Verify signature, timestamp (within 5 minutes of clock.now()), app id and merchant id, decrypt and read.
        Raises ChannelRejected. Header names are compared without regard to case."""


ChannelFactory = Callable[[int], PaymentChannel]

_factories: dict[str, ChannelFactory] = {}


def register_channel(name: str, factory: ChannelFactory) -> None:
    """Make a channel known under `name`. `factory(tenant_id)` returns that tenant's channel with its credentials; it is
    called often and outside transactions as well as inside, so it keeps what it made. Registering again replaces."""
    _factories[name] = factory


def is_registered(name: str) -> bool:
    """True when a channel of this name was wired in."""
    return name in _factories


def registered_channels() -> tuple[str, ...]:
    """Names of all channels that were wired in."""
    return tuple(sorted(_factories))


def channel_for(name: str, tenant_id: int) -> PaymentChannel:
    """The tenant's channel. Raises KeyError when no such channel was wired in (commands refuse before that)."""
    return _factories[name](tenant_id)
