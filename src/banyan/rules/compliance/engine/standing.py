"""People and layers of one up-and-down-line organization, against the lines of the law."""

from __future__ import annotations

from banyan.rules.compliance.types import (
    Clause,
    Finding,
    Limit,
    OrganizationStanding,
    RuleSet,
    StandingGrade,
)

# The figures of China's 2013 opinion; used as a caution where a jurisdiction names none of its own.
CAUTION_LAYERS = 3
CAUTION_PEOPLE = 30


def organization_standing(people: int, layers: int, rules: RuleSet | None = None) -> OrganizationStanding:
    """Warn at 3 layers; escalate when 3 layers AND 30 people meet. The organizer and his layer count in both.

    It grades the depth of the organization, not how many layers are paid: a deep tree with shallow pay still warns.
    It never blocks: in law the line needs the pay basis and a joining payment as well.
    """
    if people < 1 or not 1 <= layers <= people:
        raise ValueError("an organization has at least its organizer, and no more layers than people")
    layer_line, layer_limit = _line(rules.organization_layers if rules else None, CAUTION_LAYERS)
    people_line, people_limit = _line(rules.organization_people if rules else None, CAUTION_PEOPLE)
    if layers < layer_line:
        return OrganizationStanding(StandingGrade.CLEAR, people, layers)
    findings = [
        _finding(rules, layer_limit, f"{layers} layers; the line is {layer_line}.", f"{layers} 层；界线为 {layer_line} 层。")
    ]
    if people < people_line:
        return OrganizationStanding(StandingGrade.WARN, people, layers, tuple(findings))
    findings.append(
        _finding(rules, people_limit, f"{people} people; the line is {people_line}.", f"{people} 人；界线为 {people_line} 人。")
    )
    return OrganizationStanding(StandingGrade.ESCALATE, people, layers, tuple(findings))


def lines_of(rules: RuleSet | None) -> tuple[int, int]:
    """Layers and people at which the law counts; the caution figures where it names none."""
    layers, _ = _line(rules.organization_layers if rules else None, CAUTION_LAYERS)
    people, _ = _line(rules.organization_people if rules else None, CAUTION_PEOPLE)
    return layers, people


def _line(limit: Limit | None, caution: int) -> tuple[int, Limit | None]:
    if limit is None or limit.number is None:
        return caution, None
    return limit.number, limit


def _finding(rules: RuleSet | None, limit: Limit | None, message: str, message_zh: str) -> Finding:
    fact = rules.facts.get(limit.fact_id) if rules and limit and limit.fact_id else None
    if fact is None:
        return Finding(Clause.NETWORK_MARKETING, "own caution, no law named", "-", None, message, message_zh)
    return Finding(Clause.NETWORK_MARKETING, fact.law, fact.article, fact.id, message, message_zh, fact.text, fact.confidence)
