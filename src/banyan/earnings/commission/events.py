"""What happened to commission: one compact event per order. Amounts are minor units of the order's currency."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from banyan.kernel.events import Event


@dataclass(frozen=True)
class CommissionAccrued(Event):
    """A paid order was decided and its commission booked as pending. `lines`: (commission_id, payee_id, amount_minor).

    Orders that pay nobody are recorded in the house but tell nothing here.
    """

    kind: ClassVar[str] = "commission.commission_accrued"
    order_id: int
    plan_version_id: int
    currency: str
    lines: tuple[tuple[int, int, int], ...]
    occurred_at: datetime


@dataclass(frozen=True)
class PlanSuspended(Event):
    """The law stopped a published version from `occurred_at` on. `told_count`: how many who earned by it have a notice."""

    kind: ClassVar[str] = "commission.plan_suspended"
    plan_version_id: int
    suspension_id: int
    rule_set: str
    told_count: int
    occurred_at: datetime


@dataclass(frozen=True)
class CommissionReversed(Event):
    """Goods came back. `lines`: (reversal_id, commission_id, payee_id, amount_minor).

    `after_release`: it was taken from the available balance or became debt, else from what was still pending.
    """

    kind: ClassVar[str] = "commission.commission_reversed"
    order_id: int
    cause: str
    cause_id: int
    currency: str
    after_release: bool
    lines: tuple[tuple[int, int, int, int], ...]
    occurred_at: datetime


@dataclass(frozen=True)
class CommissionReleased(Event):
    """The hold of an order ended. `lines`: (commission_id, payee_id, amount_minor), less what was reversed before."""

    kind: ClassVar[str] = "commission.commission_released"
    order_id: int
    currency: str
    lines: tuple[tuple[int, int, int], ...]
    occurred_at: datetime


@dataclass(frozen=True)
class PeriodClosed(Event):
    """A period of a plan version was closed. `lines`: (commission_id, payee_id, amount_minor) of what this added to its rewards;
    what it took, and true-ups of orders, are told as reversals and releases."""

    kind: ClassVar[str] = "commission.period_closed"
    closing_id: int
    plan_version_id: int
    period: str
    currency: str
    lines: tuple[tuple[int, int, int], ...]
    occurred_at: datetime
