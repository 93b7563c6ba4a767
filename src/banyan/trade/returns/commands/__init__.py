"""The writes of returns. All take batches; all run inside ``tenancy.enter``; every change of a return first locks its order."""

from banyan.trade.returns.commands.acceptance import ShippedMeanwhile, accept
from banyan.trade.returns.commands.decisions import WrongStatus, approve, receive, record_refunds, reject, retry_refunds, withdraw
from banyan.trade.returns.commands.policy import set_policy
from banyan.trade.returns.commands.requests import RequestKeyReused, request_returns
from banyan.trade.returns.commands.standing import ExceedsPaid, ExceedsSold
from banyan.trade.returns.engine.requests import (
    BadInspection,
    DeadlinePassed,
    NothingClaimed,
    NotReturnable,
    OrderIsClosed,
    ReasonMissing,
)

__all__ = [
    "BadInspection",
    "DeadlinePassed",
    "ExceedsPaid",
    "ExceedsSold",
    "NotReturnable",
    "NothingClaimed",
    "OrderIsClosed",
    "ReasonMissing",
    "RequestKeyReused",
    "ShippedMeanwhile",
    "WrongStatus",
    "accept",
    "approve",
    "receive",
    "record_refunds",
    "reject",
    "request_returns",
    "retry_refunds",
    "set_policy",
    "withdraw",
]
