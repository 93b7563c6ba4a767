"""Reads of the compliance house. `judge` and `caps_at` are what other houses build on."""

from banyan.rules.compliance.queries.amended import (
    find_jurisdiction,
    get_jurisdiction,
    get_update,
    latest_update_id,
    list_jurisdictions,
    list_missing_updates,
    list_updates,
)
from banyan.rules.compliance.queries.law import list_jurisdiction_codes
from banyan.rules.compliance.queries.standings import grade_of, lines_of, list_watched, own_code, standings_of
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
    turns,
)

__all__ = [
    "caps_at",
    "explain_rule_set",
    "find_jurisdiction",
    "get_jurisdiction",
    "get_reading_at",
    "get_update",
    "grade_of",
    "is_simulation",
    "judge",
    "judge_with",
    "latest_update_id",
    "lines_of",
    "list_acknowledgements",
    "list_jurisdiction_codes",
    "list_jurisdictions",
    "list_missing_updates",
    "list_updates",
    "list_watched",
    "organization_standing",
    "own_code",
    "reading_statements",
    "rule_set_at",
    "standings_of",
    "turns",
]
