"""A sample order and a sample period, on which a plan is tried before it counts. People go by names: one name, one person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .decision import LegalCeiling, Trace
from .plan import Period


@dataclass(frozen=True, slots=True)
class SamplePerson:
    """A distributor of the sample. `figures`: his sales of running periods before this order, by `types.FIGURES`."""

    name: str
    tier: str = "bronze"
    status: str = "active"
    figures: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SampleLine:
    """`amount_minor`: the commissionable amount; `cost_minor`: of all units; `category_path` from the root down."""

    amount_minor: int
    quantity: int = 1
    sku_id: int = 0
    product_id: int = 0
    category_path: tuple[int, ...] = ()
    tags: tuple[str, ...] = ()
    supplier_id: int | None = None
    cost_minor: int = 0
    listed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SampleSpent:
    """What the plan accrued before in its cap period; people by name."""

    budget_minor: int = 0
    payees: tuple[tuple[str, int], ...] = ()
    rules: tuple[tuple[str, str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class SampleOrder:
    """`upline`: the seller first, then upwards. `partners`: by scope. `people`: by the distributor ids that the plan names."""

    lines: tuple[SampleLine, ...]
    upline: tuple[SamplePerson, ...]
    paid_at: datetime
    channel: str = ""
    region_code: str = ""
    first_order: bool | None = None
    buyer: SamplePerson | None = None
    partners: tuple[tuple[str, SamplePerson], ...] = ()
    people: tuple[tuple[int, SamplePerson], ...] = ()
    spent: SampleSpent | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """The decision on a sample order. `names`: who the trace's payee ids are. `words`: sentences for each share, in order."""

    trace: Trace
    legal: LegalCeiling
    names: Mapping[int, str]
    words: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class SampleReturn:
    """`refund_minor` of a line came back before the close; order and line by their places, from 1."""

    order: int
    line: int
    refund_minor: int


@dataclass(frozen=True, slots=True)
class SamplePeriod:
    """The orders of one calendar period, and everybody as he stands at its end."""

    period: Period
    orders: tuple[SampleOrder, ...]
    members: tuple[SamplePerson, ...]
    returns: tuple[SampleReturn, ...] = ()
