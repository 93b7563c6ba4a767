"""The words of attribution. ``order_id`` is a plain int: orders stands above this house. Times are aware UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, NewType

from banyan.people.distributors.types import DistributorId, Status, Tier
from banyan.people.identity.types import UserId

LinkId = NewType("LinkId", int)


class Source(StrEnum):
    """What named the referrer of an order; the first that applies, in this order."""

    SELF_PURCHASE = "self_purchase"
    """The buyer is an active distributor and the tenant lets distributors refer themselves (自购)."""
    LINK = "link"
    CODE = "code"
    BINDING = "binding"
    SPONSOR = "sponsor"
    """The buyer is a distributor without self-purchase: his own sponsor is the referrer."""
    NONE = "none"


class OrderReferral(NamedTuple):
    """What is known at placement: who buys, and the code or link token brought along (either may be wrong or absent)."""

    order_id: int
    buyer_id: UserId
    code: str | None
    link: str | None
    at: datetime
    buyer_is_consumer: bool = False
    """True when the caller knows that the buyer is no distributor; spares the look-up."""


@dataclass(frozen=True, slots=True)
class Attributed:
    """What was recorded for one order: the referrer, what named him, and why what was brought along was not used."""

    order_id: int
    referrer_id: DistributorId | None
    source: Source
    note: str = ""
    link_id: LinkId | None = None
    """The link that the buyer came with, whether it counted or not."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """How the buyer of an order came, for whoever explains what the order paid: the source, and what stood behind it.

    ``code`` is the referrer's where a code decided. ``clicked_at`` is the latest opening of the link before the order.
    """

    order_id: int
    referrer_id: DistributorId | None
    source: Source
    note: str
    code: str
    link_id: LinkId | None
    token: str
    clicked_at: datetime | None


class UplineMember(NamedTuple):
    """One distributor of the frozen path with his standing at payment. Depth 0 is the referrer, 1 his sponsor, and so on."""

    distributor_id: DistributorId
    depth: int
    tier: Tier
    status: Status


class FrozenAttribution(NamedTuple):
    """The snapshot taken at payment; never changes, whatever the tree does later. ``upline[0]`` is the referrer."""

    order_id: int
    buyer_id: UserId
    buyer_distributor_id: DistributorId | None
    referrer_id: DistributorId | None
    source: Source
    upline: tuple[UplineMember, ...]
    frozen_at: datetime


@dataclass(frozen=True, slots=True)
class NewLink:
    """A sharing link to create: whose it is and what it shows; ``product_id`` None is the whole shop."""

    distributor_id: DistributorId
    product_id: int | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A sharing link as it is read. ``token`` is what travels in the address, or by hand as share token (口令)."""

    link_id: LinkId
    token: str
    distributor_id: DistributorId
    product_id: int | None
    created_at: datetime
    click_count: int


@dataclass(frozen=True, slots=True)
class Policy:
    """The tenant's say in attribution."""

    self_purchase: bool = False
