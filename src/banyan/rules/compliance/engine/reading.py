"""From the parsed text of a jurisdiction file to rule sets, and which of them counts on a day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

from banyan.rules.compliance.types import (
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


def select_rule_set(rule_sets: Iterable[RuleSet], reading: Reading, on: date) -> RuleSet | None:
    """The set of that reading in force on that day; the latest start wins where two overlap."""
    found = [
        one
        for one in rule_sets
        if one.reading is reading
        and (one.effective_from is None or one.effective_from <= on)
        and (one.effective_to is None or on < one.effective_to)
    ]
    return max(found, key=lambda one: one.effective_from or date.min, default=None)


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
    return None if text is None else date.fromisoformat(text)


def _known(fact_id: str | None, facts: dict[FactId, LawFact]) -> FactId | None:
    if fact_id is not None and fact_id not in facts:
        raise ValueError(f"a rule set names the unknown fact {fact_id}")
    return None if fact_id is None else FactId(fact_id)


def _limit(row: dict[str, Any], facts: dict[FactId, LawFact]) -> Limit:
    return Limit(row["number"], _known(row["fact"], facts))


def _practice(row: dict[str, Any], facts: dict[FactId, LawFact]) -> Practice:
    return Practice(Rule(row["rule"]), _known(row["fact"], facts), row.get("max_minor"), row.get("currency"))
