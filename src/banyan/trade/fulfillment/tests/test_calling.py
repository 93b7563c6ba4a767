"""Carriers that are asked outside of any transaction: what a refused label and an adapter's defect do, and do not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from banyan.kernel import clock
from banyan.trade.fulfillment import commands, ports, queries
from banyan.trade.fulfillment.tests.making import stock
from banyan.trade.fulfillment.types import (
    Booking,
    CarrierError,
    Label,
    NewParcel,
    ParcelShipment,
    ParcelState,
    Track,
    TrackCode,
    TrackEvent,
    Waybill,
    WaybillOrder,
)


class Posthorn:
    """A carrier in memory: its label counter may be closed, and it may not know how to answer."""

    def __init__(self) -> None:
        self.booked: dict[str, str] = {}
        self.prints, self.is_broken = False, False

    def book(self, order: WaybillOrder) -> Waybill:
        assert order.own_number not in self.booked
        self.booked[order.own_number] = f"PH{len(self.booked)}"
        return self.find(order.own_number)

    def find(self, own_number: str) -> Waybill:
        return Waybill(own_number, self.booked.get(own_number, ""))

    def label(self, tracking_number: str) -> Label:
        if not self.prints:
            raise CarrierError("no right to print", permanent=True, code="A1004")
        return Label("text/plain", tracking_number.encode())

    def track(self, tracking_numbers: tuple[str, ...]) -> tuple[Track, ...]:
        if self.is_broken:
            raise ZeroDivisionError
        told = TrackEvent("1", TrackCode.DELIVERED, clock.now())
        return tuple(Track(number, (told,)) for number in tracking_numbers)


@pytest.fixture
def posts() -> Iterator[tuple[Posthorn, Posthorn]]:
    made = Posthorn(), Posthorn()
    for name, one in zip(("posthorn", "pigeon"), made, strict=True):
        ports.register_carrier(name, lambda tenant_id, one=one: one)  # type: ignore[misc]
    yield made
    for name in ("posthorn", "pigeon"):
        ports._factories.pop(name)


def test_a_refused_label_does_not_lose_the_waybill(tenant: Any, make_buyers: Any, posts: Any, driven_clock: Any) -> None:
    shop = stock(tenant, make_buyers)
    shop.paid([(0, 1)])
    (one,) = shop.wave()
    with tenant.enter():
        (parcel,) = commands.pack([NewParcel(one.fulfillment_id, carrier="posthorn")])
    assert commands.book_due(tenant.id) == 1
    with tenant.enter():
        shown = queries.get_parcel(parcel)
        assert (shown.tracking_number, shown.booking, shown.failure) == ("PH0", Booking.UNKNOWN, "A1004 no right to print")
    posts[0].prints = True
    clock.advance(timedelta(minutes=5))
    assert commands.book_due(tenant.id) == 1
    with tenant.enter():
        shown = queries.get_parcel(parcel)
        assert (shown.tracking_number, shown.booking, shown.failure) == ("PH0", Booking.BOOKED, "")
        assert queries.get_label(parcel) == Label("text/plain", b"PH0")
        assert commands.ship([ParcelShipment(parcel)]) == [parcel]
    assert len(posts[0].booked) == 1
    assert tenant.verify() == []


def test_an_adapters_defect_is_told_and_stops_nobody_else(tenant: Any, make_buyers: Any, posts: Any, driven_clock: Any) -> None:
    shop = stock(tenant, make_buyers)
    placed = shop.paid([(0, 1)], [(0, 1)])
    parcels = [shop.sent(one, carrier=name)[0] for one, name in zip(placed, ("posthorn", "pigeon"), strict=True)]
    posts[0].is_broken = True
    clock.advance(timedelta(hours=7))
    with pytest.raises(ZeroDivisionError):
        commands.track_due(tenant.id)
    with tenant.enter():
        states = [queries.get_parcel(parcel).state for parcel in parcels]
    assert states == [ParcelState.SHIPPED, ParcelState.DELIVERED]
    assert tenant.verify() == []
