"""How a shop stands: one plan under every country's law, and the organizations that come near the line."""

from __future__ import annotations

from datetime import datetime

from banyan.kernel import sql
from banyan.kernel.tenancy import current_tenant_id, get_tenant
from banyan.rules.compliance import engine
from banyan.rules.compliance.queries.amended import list_jurisdictions
from banyan.rules.compliance.queries.verdicts import caps_at, judge, rule_set_at
from banyan.rules.compliance.types import (
    SANDBOX,
    Confidence,
    CountryStanding,
    JurisdictionCode,
    PlanFacts,
    Reading,
    RuleSet,
    StandingGrade,
    WatchedOrganization,
)

_WORST = (Confidence.UNKNOWN, Confidence.MEMORY, Confidence.PARTIAL, Confidence.VERIFIED)


def standings_of(facts: PlanFacts, at: datetime) -> list[CountryStanding]:
    """What every country's law says of a plan at a moment: the shop's own first, as it is read there; elsewhere the letter.

    `confidence` is that of the weakest figure that the verdict rests on. Not legal advice.
    """
    own = get_tenant(current_tenant_id()).jurisdiction.lower()
    standings = []
    for one in list_jurisdictions():
        is_own = one.code == own
        if one.code == SANDBOX and not is_own:
            continue
        rules = rule_set_at(at) if is_own else engine.select_rule_set(one.rule_sets, Reading.LETTER, at)
        if rules is None:
            continue
        verdict = judge(facts, at) if is_own else engine.judge(facts, rules)
        caps = caps_at(at) if is_own else engine.caps_of(rules)
        standings.append(
            CountryStanding(one.code, one.name, one.name_zh, is_own, rules.reading, verdict, caps, _confidence(rules))
        )
    return sorted(standings, key=lambda each: (not each.is_own, each.jurisdiction))


def _confidence(rules: RuleSet) -> Confidence:
    used = [rules.facts[limit.fact_id].confidence for limit in (rules.upline_depth_paid, rules.total_rate_bp) if limit.fact_id]
    return min(used, key=_WORST.index, default=Confidence.UNKNOWN)


def lines_of(rules: RuleSet | None) -> tuple[int, int]:
    """Layers and people at which the law counts, or the caution figures where it names none."""
    return engine.lines_of(rules)


def grade_of(people: int, layers: int, rules: RuleSet | None) -> StandingGrade:
    """The grade of one organization under a rule set."""
    return engine.organization_standing(people, layers, rules).grade


def list_watched(limit: int = 1_000) -> list[WatchedOrganization]:
    """The latest word on each organization that ever came to the line, the gravest first."""
    rows = sql.fetch(
        "SELECT organizer_id, people, layers, grade, seen_at FROM (SELECT DISTINCT ON (organizer_id) * FROM"
        " compliance_organization_warnings WHERE tenant_id = %s ORDER BY organizer_id, seen_at DESC, id DESC) latest"
        " ORDER BY grade = 'escalate' DESC, people DESC, organizer_id LIMIT %s",
        (current_tenant_id(), limit),
    )
    return [WatchedOrganization(row[0], row[1], row[2], StandingGrade(row[3]), row[4]) for row in rows]


def own_code() -> JurisdictionCode:
    """The code of the shop's jurisdiction."""
    return JurisdictionCode(get_tenant(current_tenant_id()).jurisdiction.lower())
