"""What every member of a plan document is made of: strict values with their bounds, and how they are told in the schema."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from .plan import FULL_BP

MAX_MINOR: Final = 10**15
MAX_DEPTH: Final = 50
KEY: Final = "^[a-z0-9][a-z0-9_-]{0,39}$"
CLOCK: Final = r"^([01]\d|2[0-3]):[0-5]\d$"
REGION: Final = r"^\d{2}(\d{2}(\d{2})?)?$"
WRITTEN_LIKE: Final = {KEY: "base-2 (a-z 0-9 - _, ≤ 40)", CLOCK: "00:00 … 23:59", REGION: "44 / 4403 / 440304"}
"""What people are told in the place of a pattern, in any language."""


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can keep the text: no NUL, no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text


def storable(text: str) -> str:
    if not is_storable(text):
        raise PydanticCustomError("not_storable", "must not contain NUL or half characters")
    return text


def _instant(value: Any) -> datetime:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        at = None
    if not isinstance(at, datetime) or at.tzinfo is None or not 1970 <= at.year <= 2200:
        raise PydanticCustomError("instant", "must be an instant with its offset, like 2026-03-01T00:00:00+08:00")
    return at


Minor = Annotated[int, Field(ge=0, le=MAX_MINOR, description="Minor units of the shop's currency.")]
RateBp = Annotated[int, Field(ge=0, le=FULL_BP, description="Basis points: 10,000 is 100 %.")]
Text = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(storable)]
Key = Annotated[str, Field(pattern=KEY, description="a-z, 0-9, - and _, at most 40.")]
Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "description": "With its offset."}),
]
Id = Annotated[int, Field(gt=0, lt=2**63)]
Clock = Annotated[str, Field(pattern=CLOCK, description="HH:MM on the shop's clock.")]
RegionCode = Annotated[str, Field(pattern=REGION, description="adcode of a province (2 digits), city (4), district (6).")]
TierName = Literal["bronze", "silver", "gold", "platinum", "diamond"]
PeriodName = Literal["day", "week", "month", "quarter", "year"]
FigureName = Literal[
    "day_sales_minor", "day_team_sales_minor", "week_sales_minor", "week_team_sales_minor", "month_sales_minor",
    "month_team_sales_minor", "quarter_sales_minor", "quarter_team_sales_minor", "year_sales_minor", "year_team_sales_minor",
]  # fmt: skip
Depth = Annotated[int, Field(ge=1, le=MAX_DEPTH)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
