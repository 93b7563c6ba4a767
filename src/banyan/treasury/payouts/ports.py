"""What payouts needs from outside: a payout channel. Adapters implement it; config/wiring registers it.

The three endings of a call are those of `banyan.treasury.payments.ports`: an answer, ChannelError, ChannelUnknown. The
errors are payments' words and are offered here again, because one adapter often serves both directions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from banyan.treasury.payments.types import ChannelError, ChannelRejected, ChannelUnknown
from banyan.treasury.payouts.types import ChannelPayout, PayoutNotice, PayoutOrder

__all__ = [
    "ChannelError",
    "ChannelRejected",
    "ChannelUnknown",
    "PayoutChannel",
    "PayoutChannelFactory",
    "channel_for",
    "is_registered",
    "register_channel",
    "registered_channels",
]


class PayoutChannel(Protocol):
    """One tenant's way of paying people. Must be safe to use from several threads."""

    def submit(self, order: PayoutOrder) -> ChannelPayout:
        """Ask for a transfer. The same `out_bill_no` twice is one transfer at the channel and gives its present state.
        Raises ChannelError(permanent=True) when the channel refused for good and nothing was or will be paid."""

    def query(self, out_bill_no: str) -> ChannelPayout:
        """The channel's view of one payout; state `not_found` when it does not know the number."""

    def cancel(self, out_bill_no: str) -> ChannelPayout:
        """Ask to take back a transfer that the receiver has not confirmed; answers the state after the asking, which may
        still be `processing` (the channel is cancelling) or `completed` (too late)."""

    def parse_notice(self, headers: Mapping[str, str], body: bytes) -> PayoutNotice:
        """Verify signature, timestamp (within 5 minutes of clock.now()) and merchant id, decrypt and read.
        Raises ChannelRejected. Header names are compared without regard to case."""


PayoutChannelFactory = Callable[[int], PayoutChannel]

_factories: dict[str, PayoutChannelFactory] = {}


def register_channel(name: str, factory: PayoutChannelFactory) -> None:
    """Make a channel known under `name`. `factory(tenant_id)` returns that tenant's channel with its credentials; it is
    called often, so it keeps what it made. Registering again replaces."""
    _factories[name] = factory


def is_registered(name: str) -> bool:
    """True when a channel of this name was wired in."""
    return name in _factories


def registered_channels() -> tuple[str, ...]:
    """Names of all channels that were wired in."""
    return tuple(sorted(_factories))


def channel_for(name: str, tenant_id: int) -> PayoutChannel:
    """The tenant's channel. Raises KeyError when no such channel was wired in (commands refuse before that)."""
    return _factories[name](tenant_id)
