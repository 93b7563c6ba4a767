"""Reads of the commission house. They return this house's types, never rows."""

from banyan.earnings.commission.engine.window import TruedUp, Window, WindowSums
from banyan.earnings.commission.engine.window_true_up import WindowOrder, true_up_window
from banyan.earnings.commission.queries.absence import Answer, answer_for
from banyan.earnings.commission.queries.closing_accounts import get_closing_account
from banyan.earnings.commission.queries.closings import ClosingNotFound, list_closings
from banyan.earnings.commission.queries.commissions import (
    commissions_of_reversals,
    get_commission,
    list_commissions,
    list_for_orders,
    list_released,
    list_reversals,
    list_reversed_after_release,
    totals,
)
from banyan.earnings.commission.queries.differences import describe_differences, list_changes
from banyan.earnings.commission.queries.documents import inward, outward
from banyan.earnings.commission.queries.explanation import decide_again, explain
from banyan.earnings.commission.queries.facts import complete
from banyan.earnings.commission.queries.frozen import (
    FrozenOrder,
    Slice,
    compile_document,
    deciding_versions,
    slices,
    stream_frozen,
)
from banyan.earnings.commission.queries.inputs import read_paid_orders, thaw_inputs
from banyan.earnings.commission.queries.moments import Moment, moment_of
from banyan.earnings.commission.queries.partners import list_partners
from banyan.earnings.commission.queries.plan_words import plan_words
from banyan.earnings.commission.queries.plans import (
    check_document,
    compiled_versions,
    get_version,
    list_versions,
    standings_per_country,
    version_at,
    versions_from,
)
from banyan.earnings.commission.queries.preview import compiled, preview_order, preview_period
from banyan.earnings.commission.queries.proofs import SHOWN_CASES, ShopProof, describe_case, prove_document
from banyan.earnings.commission.queries.suspensions import list_suspensions
from banyan.earnings.commission.queries.windows import (
    close_window,
    closed_live,
    count_earlier,
    open_periods,
    open_window,
    trued_places,
    window_of,
    window_orders,
)

__all__ = [
    "SHOWN_CASES",
    "Answer",
    "ClosingNotFound",
    "FrozenOrder",
    "Moment",
    "ShopProof",
    "Slice",
    "TruedUp",
    "Window",
    "WindowOrder",
    "WindowSums",
    "answer_for",
    "check_document",
    "close_window",
    "closed_live",
    "commissions_of_reversals",
    "compile_document",
    "compiled",
    "compiled_versions",
    "complete",
    "count_earlier",
    "decide_again",
    "deciding_versions",
    "describe_case",
    "describe_differences",
    "explain",
    "get_closing_account",
    "get_commission",
    "get_version",
    "inward",
    "list_changes",
    "list_closings",
    "list_commissions",
    "list_for_orders",
    "list_partners",
    "list_released",
    "list_reversals",
    "list_reversed_after_release",
    "list_suspensions",
    "list_versions",
    "moment_of",
    "open_periods",
    "open_window",
    "outward",
    "plan_words",
    "preview_order",
    "preview_period",
    "prove_document",
    "read_paid_orders",
    "slices",
    "standings_per_country",
    "stream_frozen",
    "thaw_inputs",
    "totals",
    "true_up_window",
    "trued_places",
    "version_at",
    "versions_from",
    "window_of",
    "window_orders",
]
