"""What the entered tenant's law says: its reading, rule set, verdicts and caps at a moment."""

from __future__ import annotations

from datetime import UTC, date, datetime

from django.db.models import Q

from banyan.kernel import sql
from banyan.kernel.tenancy import current_tenant_id, get_tenant
from banyan.rules.compliance import engine
from banyan.rules.compliance.models import ReadingAcknowledgement
from banyan.rules.compliance.queries import law
from banyan.rules.compliance.queries.amended import STAMP, amended, find_jurisdiction
from banyan.rules.compliance.types import (
    SANDBOX,
    Acknowledgement,
    Clause,
    CounselNumbers,
    Jurisdiction,
    JurisdictionCode,
    LegalCaps,
    OrganizationStanding,
    PlanFacts,
    Reading,
    RuleSet,
    RuleSetId,
    Verdict,
)

_COLUMNS = (
    "id", "jurisdiction", "reading", "granted", "statement", "accepted_by_id", "roles", "accepted_at", "upline_depth_paid",
    "total_rate_bp",
)  # fmt: skip
_ACKNOWLEDGED = ", ".join(_COLUMNS)


def judge(facts: PlanFacts, at: datetime) -> Verdict:
    """Judge a plan under the tenant's jurisdiction and acknowledged reading at `at` (aware UTC). Never raises for a
    bad plan: no known jurisdiction or no rule set in force means not legal, with a finding that says so."""
    rules = rule_set_at(at)
    return _unruled(at) if rules is None else engine.judge(facts, rules)


def judge_with(facts: PlanFacts, jurisdiction: str, reading: Reading, at: datetime) -> Verdict:
    """Judge under any jurisdiction and reading without regard to the tenant: "what would the law there say?"."""
    found = find_jurisdiction(jurisdiction)
    rules = engine.select_rule_set(found.rule_sets, reading, _aware(at)) if found else None
    if rules is None:
        return _no_rules(jurisdiction.lower(), reading, at)
    return engine.judge(facts, rules)


def caps_at(at: datetime) -> LegalCaps:
    """The tenant's caps at a moment. Without a rule set both are 0: nobody is paid."""
    rules = rule_set_at(at)
    return LegalCaps(_absent(at), 0, 0) if rules is None else engine.caps_of(rules)


def rule_set_at(at: datetime) -> RuleSet | None:
    """The rule set that counts for the tenant at a moment, or None when the compilation has none."""
    jurisdiction, accepted = _law_and_reading(at)
    return None if jurisdiction is None else _select(jurisdiction, accepted, at)


def turns() -> list[datetime]:
    """Every moment at which the tenant's law may turn: readings accepted or withdrawn, rule sets beginning or ending."""
    code = get_tenant(current_tenant_id()).jurisdiction
    rows = sql.fetch(
        f"SELECT {STAMP}, NULL::timestamptz UNION ALL"
        " SELECT 0, accepted_at FROM compliance_readingacknowledgement WHERE tenant_id = %s",
        (current_tenant_id(),),
    )
    jurisdiction = find_jurisdiction(code, stamp=max(row[0] for row in rows))
    found = {row[1] for row in rows if row[1] is not None}
    for rules in jurisdiction.rule_sets if jurisdiction else ():
        found |= {at for at in (rules.begins_at, rules.ends_at) if at is not None}
    return sorted(found)


def _select(jurisdiction: Jurisdiction, accepted: Acknowledgement | None, at: datetime) -> RuleSet | None:
    _aware(at)
    if accepted is None:
        return engine.select_rule_set(jurisdiction.rule_sets, _plain(jurisdiction), at)
    if accepted.reading is Reading.COUNSEL:
        letter = engine.select_rule_set(jurisdiction.rule_sets, Reading.LETTER, at)
        return None if letter is None else engine.counsel_rule_set(letter, accepted.numbers)
    return engine.select_rule_set(jurisdiction.rule_sets, accepted.reading, at)


def _law_and_reading(at: datetime) -> tuple[Jurisdiction | None, Acknowledgement | None]:
    """The law with all updates, and the acknowledgement in force: one query, for this is asked with every batch of orders."""
    compiled = law.find_jurisdiction(get_tenant(current_tenant_id()).jurisdiction)
    if compiled is None:
        return None, None
    rows = sql.fetch(
        f"SELECT {STAMP}, a.* FROM (SELECT 1) one LEFT JOIN LATERAL (SELECT {_ACKNOWLEDGED}"
        " FROM compliance_readingacknowledgement WHERE tenant_id = %s AND jurisdiction = %s AND accepted_at <= %s"
        " ORDER BY accepted_at DESC, id DESC LIMIT 1) a ON true",
        (current_tenant_id(), compiled.code, at),
    )
    stamp, *row = rows[0]
    accepted = _acknowledgement(ReadingAcknowledgement(**dict(zip(_COLUMNS, row, strict=True)))) if row[0] is not None else None
    return amended(compiled.code, stamp), accepted if accepted is not None and accepted.granted else None


