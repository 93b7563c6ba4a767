"""What fulfillment needs from outside: a carrier. Adapters implement it; config/wiring registers it.

Every call may take seconds and may end in three ways: an answer, `CarrierError` (it said no, or nothing was sent) or
`CarrierUnknown` (neither success nor failure). Callers hold no transaction over a call and ask by our own number before they
try again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from banyan.trade.fulfillment.types import (
    CarrierError,
    CarrierRejected,
    CarrierUnknown,
    Label,
    Track,
    Waybill,
    WaybillOrder,
)

__all__ = [
    "Carrier", "CarrierError", "CarrierFactory", "CarrierRejected", "CarrierUnknown", "carrier_for", "is_registered",
    "register_carrier", "registered_carriers",
]  # fmt: skip


class Carrier(Protocol):
    """One tenant's account at a carrier. Must be safe to use from several threads."""

    def book(self, order: WaybillOrder) -> Waybill:
        """Ask for a waybill. The same `own_number` twice is one waybill at the carrier."""

    def find(self, own_number: str) -> Waybill:
        """The waybill of our number; its tracking number is empty when the carrier does not know it."""

    def label(self, tracking_number: str) -> Label:
        """What is stuck on the parcel; may be fetched again."""

    def track(self, tracking_numbers: tuple[str, ...]) -> tuple[Track, ...]:
        """All that the carrier knows about these parcels; at most ten numbers."""

    def parse_push(self, headers: Mapping[str, str], body: bytes) -> tuple[Track, ...]:
        """Verify signature and timestamp (within 5 minutes of clock.now()) and read. Raises CarrierRejected."""

    def push_answer(self) -> tuple[str, bytes]:
        """Content type and body by which the carrier knows that it need not push again."""


CarrierFactory = Callable[[int], Carrier]

_factories: dict[str, CarrierFactory] = {}


def register_carrier(name: str, factory: CarrierFactory) -> None:
    """Make a carrier known under `name`. `factory(tenant_id)` returns that tenant's account and keeps what it made.
    Registering again replaces."""
    _factories[name] = factory


def is_registered(name: str) -> bool:
    """True when a carrier of this name was wired in."""
    return name in _factories


def registered_carriers() -> tuple[str, ...]:
    """Names of all carriers that were wired in."""
    return tuple(sorted(_factories))


def carrier_for(name: str, tenant_id: int) -> Carrier:
    """The tenant's account. Raises KeyError when no such carrier was wired in."""
    return _factories[name](tenant_id)
