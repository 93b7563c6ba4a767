"""When a rule applies: conditions as frozen values. Instants are aware UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class All:
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one of the conditions holds (`any` in the document)."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    condition: Condition


@dataclass(frozen=True, slots=True)
class InCategory:
    """The line's category is one of these, or lies below one of them."""

    category_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class IsSku:
    sku_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class HasTag:
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PayeeTier:
    tiers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NewGoods:
    """Paid within `days` of the goods' listing: listed_at ≤ paid_at < listed_at + days."""

    days: int


@dataclass(frozen=True, slots=True)
class Window:
    """Paid within [from_at, to_at); an open side is None."""

    from_at: datetime | None
    to_at: datetime | None


@dataclass(frozen=True, slots=True)
class IsProduct:
    product_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FromSupplier:
    supplier_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class InChannel:
    """The order's sales channel is one of these."""

    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InRegion:
    """The order goes to one of these regions, or into one: adcodes of 2, 4 or 6 digits."""

    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FirstOrder:
    """The buyer has paid no order before (or, `is_first` false, has)."""

    is_first: bool


@dataclass(frozen=True, slots=True)
class SellerTier:
    tiers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """Paid within [from, to) on the tenant's clock, in minutes since midnight; from > to runs over midnight."""

    from_minute: int
    to_minute: int


Condition = (
    All | Some | Not | InCategory | IsSku | IsProduct | HasTag | FromSupplier | InChannel | InRegion | FirstOrder | PayeeTier
    | SellerTier | NewGoods | Window | TimeOfDay
)  # fmt: skip