def get_reading_at(at: datetime) -> Acknowledgement | None:
    """The acknowledgement in force at a moment; None means the plain reading: letter, or sandbox in the sandbox."""
    return _law_and_reading(at)[1]


def list_acknowledgements(limit: int = 100, *, before: tuple[datetime, int] | None = None) -> list[Acknowledgement]:
    """The tenant's acknowledgements and withdrawals, newest first. `before`: (accepted_at, id) of the last one seen."""
    rows = ReadingAcknowledgement.objects.order_by("-accepted_at", "-id")
    if before is not None:
        at, identity = before
        rows = rows.filter(Q(accepted_at__lt=at) | Q(accepted_at=at, id__lt=identity))
    return [_acknowledgement(row) for row in rows[:limit]]


def reading_statements(reading: Reading, at: datetime) -> tuple[str, str]:
    """The statement (English, Chinese) that must be accepted word for word before a reading counts; empty if none."""
    jurisdiction = _jurisdiction()
    wanted = Reading.LETTER if reading is Reading.COUNSEL else reading
    rules = engine.select_rule_set(jurisdiction.rule_sets, wanted, _aware(at)) if jurisdiction else None
    return ("", "") if rules is None else (rules.statement, rules.statement_zh)


def explain_rule_set(rule_set: str) -> RuleSet | None:
    """The rule set of an id stored beside a decision (counsel's numbers are read back from the id), or None."""
    base, _, counsel = rule_set.partition("+counsel.")
    jurisdiction = find_jurisdiction(base.partition(".")[0])
    found = next((one for one in jurisdiction.rule_sets if one.id == base), None) if jurisdiction else None
    if found is None or not counsel:
        return found
    depth, _, rate = counsel.partition(".")
    return engine.counsel_rule_set(found, CounselNumbers(*(None if n == "open" else int(n) for n in (depth, rate))))


def organization_standing(people: int, layers: int, at: datetime) -> OrganizationStanding:
    """The standing of one organization of the tenant under its law; see the engine for what counts."""
    return engine.organization_standing(people, layers, rule_set_at(at))


def is_simulation() -> bool:
    """Whether the entered tenant lives in the sandbox: no law, and so never a live shop."""
    return get_tenant(current_tenant_id()).jurisdiction.lower() == SANDBOX


def _jurisdiction() -> Jurisdiction | None:
    return find_jurisdiction(get_tenant(current_tenant_id()).jurisdiction)


def _plain(jurisdiction: Jurisdiction) -> Reading:
    return Reading.SANDBOX if jurisdiction.code == SANDBOX else Reading.LETTER


def _day(at: datetime) -> date:
    if at.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return at.astimezone(UTC).date()


def _aware(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return at


def _absent(at: datetime) -> RuleSetId:
    return RuleSetId(f"{get_tenant(current_tenant_id()).jurisdiction.lower()}.none.{_day(at)}")


def _unruled(at: datetime) -> Verdict:
    return _no_rules(get_tenant(current_tenant_id()).jurisdiction.lower(), None, at)


def _no_rules(code: str, reading: Reading | None, at: datetime) -> Verdict:
    which = f", reading {reading}," if reading else ""
    return engine.no_rule_set(
        RuleSetId(f"{code}.none.{_day(at)}"),
        f"The compilation has no rule set for {code}{which} on {_day(at)}; every plan is denied by default.",
        f"资料中没有 {code} 在 {_day(at)} 适用的规则集；默认一律不允许。",
        Clause.RULE_SET,
    )


def _acknowledgement(row: ReadingAcknowledgement) -> Acknowledgement:
    return Acknowledgement(
        id=row.pk,
        jurisdiction=JurisdictionCode(row.jurisdiction),
        reading=Reading(row.reading),
        granted=row.granted,
        statement=row.statement,
        accepted_by_id=row.accepted_by_id,
        roles=tuple(row.roles),
        accepted_at=row.accepted_at,
        numbers=CounselNumbers(row.upline_depth_paid, row.total_rate_bp),
    )
