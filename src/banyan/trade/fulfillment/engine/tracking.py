"""What a parcel's events say together: a function of the set of events, whatever the order and number of their arrivals."""

from __future__ import annotations

from collections.abc import Iterable

from banyan.trade.fulfillment.types import ParcelState, Standing, TrackCode, TrackEvent

MEANS: dict[TrackCode, ParcelState] = {
    TrackCode.ACCEPTED: ParcelState.IN_TRANSIT,
    TrackCode.IN_TRANSIT: ParcelState.IN_TRANSIT,
    TrackCode.OUT_FOR_DELIVERY: ParcelState.OUT_FOR_DELIVERY,
    TrackCode.TROUBLED: ParcelState.TROUBLED,
    TrackCode.RETURNING: ParcelState.RETURNING,
}
_RANK = {code: rank for rank, code in enumerate(TrackCode)}


def standing(events: Iterable[TrackEvent]) -> Standing:
    """Delivered beats everything and returned everything else, whenever they are told; otherwise the newest event counts.

    Two events of one moment count in the order of a parcel's life, so that the answer never depends on who came first.
    """
    known = {event.key: event for event in events if event.code is not TrackCode.NOTE}.values()
    arrived = [event.occurred_at for event in known if event.code is TrackCode.DELIVERED]
    if arrived:
        return Standing(ParcelState.DELIVERED, min(arrived))
    if any(event.code is TrackCode.RETURNED for event in known):
        return Standing(ParcelState.RETURNED)
    if not known:
        return Standing(ParcelState.SHIPPED)
    newest = max(known, key=lambda event: (event.occurred_at, _RANK[event.code], event.key))
    return Standing(MEANS[newest.code])
