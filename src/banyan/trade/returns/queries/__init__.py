"""Reads of returns; all run inside ``tenancy.enter``."""

from banyan.trade.returns.queries.asking import Asker, askers, standings_of
from banyan.trade.returns.queries.returns import (
    asked_amounts,
    find_by_replacements,
    get_photo,
    get_return,
    list_left,
    list_refund_parts,
    list_returned,
    list_returns,
    list_returns_by_ids,
    open_returns,
    read_photo,
)
from banyan.trade.returns.queries.terms import (
    get_policy,
    list_address_rules,
    list_exclusions,
    list_reasons,
    statutory_returns,
)

__all__ = [
    "Asker", "asked_amounts", "askers", "find_by_replacements", "get_photo", "get_policy", "get_return", "list_address_rules",
    "list_exclusions", "list_left", "list_reasons", "list_refund_parts", "list_returned", "list_returns", "list_returns_by_ids",
    "open_returns", "read_photo", "standings_of", "statutory_returns",
]  # fmt: skip
