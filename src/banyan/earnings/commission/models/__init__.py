"""The tables of commission."""

from .orders import AccrualRow, CommissionRow, ReversalRow
from .periods import ClosingRow, RegionalPartnerRow, ReturnedRow, SalesRow
from .plans import (
    VERSION_UNAPPROVED,
    VERSION_UNJUDGED,
    ApprovalRow,
    PlanRow,
    PlanVersionRow,
    SuspensionNoticeRow,
    SuspensionRow,
)

__all__ = [
    "VERSION_UNAPPROVED", "VERSION_UNJUDGED", "AccrualRow", "ApprovalRow", "ClosingRow", "CommissionRow", "PlanRow",
    "PlanVersionRow", "RegionalPartnerRow", "ReturnedRow", "ReversalRow", "SalesRow", "SuspensionNoticeRow", "SuspensionRow",
]  # fmt: skip
