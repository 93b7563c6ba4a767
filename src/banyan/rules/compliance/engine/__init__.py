"""Pure decisions of the compliance house."""

from banyan.rules.compliance.engine.judgement import caps_of, judge, no_rule_set
from banyan.rules.compliance.engine.reading import counsel_rule_set, parse_jurisdiction, select_rule_set
from banyan.rules.compliance.engine.standing import organization_standing

__all__ = [
    "caps_of",
    "counsel_rule_set",
    "judge",
    "no_rule_set",
    "organization_standing",
    "parse_jurisdiction",
    "select_rule_set",
]
