"""The words of sourcing. Costs are integer minor units, weights grams, times whole hours, days or aware UTC.

``order_id`` and ``line_id`` are plain ints: orders stands above this house.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, NewType

from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory.types import WarehouseId

BackorderId = NewType("BackorderId", int)


class Split(StrEnum):
    """When an order may leave in several parcels."""

    NEVER = "never"
    """One warehouse where one has everything; what it lacks stays where it is held."""
    WHEN_NEEDED = "when_needed"
    """Only when no single warehouse has everything."""
    WHEN_CHEAPER = "when_cheaper"
    """Whenever the parcels together cost less than one, the split penalty included."""


class Shortfall(StrEnum):
    """What becomes of pieces that no warehouse has."""

    WAIT = "wait"
    """The whole order waits until goods arrive."""
    SPLIT_SHIP = "split_ship"
    """What there is leaves now; the rest waits."""
    CANCEL = "cancel"
    """The missing pieces are taken out of the order and their money goes back."""


class BackorderState(StrEnum):
    """open → served | cancelled; nothing leaves the last two."""

    OPEN = "open"
    SERVED = "served"
    CANCELLED = "cancelled"


class Cause(StrEnum):
    """Why the warehouses of an order were chosen, or chosen again."""

    PAID = "paid"
    WAREHOUSE_CLOSED = "warehouse_closed"
    STOCK_SHORT = "stock_short"
    STOCK_ARRIVED = "stock_arrived"
    BY_HAND = "by_hand"


@dataclass(frozen=True, slots=True)
class Zone:
    """A tariff and a promise for all addresses so far away. The first zone that fits a way is its zone.

    ``provinces``: two-digit codes of destinations that belong here whatever the distance (unless the goods stand in the same
    province); ``up_to_km`` None: any distance. Freight = ``first_minor`` up to ``first_grams``, then ``step_minor`` for each
    begun ``step_grams``. ``hours``: from the decision to the door.
    """

    code: str
    name: str
    up_to_km: int | None
    first_grams: int
    first_minor: int
    step_grams: int
    step_minor: int
    hours: int
    provinces: tuple[str, ...] = ()


DEFAULT_ZONES = (
    Zone("remote", "偏远", None, 1000, 1800, 1000, 1200, 144, ("54", "65")),
    Zone("near", "同城", 100, 1000, 600, 1000, 100, 24),
    Zone("region", "区域", 600, 1000, 800, 1000, 200, 48),
    Zone("country", "全国", 1500, 1000, 1000, 1000, 500, 72),
    Zone("far", "远途", None, 1000, 1200, 1000, 800, 96),
)
"""An example tariff in fen, until the tenant writes down the contract with its carrier."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What is worth how much, in minor units: an hour late, a piece one day older than wished, a parcel beyond a warehouse's
    capacity, each further parcel of an order, and one step of a warehouse's priority."""

    late_minor: int = 20
    fresh_minor: int = 50
    load_minor: int = 300
    split_minor: int = 500
    priority_minor: int = 0


@dataclass(frozen=True, slots=True)
class Policy:
    """How a tenant's orders are sourced. Off until switched on."""

    is_on: bool = False
    split: Split = Split.WHEN_CHEAPER
    shortfall: Shortfall = Shortfall.SPLIT_SHIP
    promise_hours: int = 72
    fresh_days: int = 0
    weights: Weights = field(default_factory=Weights)
    zones: tuple[Zone, ...] = DEFAULT_ZONES


class Wanted(NamedTuple):
    """One line: pieces of a SKU of so many grams each, which shall have ``fresh_days`` left on arrival (0: no wish)."""

    line_id: int
    sku_id: int
    quantity: int
    grams: int
    fresh_days: int = 0


class Demand(NamedTuple):
    """One order. ``region_code``: six digits, empty when not known; ``hours``: until when it was promised, None: no promise."""

    order_id: int
    region_code: str
    hours: int | None
    lines: tuple[Wanted, ...]


