"""Carriers that are asked outside of any transaction: what a refused label and an adapter's defect do, and do not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from banyan.kernel import clock, sql
from banyan.trade.fulfillment import commands, ports, queries
from banyan.trade.fulfillment.tests.making import stock
from banyan.trade.fulfillment.types import (
    Booking,
    CarrierError,
    CarrierUnknown,
    Delivered,
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
        self.prints, self.is_broken, self.is_away = False, False, False
        self.knows_nothing_of, self.refuses, self.refuses_all = "", "", False
        self.told: TrackEvent | None = None
        """The event that it tells of every number; None: that it was delivered at this moment."""

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
        if self.is_away:
            raise CarrierUnknown
        if self.refuses_all or self.refuses in tracking_numbers:
            raise CarrierError("no such number", permanent=True)
        told = self.told or TrackEvent("1", TrackCode.DELIVERED, clock.now())
        return tuple(Track(n, () if n == self.knows_nothing_of else (told,)) for n in tracking_numbers)


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


def test_a_number_that_is_never_known_is_given_up(tenant: Any, make_buyers: Any, posts: Any, driven_clock: Any) -> None:
    """Not while the carrier cannot be reached, and not before the time: then it is asked no more, and somebody is told."""
    shop = stock(tenant, make_buyers)
    (placed,) = shop.paid([(0, 1)])
    (parcel,) = shop.sent(placed, carrier="posthorn")
    with tenant.enter():
        posts[0].knows_nothing_of = queries.get_parcel(parcel).tracking_number
    clock.advance(timedelta(days=13))
    assert commands.track_due(tenant.id) == 1
    posts[0].is_away = True
    clock.advance(timedelta(days=2))
    assert commands.track_due(tenant.id) == 1
    with tenant.enter():
        assert (queries.get_parcel(parcel).state, queries.count_troubled()) == (ParcelState.SHIPPED, 0)
    posts[0].is_away = False
    clock.advance(timedelta(hours=7))
    assert commands.track_due(tenant.id) == 1
    with tenant.enter():
        shown = queries.get_parcel(parcel)
        assert (shown.state, shown.failure, queries.count_troubled()) == (ParcelState.TROUBLED, "number_unknown", 1)
    clock.advance(timedelta(days=30))
    assert commands.track_due(tenant.id) == 0
    assert tenant.verify() == []
    with tenant.enter():  # it tells after all
        told = TrackEvent("1", TrackCode.IN_TRANSIT, clock.now())
        commands.record_track("posthorn", [Track(shown.tracking_number, (told,))])
        found = queries.get_parcel(parcel)
        assert (found.state, found.failure, queries.count_troubled()) == (ParcelState.IN_TRANSIT, "", 0)
    assert tenant.verify() == []


def test_a_carrier_that_falls_silent_is_asked_no_more(tenant: Any, make_buyers: Any, posts: Any, driven_clock: Any) -> None:
    """Not while it cannot be reached, nor before the tenant's days are over; the parcel stays where its events say."""
    shop = stock(tenant, make_buyers)
    (placed,) = shop.paid([(0, 1)])
    (parcel,) = shop.sent(placed, carrier="posthorn")
    posts[0].told = TrackEvent("1", TrackCode.IN_TRANSIT, clock.now())
    with tenant.enter():
        commands.set_policy(replace(queries.get_policy(), silent_days=20))
    clock.advance(timedelta(days=15))
    assert commands.track_due(tenant.id) == 1  # first heard of on this day
    clock.advance(timedelta(days=19))
    assert commands.track_due(tenant.id) == 1
    posts[0].is_away = True
    clock.advance(timedelta(days=2))
    assert commands.track_due(tenant.id) == 1
    with tenant.enter():
        assert (_standing(parcel), queries.count_given_up()) == ((ParcelState.IN_TRANSIT, ""), 0)
        assert commands.ask_again([parcel])[0].code == "parcel_still_asked"  # type: ignore[union-attr]
    posts[0].is_away = False
    clock.advance(timedelta(hours=7))
    assert commands.track_due(tenant.id) == 1
    with tenant.enter():
        assert _standing(parcel) == (ParcelState.IN_TRANSIT, "carrier_silent")
        assert (queries.count_given_up(), queries.count_troubled()) == (1, 1)
        assert [one.parcel_id for one in queries.list_parcels(is_given_up=True)] == [parcel]
    clock.advance(timedelta(days=60))
    assert commands.track_due(tenant.id) == 0
    assert tenant.verify() == []
    with tenant.enter():  # it tells after all
        told = TrackEvent("2", TrackCode.IN_TRANSIT, clock.now())
        commands.record_track("posthorn", [Track(queries.get_parcel(parcel).tracking_number, (told,))])
        assert (_standing(parcel), queries.count_troubled()) == ((ParcelState.IN_TRANSIT, ""), 0)
    clock.advance(timedelta(days=19))
    assert commands.track_due(tenant.id) == 1
    with tenant.enter():
        assert _standing(parcel) == (ParcelState.IN_TRANSIT, "")
    assert tenant.verify() == []


