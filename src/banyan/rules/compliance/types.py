"""Words of the compliance house: rule sets read from law, the facts of a plan, and the verdict on it.

Nothing in this house is legal advice: it is a compilation of sources that a program can apply, and it
denies by default wherever the sources give no number.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NewType

NOT_LEGAL_ADVICE = "Compiled from the named sources for software. Not legal advice: confirm every figure with counsel."
NOT_LEGAL_ADVICE_ZH = "依所列来源整理，供软件使用，不构成法律意见；请与律师逐项核实。"

JurisdictionCode = NewType("JurisdictionCode", str)
"""Lower-case code of a file in `law/`: `cn`, `kr`, … and `sandbox`."""
RuleSetId = NewType("RuleSetId", str)
"""Names one dated rule set, for example `cn.letter.2005-12-01`. Stored beside whatever it decided."""
FactId = NewType("FactId", str)
"""Names one fact of the compilation, for example `cn.04.max_upline_levels_paid`."""

SANDBOX = JurisdictionCode("sandbox")
ACKNOWLEDGE_SCOPE = "compliance:acknowledge"


class Reading(StrEnum):
    """How a jurisdiction is read. Only `letter` (and `sandbox`, for simulations) needs no acknowledgement."""

    LETTER = "letter"
    PRACTICE = "practice"
    """What the trade does; marked as practice and not law."""
    COUNSEL = "counsel"
    """The letter, with numbers that the tenant's own counsel gave where the law gives none."""
    SANDBOX = "sandbox"


class Confidence(StrEnum):
    """How well a fact of the compilation is known; see the field `confidence` of each fact."""

    VERIFIED = "verified"
    PARTIAL = "partial"
    MEMORY = "memory"
    UNKNOWN = "unknown"


class Rule(StrEnum):
    """What a rule set says about one practice."""

    BANNED = "banned"
    LIMITED = "limited"
    ALLOWED = "allowed"
    SILENT = "silent"
    """The compilation has no clause on it: denied by default."""


class Clause(StrEnum):
    """The clause kinds that a plan can break; part of every finding."""

    RULE_SET = "rule_set"
    """No rule set covers this jurisdiction, reading or date."""
    SIMULATION_ONLY = "simulation_only"
    UPLINE_DEPTH = "upline_depth"
    TOTAL_RATE = "total_rate"
    RECRUITMENT_PAY = "recruitment_pay"
    ENTRY_FEE = "entry_fee"
    STARTER_PURCHASE = "starter_purchase"
    NETWORK_MARKETING = "network_marketing"
    TEAM_PAY = "team_pay"
    REGISTRATION = "registration"
    SOURCE = "source"
    """A note: the figure is from memory or partly read, confirm it before relying on it."""


@dataclass(frozen=True, slots=True)
class LawFact:
    """One sourced statement of the compilation. `value` is a JSON value; None means that the law gives none."""

    id: FactId
    key: str
    value: Any
    law: str
    article: str
    in_force: str | None
    source: str | None
    confidence: Confidence
    text: str
    regime: str | None = None
    note: str | None = None
    unverified_part: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """A number with the fact it comes from. `number` None: the law gives no number, so denied by default."""

    number: int | None
    fact_id: FactId | None


@dataclass(frozen=True, slots=True)
class Practice:
    """What the rule set says about one practice. `max_minor` and `currency` only when LIMITED."""

    rule: Rule
    fact_id: FactId | None = None
    max_minor: int | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class RuleSet:
    """One dated reading of one jurisdiction: half-open `[effective_from, effective_to)`, None = unbounded.

    What counts is `[begins_at, ends_at)`: midnight UTC of those dates, or the very moments where an update of the law names them.
    Depth counts ancestors above the seller; the seller is not counted.
    """

    id: RuleSetId
    jurisdiction: JurisdictionCode
    reading: Reading
    is_law: bool
    title: str
    title_zh: str
    effective_from: date | None
    effective_to: date | None
    upline_depth_paid: Limit
    total_rate_bp: Limit
    recruitment_pay: Practice
    entry_fee: Practice
    starter_purchase: Practice
    network_marketing: Practice
    team_pay: Practice
    registration: Practice
    organization_layers: Limit
    organization_people: Limit
    facts: dict[FactId, LawFact] = field(hash=False)
    note: str = ""
    note_zh: str = ""
    statement: str = ""
    statement_zh: str = ""
    simulation_only: bool = False
    begins_at: datetime | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Jurisdiction:
    """One file of `law/`: every sourced fact and the rule sets made from them."""

    code: JurisdictionCode
    name: str
    name_zh: str
    compiled: date
    disclaimer: str
    rule_sets: tuple[RuleSet, ...]
    facts: tuple[LawFact, ...]
    regimes: dict[str, str] = field(default_factory=dict, hash=False)
    warning: str = ""


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """What the law asks of a commission plan.

    `upline_depth_paid`: the deepest ancestor above the seller that any rule can pay (0 = only the seller).
    `total_rate_bp`: the largest share of a sale that all payees together can get, in basis points. Fixed
    amounts must be turned into their largest share of the price by the caller; unknown means 10,000.
    `entry_fee_minor` is in minor units of `currency`.
    """

    upline_depth_paid: int
    total_rate_bp: int
    pays_on_recruitment: bool = False
    entry_fee_minor: int = 0
    starter_purchase_required: bool = False
    pays_on_team_sales: bool = False
    """Pays on the sales of a whole team (no fixed depth), not on single sales of a bounded upline."""
    currency: str = "CNY"


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken clause: which law, article and fact, and in words what is wrong. `text` quotes the source's words."""

    clause: Clause
    law: str
    article: str
    fact_id: FactId | None
    message: str
    message_zh: str = ""
    text: str = ""
    confidence: Confidence = Confidence.UNKNOWN


