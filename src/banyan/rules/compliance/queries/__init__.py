"""Reads of the compliance house. `judge` and `caps_at` are what other houses build on."""

from banyan.rules.compliance.queries.law import (
    find_jurisdiction,
    get_jurisdiction,
    list_jurisdiction_codes,
    list_jurisdictions,
)
from banyan.rules.compliance.queries.verdicts import (
    caps_at,
    explain_rule_set,
    get_reading_at,
    is_simulation,
    judge,
    judge_with,
    list_acknowledgements,
    organization_standing,
    reading_statements,
    rule_set_at,
)

__all__ = [
    "caps_at",
    "explain_rule_set",
    "find_jurisdiction",
    "get_jurisdiction",
    "get_reading_at",
    "is_simulation",
    "judge",
    "judge_with",
    "list_acknowledgements",
    "list_jurisdiction_codes",
    "list_jurisdictions",
    "organization_standing",
    "reading_statements",
    "rule_set_at",
]