def _standing(parcel: Any) -> tuple[ParcelState, str]:
    shown = queries.get_parcel(parcel)
    return shown.state, shown.failure


@pytest.mark.parametrize("told", [True, False], ids=["silent", "unknown"])
def test_what_was_given_up_is_asked_again(told: bool, tenant: Any, make_buyers: Any, posts: Any, driven_clock: Any) -> None:
    """At once, and then for as long as in the beginning, not given up at the next silence."""
    shop = stock(tenant, make_buyers)
    (placed,) = shop.paid([(0, 1)])
    (parcel,) = shop.sent(placed, carrier="posthorn")
    given_up = (ParcelState.IN_TRANSIT, "carrier_silent") if told else (ParcelState.TROUBLED, "number_unknown")
    asked = (ParcelState.IN_TRANSIT, "") if told else (ParcelState.SHIPPED, "")
    days = 30 if told else 14
    with tenant.enter():
        number = queries.get_parcel(parcel).tracking_number
    posts[0].told = TrackEvent("1", TrackCode.IN_TRANSIT, clock.now())
    posts[0].knows_nothing_of = "" if told else number
    clock.advance(timedelta(days=1))
    assert commands.track_due(tenant.id) == 1
    clock.advance(timedelta(days=30))
    assert (commands.track_due(tenant.id), commands.track_due(tenant.id)) == (1, 0)
    with tenant.enter():
        assert _standing(parcel) == given_up
        kept = ports._factories.pop("posthorn")
        assert commands.ask_again([parcel])[0].code == "carrier_not_wired_in"  # type: ignore[union-attr]
        ports._factories["posthorn"] = kept
        assert commands.ask_again([parcel]) == [parcel]
        assert commands.ask_again([parcel])[0].code == "parcel_still_asked"  # type: ignore[union-attr]
        assert (_standing(parcel), queries.count_troubled()) == (asked, 0)
    assert commands.track_due(tenant.id) == 1
    clock.advance(timedelta(days=days - 1))
    assert commands.track_due(tenant.id) == 1
    with tenant.enter():
        assert _standing(parcel) == asked
    clock.advance(timedelta(days=1))
    assert commands.track_due(tenant.id) == 1
    with tenant.enter():
        assert _standing(parcel) == given_up
        commands.ask_again([parcel])
    posts[0].told, posts[0].knows_nothing_of = TrackEvent("2", TrackCode.DELIVERED, clock.now()), ""
    assert commands.track_due(tenant.id) == 1
    with tenant.enter():
        assert _standing(parcel) == (ParcelState.DELIVERED, "")
    assert tenant.verify() == []


def test_a_refused_number_does_not_speak_for_the_others(tenant: Any, make_buyers: Any, posts: Any, driven_clock: Any) -> None:
    shop = stock(tenant, make_buyers)
    good, bad = (shop.sent(one, carrier="posthorn")[0] for one in shop.paid([(0, 1)], [(0, 1)]))
    with tenant.enter():
        posts[0].refuses = queries.get_parcel(bad).tracking_number
    clock.advance(timedelta(days=15))
    posts[0].refuses_all = True  # the account is closed, say: that says nothing of the numbers
    assert commands.track_due(tenant.id) == 2
    with tenant.enter():
        assert {queries.get_parcel(one).state for one in (good, bad)} == {ParcelState.SHIPPED}
    posts[0].refuses_all = False
    clock.advance(timedelta(hours=7))
    assert commands.track_due(tenant.id) == 2
    with tenant.enter():
        assert queries.get_parcel(good).state is ParcelState.DELIVERED
        assert queries.get_parcel(bad).state is ParcelState.TROUBLED
        commands.confirm([bad], Delivered.STAFF)
        assert (queries.get_parcel(bad).failure, queries.count_troubled()) == ("", 0)
    assert tenant.verify() == []


def test_the_menus_count_reads_nothing_but_parcels_that_need_somebody(tenant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plans: list[str] = []

    def fetch(query: str, params: Any = ()) -> Any:
        plans.extend(row[0] for row in read(f"EXPLAIN {query}", params))
        return read(query, params)

    read = sql.fetch
    with tenant.enter():
        sql.execute("SET LOCAL enable_seqscan = off")
        monkeypatch.setattr(sql, "fetch", fetch)
        assert (queries.count_troubled(), queries.count_given_up()) == (0, 0)
    scans = [line for line in plans if "Scan" in line]
    assert len(scans) == 3 and all("parcels_troubled" in line or "parcels_given_up" in line for line in scans), plans