class Place(NamedTuple):
    """One warehouse. ``capacity``: parcels it can still send without extra cost, None: no limit."""

    warehouse_id: int
    region_code: str
    priority: int = 100
    capacity: int | None = None


class Shelf(NamedTuple):
    """Pieces of one SKU in one warehouse that the batch may take, and the days until the first of them expires (None: never)."""

    pieces: int
    days_left: int | None = None


class Piece(NamedTuple):
    """So many pieces of one line from one warehouse."""

    line_id: int
    sku_id: int
    warehouse_id: int
    quantity: int


class Missing(NamedTuple):
    """Pieces of one line that no warehouse gives."""

    line_id: int
    sku_id: int
    quantity: int


Stock = Mapping[int, Mapping[int, Shelf]]
"""By SKU and warehouse."""


@dataclass(frozen=True, slots=True)
class Question:
    """Everything the choice depends on. ``held``: what each order holds now, if anything: never given up for something worse."""

    demands: tuple[Demand, ...]
    places: tuple[Place, ...]
    stock: Stock
    zones: tuple[Zone, ...]
    weights: Weights
    split: Split = Split.WHEN_CHEAPER
    held: Mapping[int, tuple[Piece, ...]] = field(default_factory=dict)


class Cost(NamedTuple):
    """The parts of an option's cost in minor units. ``short_pieces`` counts what it leaves out; that beats every amount."""

    freight_minor: int = 0
    late_minor: int = 0
    fresh_minor: int = 0
    load_minor: int = 0
    split_minor: int = 0
    priority_minor: int = 0
    short_pieces: int = 0

    @property
    def total_minor(self) -> int:
        """All parts but the missing pieces."""
        return sum(self[:6])


class Parcel(NamedTuple):
    """What one warehouse would send of an order, and how far."""

    warehouse_id: int
    zone: str
    km: int | None
    hours: int
    grams: int


@dataclass(frozen=True, slots=True)
class Option:
    """One way to serve an order."""

    pieces: tuple[Piece, ...]
    missing: tuple[Missing, ...]
    parcels: tuple[Parcel, ...]
    cost: Cost

    @property
    def warehouse_ids(self) -> tuple[int, ...]:
        """Its warehouses, in the order of the parcels."""
        return tuple(parcel.warehouse_id for parcel in self.parcels)


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen for an order; the best that was left with other warehouses; and each warehouse alone, cheapest first.

    Alternatives are judged with what the rest of the batch left.
    """

    order_id: int
    chosen: Option
    runner_up: Option | None
    alone: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The choices for a batch. ``bound_minor`` is proven: no choice costs less; ``gap_bp`` is how far ours may be from it."""

    choices: tuple[Choice, ...]
    cost_minor: int
    bound_minor: int
    gap_bp: int
    method: str


class ToSource(NamedTuple):
    """An order to choose warehouses for. ``promised_at`` None: by the policy's hours."""

    order_id: int
    region_code: str = ""
    promised_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """A kept choice."""

    decision_id: int
    order_id: int
    cause: Cause
    region_code: str
    method: str
    gap_bp: int
    moved_pieces: int
    is_kept: bool
    """The order kept what it held, because somebody was quicker or nothing better was there."""
    choice: Choice
    decided_at: datetime
    hours: int | None


class Broken(NamedTuple):
    """Pieces of a paid line that are lost."""

    order_id: int
    line_id: int
    sku_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Backorder:
    """Pieces of a paid line that no warehouse has: they wait, or were taken out of the order."""

    backorder_id: BackorderId
    order_id: int
    line_id: int
    sku_id: SkuId
    quantity: int
    shortfall: Shortfall
    state: BackorderState
    cause: Cause
    opened_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many parcels a warehouse sends a day without extra cost."""

    warehouse_id: WarehouseId
    parcels_per_day: int
