"""The tables of returns; no rules."""

from banyan.trade.returns.models.money import (
    LINE_WITHIN_PAID,
    LINE_WITHIN_SOLD,
    REFUNDED_WITHIN_PAID,
    CreditRow,
    ReturnableLineRow,
    ReturnableOrderRow,
)
from banyan.trade.returns.models.requests import DrawRow, PhotoRow, PieceRow, RefundPartRow, ReturnLineRow, ReturnRow
from banyan.trade.returns.models.terms import AddressRuleRow, ExclusionRow, ReasonRow, ReturnPolicyRow

__all__ = [
    "LINE_WITHIN_PAID",
    "LINE_WITHIN_SOLD",
    "REFUNDED_WITHIN_PAID",
    "AddressRuleRow",
    "CreditRow",
    "DrawRow",
    "ExclusionRow",
    "PhotoRow",
    "PieceRow",
    "ReasonRow",
    "RefundPartRow",
    "ReturnLineRow",
    "ReturnPolicyRow",
    "ReturnRow",
    "ReturnableLineRow",
    "ReturnableOrderRow",
]
