"""Writes of fulfillment, by use case; other houses import them from here."""

from banyan.trade.fulfillment.commands.calling import PushRefused, PushUnreadable, book_due, take_push, track_due
from banyan.trade.fulfillment.commands.errors import (
    AfterDelivery,
    AlreadyPacked,
    BadParcel,
    FulfillmentNotFound,
    NothingLeft,
    NothingToSend,
    NoTrackingNumber,
    ParcelNotFound,
    SeveralParcels,
    SeveralWarehouses,
    TrackingNumberUsed,
    WrongParcelState,
)
from banyan.trade.fulfillment.commands.opening import drop, follow_orders, follow_stock
from banyan.trade.fulfillment.commands.packing import pack, unpack, withhold
from banyan.trade.fulfillment.commands.pickups import (
    NoStore,
    NotAtStore,
    PickupChosen,
    WrongPickupState,
    cancel_pickup,
    choose_pickup,
    drop_pickups,
    expire_pickups,
    forget_tries,
    issue_code,
    prepare_pickups,
    redeem,
)
from banyan.trade.fulfillment.commands.policy import set_policy
from banyan.trade.fulfillment.commands.shipping import ship, ship_orders
from banyan.trade.fulfillment.commands.tracking import (
    ask_again,
    close_received,
    confirm,
    deliver_silent,
    receive_due,
    record_track,
    take_back,
)
from banyan.trade.fulfillment.commands.waves import NothingToPick, release_wave, set_shelves

__all__ = [
    "AfterDelivery", "AlreadyPacked", "BadParcel", "FulfillmentNotFound", "NoStore", "NoSuchCarrier", "NoTrackingNumber",
    "NotAtStore", "NothingLeft", "NothingToPick", "NothingToSend", "ParcelNotFound", "PickupChosen", "PushRefused",
    "PushUnreadable", "SeveralParcels", "SeveralWarehouses", "StillAsked", "TrackingNumberUsed", "WrongParcelState",
    "WrongPickupState", "ask_again", "book_due", "cancel_pickup", "choose_pickup", "close_received", "confirm",
    "deliver_silent", "drop", "drop_pickups", "expire_pickups", "follow_orders", "follow_stock", "forget_tries", "issue_code",
    "pack", "prepare_pickups", "receive_due", "record_track", "redeem", "release_wave", "set_policy", "set_shelves", "ship",
    "ship_orders", "take_back", "take_push", "track_due", "unpack", "withhold",
]  # fmt: skip
