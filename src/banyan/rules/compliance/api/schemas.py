"""What the law's endpoints take and answer."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from ninja import Field, Schema

from banyan.kernel.http import PublicId
from banyan.rules.compliance.types import NOT_LEGAL_ADVICE

SIGNED_ENVELOPE: dict[str, Any] = {
    "type": "object",
    "required": ["key_id", "payload", "signature"],
    "properties": {
        "key_id": {"type": "string", "description": "A key that the installation trusts (BANYAN_LAW_FEED_KEYS)."},
        "payload": {"type": "string", "description": "The update as JSON text; its very bytes are what is signed."},
        "signature": {"type": "string", "description": "Ed25519 over the payload, in base64."},
    },
}


class LegalFactOut(Schema):
    """One sourced fact. `value` null: the law gives no number."""

    id: str
    key: str
    value: Any
    law: str
    article: str
    in_force: str | None
    source: str | None
    confidence: str
    text: str
    regime: str | None


class RuleSetOut(Schema):
    """One dated rule set. Numbers are null where the law gives none: denied by default."""

    id: str
    jurisdiction: str
    reading: str
    is_law: bool
    title: str
    title_zh: str
    effective_from: date | None
    effective_to: date | None
    upline_depth_paid: int | None
    total_rate_bp: int | None
    recruitment_pay: str
    entry_fee: str
    starter_purchase: str
    network_marketing: str
    team_pay: str
    registration: str
    note: str
    note_zh: str
    statement: str
    statement_zh: str


class JurisdictionOut(Schema):
    """One jurisdiction of the compilation."""

    code: str
    name: str
    name_zh: str
    compiled: date
    warning: str
    disclaimer: str
    rule_sets: list[RuleSetOut]


class JurisdictionDetailOut(JurisdictionOut):
    """A jurisdiction with every sourced fact."""

    facts: list[LegalFactOut]


class FindingOut(Schema):
    """A clause that a plan breaks, or a note."""

    clause: str
    law: str
    article: str
    fact_id: str | None
    message: str
    message_zh: str
    text: str
    confidence: str


class VerdictOut(Schema):
    """The verdict on a plan."""

    legal: bool
    rule_set: str
    findings: list[FindingOut]
    notes: list[FindingOut]
    disclaimer: str


class PlanFactsIn(Schema):
    """What the law asks of a plan. Depth counts ancestors above the seller."""

    upline_depth_paid: int = Field(ge=0, le=1000)
    total_rate_bp: int = Field(ge=0, le=1_000_000)
    pays_on_recruitment: bool = False
    entry_fee_minor: int = Field(default=0, ge=0, le=10**15)
    starter_purchase_required: bool = False
    pays_on_team_sales: bool = False
    currency: str = Field(default="CNY", pattern="^[A-Z]{3}$")


class CountryStandingOut(Schema):
    """The law of this shop now."""

    jurisdiction: str
    reading: str
    rule_set: str
    upline_depth_paid: int
    total_rate_bp: int
    simulation: bool
    statements: dict[str, dict[str, str]]
    disclaimer: str = NOT_LEGAL_ADVICE


class AcknowledgementIn(Schema):
    """Accept a reading: `statement` word for word; numbers for `counsel` only."""

    reading: Literal["practice", "counsel"]
    statement: str = Field(max_length=5000)
    upline_depth_paid: int | None = Field(default=None, ge=0, le=100)
    total_rate_bp: int | None = Field(default=None, ge=0, le=10_000)


class WithdrawalIn(Schema):
    """Go back to the letter of the law."""

    reason: str = Field(min_length=1, max_length=2000)


class AcknowledgementOut(Schema):
    """One acceptance or withdrawal on the record."""

    id: Annotated[int, PublicId("ack")]
    jurisdiction: str
    reading: str
    granted: bool
    statement: str
    accepted_by_id: Annotated[int, PublicId("usr")]
    roles: list[str]
    accepted_at: datetime
    upline_depth_paid: int | None
    total_rate_bp: int | None


class AcknowledgedOut(Schema):
    """The law of this shop after the decision."""

    acknowledgement_id: Annotated[int, PublicId("ack")] | None
    standing: CountryStandingOut


class TakenOut(Schema):
    """Whether the update was new, and how many shops were told."""

    taken: bool
    shops: int


class UpdateOut(Schema):
    """An update of the law that was taken."""

    id: Annotated[int, PublicId("lwu")]
    key_id: str
    sequence: int
    issued_at: datetime
    received_at: datetime
    way: str
    jurisdictions: list[str]
    rule_sets: list[str]
    notes: list[tuple[str, str]]


class OrganizationOut(Schema):
    """An organization at the line: the organizer and his own layer count in both."""

    organizer_id: Annotated[int, PublicId("dst")]
    people: int
    layers: int
    grade: str
    seen_at: datetime
