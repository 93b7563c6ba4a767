"""The tables of commission."""

from .orders import AccrualRow, CommissionRow, ReversalRow
from .periods import ClosingRow, RegionalPartnerRow, ReturnedRow, SalesRow
from .plans import (
    VERSION_UNAPPROVED,
    VERSION_UNJUDGED,
    VERSION_UNPROVEN,
    ApprovalRow,
    PlanRow,
    PlanVersionRow,
    ProofRow,
    SuspensionNoticeRow,
    SuspensionRow,
)

__all__ = [
    "VERSION_UNAPPROVED",
    "VERSION_UNJUDGED",
    "VERSION_UNPROVEN",
    "AccrualRow",
    "ApprovalRow",
    "ClosingRow",
    "CommissionRow",
    "PlanRow",
    "PlanVersionRow",
    "ProofRow",
    "RegionalPartnerRow",
    "ReturnedRow",
    "ReversalRow",
    "SalesRow",
    "SuspensionNoticeRow",
    "SuspensionRow",
]  # fmt: skip
