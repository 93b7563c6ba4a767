"""Writes of payments: opening, capturing, refunding, asking the channels, incidents."""

from banyan.treasury.payments.commands.asking import query_due
from banyan.treasury.payments.commands.capturing import capture
from banyan.treasury.payments.commands.incidents import record_incidents, resolve_incident
from banyan.treasury.payments.commands.notices import NoticeRejected, rejected, take_notice
from banyan.treasury.payments.commands.opening import (
    ChannelDeclined,
    ChannelUnavailable,
    PaymentNotOpen,
    UnknownChannel,
    close_payments,
    open_at_channel,
    open_payments,
)
from banyan.treasury.payments.commands.refunding import (
    NothingCaptured,
    RefundByReturn,
    RefundKeyReused,
    RefundTooLarge,
    complete_refunds,
    refund_extra,
    request_refunds,
)
from banyan.treasury.payments.commands.submitting import submit_due_refunds

__all__ = [
    "ChannelDeclined",
    "ChannelUnavailable",
    "NothingCaptured",
    "NoticeRejected",
    "PaymentNotOpen",
    "RefundByReturn",
    "RefundKeyReused",
    "RefundTooLarge",
    "UnknownChannel",
    "capture",
    "close_payments",
    "complete_refunds",
    "open_at_channel",
    "open_payments",
    "query_due",
    "record_incidents",
    "refund_extra",
    "rejected",
    "request_refunds",
    "resolve_incident",
    "submit_due_refunds",
    "take_notice",
]
