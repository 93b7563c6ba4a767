"""From the parsed text of a jurisdiction file to rule sets, and which of them counts on a day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any

from banyan.rules.compliance.types import (
    Amendment,
    Confidence,
    CounselNumbers,
    FactId,
    Jurisdiction,
    JurisdictionCode,
    LawFact,
    Limit,
    Practice,
    Reading,
    Rule,
    RuleSet,
    RuleSetId,
)

_EVER = datetime.min.replace(tzinfo=UTC)


def parse_jurisdiction(page: dict[str, Any]) -> Jurisdiction:
    """Build a jurisdiction from a parsed file. Raises ValueError when a rule set names a fact that is not there."""
    code = JurisdictionCode(page["jurisdiction"])
    facts = tuple(_fact(row) for row in page["facts"])
    by_id = {fact.id: fact for fact in facts}
    if len(by_id) != len(facts):
        raise ValueError(f"{code}: two facts share one id")
    return Jurisdiction(
        code=code,
        name=page["name"],
        name_zh=page["name_zh"],
        compiled=date.fromisoformat(page["compiled"]),
        disclaimer=page["disclaimer"],
        rule_sets=tuple(_rule_set(code, row, by_id) for row in page["rule_sets"]),
        facts=facts,
        regimes=dict(page.get("regimes") or {}),
        warning=page.get("warning", ""),
    )


def amend(jurisdiction: Jurisdiction, amendment: Amendment) -> Jurisdiction:
    """The jurisdiction with an update's facts and rule sets added; a rule set that begins later wins from its beginning on.

    Raises ValueError (also KeyError, TypeError from what is no rule set) when it names unknown facts or takes an id again.
    """
    facts = tuple(_fact(row) for row in amendment.facts)
    by_id = {fact.id: fact for fact in (*jurisdiction.facts, *facts)}
    if len(by_id) != len(jurisdiction.facts) + len(facts):
        raise ValueError(f"{jurisdiction.code}: an update takes a fact's id again")
    added = tuple(_rule_set(jurisdiction.code, row, by_id) for row in amendment.rule_sets)
    ids = [one.id for one in (*jurisdiction.rule_sets, *added)]
    if len(set(ids)) != len(ids):
        raise ValueError(f"{jurisdiction.code}: an update takes a rule set's id again")
    return replace(jurisdiction, facts=(*jurisdiction.facts, *facts), rule_sets=(*jurisdiction.rule_sets, *added))


def select_rule_set(rule_sets: Iterable[RuleSet], reading: Reading, at: datetime) -> RuleSet | None:
    """The set of that reading in force at that moment; the latest start wins where two overlap, the latest told among equals."""
    found = [
        one
        for one in rule_sets
        if one.reading is reading and (one.begins_at is None or one.begins_at <= at) and (one.ends_at is None or at < one.ends_at)
    ]
    return max(reversed(found), key=lambda one: one.begins_at or _EVER, default=None)


def counsel_rule_set(letter: RuleSet, numbers: CounselNumbers) -> RuleSet:
    """The letter with counsel's numbers where, and only where, the law gives none.

    Where network marketing as such is banned the depth stays closed: a number cannot lift a ban.
    """
    banned = letter.network_marketing.rule is Rule.BANNED
    depth = letter.upline_depth_paid
    if depth.number is None and not banned:
        depth = Limit(numbers.upline_depth_paid, depth.fact_id)
    rate = letter.total_rate_bp
    if rate.number is None:
        rate = Limit(numbers.total_rate_bp, rate.fact_id)
    return replace(
        letter,
        id=RuleSetId(f"{letter.id}+counsel.{_shown(depth.number)}.{_shown(rate.number)}"),
        reading=Reading.COUNSEL,
        is_law=False,
        title=f"{letter.title}, open numbers by the tenant's counsel",
        title_zh=f"{letter.title_zh}，未定数值依租户律师意见",
        upline_depth_paid=depth,
        total_rate_bp=rate,
    )


def _shown(number: int | None) -> str:
    return "open" if number is None else str(number)


def _fact(row: dict[str, Any]) -> LawFact:
    return LawFact(
        id=FactId(row["id"]),
        key=row["key"],
        value=row["value"],
        law=row["law"],
        article=row["article"],
        in_force=row["in_force"],
        source=row["source"],
        confidence=Confidence(row["confidence"]),
        text=row["text"] or "",
        regime=row.get("regime"),
        note=row.get("note"),
        unverified_part=bool(row.get("unverified_part", False)),
    )


def _rule_set(code: JurisdictionCode, row: dict[str, Any], facts: dict[FactId, LawFact]) -> RuleSet:
    statement = row.get("statement") or {}
    return RuleSet(
        id=RuleSetId(row["id"]),
        jurisdiction=code,
        reading=Reading(row["reading"]),
        is_law=row["is_law"],
        title=row["title"],
        title_zh=row["title_zh"],
        effective_from=_day(row["effective_from"]),
        effective_to=_day(row["effective_to"]),
        begins_at=_moment(row["effective_from"]),
        ends_at=_moment(row["effective_to"]),
        upline_depth_paid=_limit(row["upline_depth_paid"], facts),
        total_rate_bp=_limit(row["total_rate_bp"], facts),
        recruitment_pay=_practice(row["recruitment_pay"], facts),
        entry_fee=_practice(row["entry_fee"], facts),
        starter_purchase=_practice(row["starter_purchase"], facts),
        network_marketing=_practice(row["network_marketing"], facts),
        team_pay=_practice(row["team_pay"], facts),
        registration=_practice(row["registration"], facts),
        organization_layers=_limit(row["organization_layers"], facts),
        organization_people=_limit(row["organization_people"], facts),
        facts=facts,
        note=row.get("note", ""),
        note_zh=row.get("note_zh", ""),
        statement=statement.get("en", ""),
        statement_zh=statement.get("zh", ""),
        simulation_only=row.get("simulation_only", False),
    )


def _day(text: str | None) -> date | None:
    return None if text is None else datetime.fromisoformat(text).date()


def _moment(text: str | None) -> datetime | None:
    """A date is midnight UTC; a moment must bear its offset."""
    if text is None:
        return None
    if len(text) == len("2026-01-01"):
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} has no offset from UTC")
    return at


def _known(fact_id: str | None, facts: dict[FactId, LawFact]) -> FactId | None:
    if fact_id is not None and fact_id not in facts:
        raise ValueError(f"a rule set names the unknown fact {fact_id}")
    return None if fact_id is None else FactId(fact_id)


def _limit(row: dict[str, Any], facts: dict[FactId, LawFact]) -> Limit:
    return Limit(row["number"], _known(row["fact"], facts))


def _practice(row: dict[str, Any], facts: dict[FactId, LawFact]) -> Practice:
    return Practice(Rule(row["rule"]), _known(row["fact"], facts), row.get("max_minor"), row.get("currency"))