@dataclass(frozen=True, slots=True)
class Verdict:
    """`legal` is true exactly when `findings` is empty. `notes` never block: sources to confirm, registration."""

    legal: bool
    findings: tuple[Finding, ...]
    rule_set: RuleSetId
    notes: tuple[Finding, ...] = ()
    disclaimer: str = NOT_LEGAL_ADVICE


@dataclass(frozen=True, slots=True)
class LegalCaps:
    """The two numbers that accrual needs: ancestors above the seller that may be paid, and all pay together in bp."""

    rule_set: RuleSetId
    upline_depth_paid: int
    total_rate_bp: int


class StandingGrade(StrEnum):
    """What the size of one up-and-down-line organization asks for."""

    CLEAR = "clear"
    WARN = "warn"
    ESCALATE = "escalate"


@dataclass(frozen=True, slots=True)
class OrganizationStanding:
    """People and layers of one organization, the organizer and his own layer included in both."""

    grade: StandingGrade
    people: int
    layers: int
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class CounselNumbers:
    """Numbers of the tenant's counsel; they only fill what the law leaves open, they never widen a number it gives."""

    upline_depth_paid: int | None = None
    total_rate_bp: int | None = None


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """One recorded acceptance (or withdrawal) of a reading: who, in which role, when, which words."""

    id: int
    jurisdiction: JurisdictionCode
    reading: Reading
    granted: bool
    statement: str
    accepted_by_id: int
    roles: tuple[str, ...]
    accepted_at: datetime
    numbers: CounselNumbers = CounselNumbers()


class FeedWay(StrEnum):
    """How an update of the law came."""

    PULLED = "pulled"
    PUSHED = "pushed"


@dataclass(frozen=True, slots=True)
class Amendment:
    """What one update says about one jurisdiction: rule sets that are added, with the facts they rest on."""

    jurisdiction: JurisdictionCode
    facts: tuple[dict[str, Any], ...]
    rule_sets: tuple[dict[str, Any], ...]
    note: str = ""
    note_zh: str = ""


@dataclass(frozen=True, slots=True)
class SignedUpdate:
    """An update whose signature was found good. `sequence` rises by issuer; `payload` is exactly the text that was signed."""

    key_id: str
    sequence: int
    issued_at: datetime
    amendments: tuple[Amendment, ...]
    payload: str
    signature: str


@dataclass(frozen=True, slots=True)
class LawUpdate:
    """One update as it is kept."""

    id: int
    key_id: str
    sequence: int
    issued_at: datetime
    received_at: datetime
    way: FeedWay
    jurisdictions: tuple[JurisdictionCode, ...]
    rule_sets: tuple[RuleSetId, ...]
    notes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class MissingUpdates:
    """Sequences from `first` to `until` (it too) of which no update came, though a later one was pushed."""

    first: int
    until: int


@dataclass(frozen=True, slots=True)
class CountryStanding:
    """What one country's law says of one plan, under one reading."""

    jurisdiction: JurisdictionCode
    name: str
    name_zh: str
    is_own: bool
    reading: Reading
    verdict: Verdict
    caps: LegalCaps
    confidence: Confidence


@dataclass(frozen=True, slots=True)
class WatchedOrganization:
    """One up-and-down-line organization that came near the line, as it was counted at `seen_at`."""

    organizer_id: int
    people: int
    layers: int
    grade: StandingGrade
    seen_at: datetime
