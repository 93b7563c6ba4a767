"""Watching how large the up-and-down-line organizations are, against the people-and-layers line of the law."""

from __future__ import annotations

from datetime import datetime

from banyan.kernel import events, ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.people.network import queries as network
from banyan.rules.compliance import queries
from banyan.rules.compliance.events import OrganizationNearLine
from banyan.rules.compliance.models import OrganizationWarningRow
from banyan.rules.compliance.types import StandingGrade

WATCHED_MAX = 1_000


def watch_organizations(at: datetime) -> int:
    """Count every organization that begins with a root and keep those at the line; returns how many grades are new or changed.

    A warning is a fact of its day: it blocks nothing, and a new one is written only when the grade is another one than before.
    """
    rules = queries.rule_set_at(at)
    layer_line, _ = queries.lines_of(rules)
    found = network.list_organizations(layer_line, WATCHED_MAX)
    before = {one.organizer_id: one.grade for one in queries.list_watched()}
    new: list[tuple[int, int, int, str]] = []
    for organizer_id, people, layers in found:
        grade = queries.grade_of(people, layers, rules)
        if grade is not StandingGrade.CLEAR and before.get(organizer_id) is not grade:
            new.append((organizer_id, people, layers, grade.value))
    seen = {int(one[0]) for one in found}
    if len(found) < WATCHED_MAX:  # else who is missing may only be beyond the longest list
        new += [
            (known, 1, 1, StandingGrade.CLEAR.value)
            for known, grade in before.items()
            if grade is not StandingGrade.CLEAR and known not in seen
        ]
    numbers = ids.next_ids(len(new))
    sql.insert(
        OrganizationWarningRow,
        ("id", "tenant_id", "organizer_id", "people", "layers", "grade", "seen_at"),
        [(number, current_tenant_id(), *one, at) for number, one in zip(numbers, new, strict=True)],
    )
    events.record([OrganizationNearLine(*one, at) for one in new if one[3] != StandingGrade.CLEAR])
    return len(new)
