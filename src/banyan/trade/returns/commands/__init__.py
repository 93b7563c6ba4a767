"""The writes of returns. All take batches; all run inside ``tenancy.enter``; every change of a return first locks its order."""

from banyan.trade.returns.commands.acceptance import ShippedMeanwhile, accept
from banyan.trade.returns.commands.decisions import BadGrant, approve, expire_due, reject, withdraw
from banyan.trade.returns.commands.exchanging import ReplacementMissing, refund_instead, undo_unpaid
from banyan.trade.returns.commands.finding import WrongStatus
from banyan.trade.returns.commands.photos import PhotoTooLate, TooManyPhotos, keep_photo
from banyan.trade.returns.commands.policy import lock_terms, set_address_rules, set_exclusions, set_policy, set_reasons
from banyan.trade.returns.commands.receiving import BadParcel, hand_back, receive, send_back
from banyan.trade.returns.commands.refunding import record_refunds, retry_refunds
from banyan.trade.returns.commands.requests import RequestKeyReused, request_returns
from banyan.trade.returns.commands.standing import AskedAlready, ExceedsPaid, ExceedsSold
from banyan.trade.returns.commands.undelivered import (
    GivenUp,
    Undelivered,
    Unfetched,
    ask_for_undelivered,
    give_back_missing,
    give_back_unfetched,
)
from banyan.trade.returns.engine.photos import BadPhoto
from banyan.trade.returns.engine.requests import (
    BadDeduction,
    BadInspection,
    DeadlinePassed,
    ExcludedByLaw,
    NotExchangeable,
    NothingClaimed,
    NotReturnable,
    OrderIsClosed,
    PhotosNeeded,
    ReasonMissing,
    UnknownReason,
)

__all__ = [
    "AskedAlready",
    "BadDeduction",
    "BadGrant",
    "BadInspection",
    "BadParcel",
    "BadPhoto",
    "DeadlinePassed",
    "ExceedsPaid",
    "ExceedsSold",
    "ExcludedByLaw",
    "GivenUp",
    "NotExchangeable",
    "NotReturnable",
    "NothingClaimed",
    "OrderIsClosed",
    "PhotoTooLate",
    "PhotosNeeded",
    "ReasonMissing",
    "ReplacementMissing",
    "RequestKeyReused",
    "ShippedMeanwhile",
    "TooManyPhotos",
    "Undelivered",
    "Unfetched",
    "UnknownReason",
    "WrongStatus",
    "accept",
    "approve",
    "ask_for_undelivered",
    "expire_due",
    "give_back_missing",
    "give_back_unfetched",
    "hand_back",
    "keep_photo",
    "lock_terms",
    "receive",
    "record_refunds",
    "refund_instead",
    "reject",
    "request_returns",
    "retry_refunds",
    "send_back",
    "set_address_rules",
    "set_exclusions",
    "set_policy",
    "set_reasons",
    "undo_unpaid",
    "withdraw",
]  # fmt: skip
