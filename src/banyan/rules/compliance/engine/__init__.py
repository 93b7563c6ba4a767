"""Pure decisions of the compliance house."""

from banyan.rules.compliance.engine.feed import FeedRejected, open_update, write_update
from banyan.rules.compliance.engine.judgement import caps_of, judge, no_rule_set
from banyan.rules.compliance.engine.reading import amend, counsel_rule_set, parse_jurisdiction, select_rule_set
from banyan.rules.compliance.engine.standing import lines_of, organization_standing

__all__ = [
    "FeedRejected",
    "amend",
    "caps_of",
    "counsel_rule_set",
    "judge",
    "lines_of",
    "no_rule_set",
    "open_update",
    "organization_standing",
    "parse_jurisdiction",
    "select_rule_set",
    "write_update",
]
