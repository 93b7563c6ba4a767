"""The words of this house."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType

RunId = NewType("RunId", int)


class RunStatus(StrEnum):
    """queued → running → done | failed; cancelled from queued or running. A run whose worker died is taken up again."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class NewRun:
    """A plan document over the orders paid in [start_at, end_at). `version_id`: the draft it is, if it is one."""

    document: Any
    start_at: datetime
    end_at: datetime
    requested_by: str = ""
    version_id: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One run as it is read. `outcome` is there once it is done."""

    run_id: RunId
    status: RunStatus
    title: str
    document: dict[str, Any]
    version_id: int | None
    start_at: datetime
    end_at: datetime
    requested_at: datetime
    requested_by: str
    started_at: datetime | None
    finished_at: datetime | None
    order_count: int
    done_count: int
    failure: str
    outcome: dict[str, Any] | None
    seconds: float | None
    peak_mib: int | None

    @property
    def progress_bp(self) -> int:
        """How far it is, in basis points."""
        return self.done_count * 10_000 // self.order_count if self.order_count else 0


@dataclass(slots=True)
class Pair:
    """An amount under what was in force and under the simulated plan, in minor units."""

    old: int = 0
    new: int = 0


@dataclass(slots=True)
class PeriodPair:
    """What the close of one period paid and adjusted on both sides, in minor units.

    `is_whole`: all of it lies in the window; else the simulated side is decided on what the window holds. `is_open`: a plan in
    force would pay at its end and it is not closed yet, so that the side in force lacks it.
    """

    end_day: str
    is_whole: bool
    old: int = 0
    new: int = 0
    is_open: bool = False


@dataclass(slots=True)
class Tally:
    """Sums over orders: what a slice gives back and the whole is made of. Amounts in minor units; days are ISO texts.

    `paid`: (payee, side, rule) → amount, side 0 for what was in force and 1 for the simulated plan.
    `differing`: orders whose stored total is not what the version in force gives on the frozen inputs; 0 in a sound shop.
    """

    order_count: int = 0
    base_minor: int = 0
    differing: int = 0
    total: Pair = field(default_factory=Pair)
    by_rule: dict[tuple[int, str], int] = field(default_factory=dict)
    by_tier: dict[str, Pair] = field(default_factory=dict)
    by_depth: dict[int, Pair] = field(default_factory=dict)
    by_sku: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    by_category: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    by_day: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)
    """Day of payment → orders, base, old, new. What a period's close pays is of the day after its end."""
    released: dict[str, Pair] = field(default_factory=dict)
    """Day on which a hold ends → amount; the key "" is what still waits for receipt."""
    paid: dict[tuple[int, int, str], int] = field(default_factory=dict)
    by_period: dict[tuple[str, str], PeriodPair] = field(default_factory=dict)
    """(period, its first day) → what its close paid; added once, when all orders are counted."""
