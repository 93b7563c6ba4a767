"""What can be refused in fulfillment."""

from __future__ import annotations

from banyan.kernel.values.errors import Conflict, Invalid, NotFound


class FulfillmentNotFound(NotFound):
    """No such fulfillment."""

    code = "fulfillment_not_found"


class ParcelNotFound(NotFound):
    """No such parcel."""

    code = "parcel_not_found"


class NothingLeft(Conflict):
    """Nothing is left to pack, or less than was named."""

    code = "nothing_left"
    advice = "Read the fulfillment again; its pieces are packed, shipped or given back."


class WrongParcelState(Conflict):
    """The parcel is not where this step begins."""

    code = "parcel_state"
    advice = "Read the parcel's state and decide again."


class StillAsked(Conflict):
    """The parcel was not given up."""

    code = "parcel_still_asked"
    advice = "Its carrier is asked every few hours by itself, or the parcel has arrived or is back: read it again."


class NoSuchCarrier(Conflict):
    """Nobody can be asked: the carrier is not wired in."""

    code = "carrier_not_wired_in"
    advice = "Look at the carrier's own page, then confirm the delivery or take the parcel back."


class NoTrackingNumber(Conflict):
    """A parcel leaves with a carrier and a tracking number, or not at all."""

    code = "no_tracking_number"
    advice = "Name the carrier and the number on its waybill, or ask the carrier for a waybill first."


class TrackingNumberUsed(Conflict):
    """The number is on a parcel to somebody else."""

    code = "tracking_number_used"
    advice = "Look at the waybill again. Parcels of one buyer may share a number, those of several may not."


class SeveralWarehouses(Conflict):
    """The order waits in several warehouses, so it is not clear which of them sends this parcel."""

    code = "several_warehouses"
    advice = "Name the warehouse."


class SeveralParcels(Conflict):
    """Several parcels of the order are packed already."""

    code = "several_parcels"
    advice = "Ship the packed parcels one by one."


class NothingToSend(Conflict):
    """Nothing is allocated to the order there, or its buyer fetches it."""

    code = "nothing_to_send"
    advice = "Read the order: it must be paid, not refunded, and not chosen for pickup."


class WaitsForGoods(Conflict):
    """Pieces of the order are missing, and the shop sends it whole or not at all."""

    code = "waits_for_goods"
    advice = "Wait until the goods come in, or give up the backorder."


class AlreadyPacked(Conflict):
    """The pieces lie in a parcel."""

    code = "already_packed"
    advice = "Unpack the parcel first, or wait until the goods come back."


class BadParcel(Invalid):
    """A weight, carrier or tracking number that no parcel has."""

    code = "bad_parcel"


class AfterDelivery(Conflict):
    """The parcel did not come back."""

    code = "parcel_not_returning"
    advice = "Only a parcel that is under way can come back; what was delivered comes back as a return."
