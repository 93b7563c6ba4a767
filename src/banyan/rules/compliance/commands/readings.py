"""Accepting and withdrawing a reading of the law, on the record."""

from __future__ import annotations

from datetime import datetime

from banyan.kernel import clock, events
from banyan.kernel.tenancy import current_tenant_id, get_tenant
from banyan.kernel.values.errors import Conflict, Forbidden, Invalid
from banyan.kernel.values.filled import Filled
from banyan.people.identity import queries as identity
from banyan.people.identity.types import Role, UserId, scopes_of
from banyan.rules.compliance import engine, queries
from banyan.rules.compliance.events import LawChanged
from banyan.rules.compliance.models import ReadingAcknowledgement
from banyan.rules.compliance.types import (
    ACKNOWLEDGE_SCOPE,
    CounselNumbers,
    JurisdictionCode,
    Reading,
    RuleSet,
)

DEPTH_MAX = 100
RATE_MAX_BP = 10_000


class NotAuthorizedToAcknowledge(Forbidden):
    """Only an active operator with the scope `compliance:acknowledge` may decide how the law is read."""

    code = "not_authorized_to_acknowledge"
    advice = "Let an operator of the shop who may bind the merchant accept the statement."


class ReadingNotOffered(Conflict):
    """The jurisdiction has no such reading, or needs no acknowledgement for it."""

    code = "reading_not_offered"
    advice = "Read the jurisdiction's rule sets; only practice and counsel can be acknowledged, where they exist."


class StatementDiffers(Invalid):
    """The accepted words are not the published statement."""

    code = "statement_differs"
    advice = "Show the person the statement in the details and send back its exact words."


class CounselNumbersMissing(Invalid):
    """The counsel reading needs the numbers that counsel gave, and only where the law gives none."""

    code = "counsel_numbers"
    advice = "Send the numbers of counsel for what the rule set leaves open, and none where the law gives a number."


def acknowledge_reading(
    reading: Reading | str,
    user_id: int,
    statement: str,
    *,
    upline_depth_paid: int | None = None,
    total_rate_bp: int | None = None,
) -> int:
    """Record that an authorized operator accepts `practice` or `counsel` for this tenant from now on; returns the row id.

    `statement` must be the published words (queries.reading_statements), in English or Chinese. The two numbers belong
    to `counsel` only. The row is immutable and audited. Accepting what is already in force with the same numbers
    returns the row in force. Raises NotAuthorizedToAcknowledge, ReadingNotOffered, StatementDiffers,
    CounselNumbersMissing.
    """
    now = clock.now()
    wanted = _reading(reading)
    roles = _authorized_roles(user_id)
    rules = _offered(wanted, now)
    _same_words(statement, rules)
    numbers = CounselNumbers(upline_depth_paid, total_rate_bp)
    _fitting_numbers(wanted, numbers, rules)
    current = queries.get_reading_at(now)
    if current is not None and current.reading is wanted and current.numbers == numbers:
        return current.id
    return _record(rules.jurisdiction, wanted, rules, True, statement.strip(), user_id, roles, now, numbers)


def withdraw_reading(user_id: int, reason: str) -> int | None:
    """Go back to the letter from now on; returns the row id, or None when the letter already counts.

    Live plans are judged again: those that the letter does not allow are suspended from now on, and caps_at gives its caps.
    Raises NotAuthorizedToAcknowledge; Invalid without a reason.
    """
    now = clock.now()
    if not reason.strip():
        raise Invalid("Withdrawing a reading needs a reason.", field="reason")
    roles = _authorized_roles(user_id)
    current = queries.get_reading_at(now)
    rules = queries.rule_set_at(now)
    if current is None or rules is None:
        return None
    return _record(current.jurisdiction, current.reading, rules, False, reason.strip(), user_id, roles, now, CounselNumbers())


def _reading(text: Reading | str) -> Reading:
    try:
        return Reading(text)
    except ValueError as error:
        raise Invalid("Unknown reading.", field="reading", known=[one.value for one in Reading]) from error


def _authorized_roles(user_id: int) -> tuple[str, ...]:
    user = identity.get_user(UserId(user_id))
    allowed = user.active and Role.OPERATOR in user.roles and ACKNOWLEDGE_SCOPE in scopes_of(user.roles)
    if not allowed:
        raise NotAuthorizedToAcknowledge(Filled("This needs an active operator with the scope {scope}.", scope=ACKNOWLEDGE_SCOPE))
    return tuple(sorted(role.value for role in user.roles))


def _offered(reading: Reading, now: datetime) -> RuleSet:
    code = get_tenant(current_tenant_id()).jurisdiction
    jurisdiction = queries.find_jurisdiction(code)
    base = Reading.LETTER if reading is Reading.COUNSEL else reading
    rules = None
    if jurisdiction is not None and reading in (Reading.PRACTICE, Reading.COUNSEL):
        rules = engine.select_rule_set(jurisdiction.rule_sets, base, now)
    if rules is None:
        offered = sorted({one.reading.value for one in jurisdiction.rule_sets}) if jurisdiction else []
        missing = Filled("{jurisdiction} offers no reading {reading} to acknowledge.", jurisdiction=code, reading=reading)
        raise ReadingNotOffered(missing, jurisdiction=code, rule_sets=offered)
    return rules


def _same_words(statement: str, rules: RuleSet) -> None:
    said = " ".join(statement.split())
    if said not in {" ".join(words.split()) for words in (rules.statement, rules.statement_zh) if words}:
        raise StatementDiffers(
            "The statement must be accepted word for word.", statement=rules.statement, statement_zh=rules.statement_zh
        )


def _fitting_numbers(reading: Reading, numbers: CounselNumbers, rules: RuleSet) -> None:
    depth, rate = numbers.upline_depth_paid, numbers.total_rate_bp
    if reading is not Reading.COUNSEL:
        if numbers != CounselNumbers():
            raise CounselNumbersMissing("Numbers belong to the counsel reading only.")
        return
    if numbers == CounselNumbers():
        raise CounselNumbersMissing("The counsel reading needs at least one number.")
    if depth is not None and (rules.upline_depth_paid.number is not None or not 0 <= depth <= DEPTH_MAX):
        raise CounselNumbersMissing("The law gives the depth, or it is out of range.", field="upline_depth_paid")
    if rate is not None and (rules.total_rate_bp.number is not None or not 0 <= rate <= RATE_MAX_BP):
        raise CounselNumbersMissing("The law gives the rate, or it is out of range.", field="total_rate_bp")


def _record(
    jurisdiction: JurisdictionCode,
    reading: Reading,
    rules: RuleSet,
    granted: bool,
    statement: str,
    user_id: int,
    roles: tuple[str, ...],
    at: datetime,
    numbers: CounselNumbers,
) -> int:
    row = ReadingAcknowledgement.objects.create(
        jurisdiction=jurisdiction,
        reading=reading.value,
        rule_set=rules.id[:60],
        granted=granted,
        statement=statement,
        accepted_by_id=user_id,
        roles=list(roles),
        accepted_at=at,
        upline_depth_paid=numbers.upline_depth_paid,
        total_rate_bp=numbers.total_rate_bp,
    )
    events.record([LawChanged(jurisdiction, 0, at)])
    return int(row.pk)
