"""Sourcing over HTTP: for the shop's staff. Amounts are minor units, weights grams."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Router, Schema

from banyan.goods.inventory.types import WarehouseId
from banyan.goods.sourcing import commands, queries
from banyan.goods.sourcing.types import (
    Backorder,
    BackorderId,
    BackorderState,
    Capacity,
    Cause,
    Decision,
    Option,
    Policy,
    Shortfall,
    Split,
    Weights,
    Zone,
)
from banyan.kernel.http import ErrorBody, Page, PublicId, endpoint, page_of, principal_of
from banyan.kernel.values.errors import Forbidden, NotFound

router = Router(tags=["sourcing"])
_ERRORS: dict[int, Any] = {400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 404: ErrorBody, 409: ErrorBody, 422: ErrorBody}
_STAFF = ("platform", "operator", "warehouse", "auditor", "finance")

OrderRef = Annotated[int, PublicId("ord")]
LineRef = Annotated[int, PublicId("oln")]
SkuRef = Annotated[int, PublicId("sku")]
WarehouseRef = Annotated[int, PublicId("whs")]
BackorderRef = Annotated[int, PublicId("bko")]
DecisionRef = Annotated[int, PublicId("src")]
Amount = Annotated[int, Field(ge=0, le=10**9)]
Hours = Annotated[int, Field(ge=0, le=8760)]


class OnlyShopStaff(Forbidden):
    """Suppliers see the stock of their own SKUs, not where orders go."""

    code = "only_staff"
    advice = "Ask the shop's warehouse."


class WeightsBody(Schema):
    """What is worth how much: an hour late, a piece a day too old, a parcel beyond capacity, a further parcel, a step of
    priority."""

    late_minor: Amount = 20
    fresh_minor: Amount = 50
    load_minor: Amount = 300
    split_minor: Amount = 500
    priority_minor: Amount = 0


class SourcingPolicyBody(Schema):
    """How the shop's orders are sourced."""

    is_on: bool = False
    split: Split = Split.WHEN_CHEAPER
    shortfall: Shortfall = Shortfall.SPLIT_SHIP
    promise_hours: Hours = 72
    fresh_days: Annotated[int, Field(ge=0, le=3650)] = 0
    weights: WeightsBody = WeightsBody()


class ZoneBody(Schema):
    """One zone: for ways up to so many kilometres (null: any), or into these provinces (two digits) from elsewhere."""

    code: Annotated[str, Field(min_length=1, max_length=20, pattern=r"^[^\x00-\x1f\x7f]+$")]
    name: Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f\x7f]+$")]
    up_to_km: Annotated[int, Field(ge=0, le=40_000)] | None = None
    first_grams: Amount = 1000
    first_minor: Amount
    step_grams: Annotated[int, Field(ge=1, le=10**9)] = 1000
    step_minor: Amount
    hours: Hours
    provinces: Annotated[list[Annotated[str, Field(pattern=r"^[0-9]{2}$")]], Field(max_length=40)] = []


class ZonesBody(Schema):
    """The zones of the freight tariff; the first that fits counts. An empty list is the example tariff."""

    zones: Annotated[list[ZoneBody], Field(max_length=50)]


class CapacityBody(Schema):
    """How many parcels a warehouse sends a day without extra cost."""

    warehouse_id: WarehouseRef
    parcels_per_day: Amount


class CapacitiesBody(Schema):
    """The limits of all warehouses that have one."""

    capacities: Annotated[list[CapacityBody], Field(max_length=1000)]


class CostOut(Schema):
    """The parts of a cost. ``short_pieces``: what the option leaves out."""

    freight_minor: int
    late_minor: int
    fresh_minor: int
    load_minor: int
    split_minor: int
    priority_minor: int
    total_minor: int
    short_pieces: int


class SourcedParcelOut(Schema):
    """What one warehouse sends, how far and how long."""

    warehouse_id: WarehouseRef
    zone: str
    km: int | None
    hours: int
    grams: int


class SourcedPieceOut(Schema):
    """So many pieces of a line from one warehouse."""

    line_id: LineRef
    sku_id: SkuRef
    warehouse_id: WarehouseRef
    quantity: int


class OptionOut(Schema):
    """One way to serve an order."""

    pieces: list[SourcedPieceOut]
    parcels: list[SourcedParcelOut]
    cost: CostOut


class DecisionOut(Schema):
    """Why these warehouses: what was chosen, the best other way, and single warehouses beside it, cheapest first.

    ``gap_bp``: how far the whole batch may be from the best possible. ``is_kept``: somebody was quicker, the order kept what
    it held.
    """

    id: DecisionRef
    cause: Cause
    region_code: str
    region: str
    promised_hours: int | None
    method: str
    gap_bp: int
    moved_pieces: int
    is_kept: bool
    decided_at: datetime
    chosen: OptionOut
    runner_up: OptionOut | None
    alone: list[OptionOut]


class BackorderOut(Schema):
    """Pieces of a paid line that wait, waited, or were given up."""

    id: BackorderRef
    order_id: OrderRef
    line_id: LineRef
    sku_id: SkuRef
    quantity: int
    shortfall: Shortfall
    state: BackorderState
    cause: Cause
    opened_at: datetime
    ended_at: datetime | None


class SourcedOrderOut(Schema):
    """Everything that was decided about where an order comes from, newest first, and what of it waits."""

    decisions: list[DecisionOut]
    backorders: list[BackorderOut]


class CancelBackordersIn(Schema):
    """Backorders to give up, all or none."""

    backorder_ids: Annotated[list[BackorderRef], Field(min_length=1, max_length=500)]


class CancelledOut(Schema):
    """How many were given up."""

    cancelled: int


def _staff(request: HttpRequest) -> None:
    if not principal_of(request).is_any(*_STAFF):
        raise OnlyShopStaff("Only the shop's staff may see this.")


def _policy_out(policy: Policy) -> dict[str, Any]:
    w = policy.weights
    return {
        "is_on": policy.is_on, "split": policy.split, "shortfall": policy.shortfall, "promise_hours": policy.promise_hours,
        "fresh_days": policy.fresh_days,
        "weights": {
            "late_minor": w.late_minor, "fresh_minor": w.fresh_minor, "load_minor": w.load_minor, "split_minor": w.split_minor,
            "priority_minor": w.priority_minor,
        },
    }  # fmt: skip


def _zone_out(zone: Zone) -> dict[str, Any]:
    return {
        "code": zone.code, "name": zone.name, "up_to_km": zone.up_to_km, "first_grams": zone.first_grams,
        "first_minor": zone.first_minor, "step_grams": zone.step_grams, "step_minor": zone.step_minor, "hours": zone.hours,
        "provinces": list(zone.provinces),
    }  # fmt: skip


def _option_out(option: Option) -> dict[str, Any]:
    return {
        "pieces": [piece._asdict() for piece in option.pieces],
        "parcels": [parcel._asdict() for parcel in option.parcels],
        "cost": option.cost._asdict() | {"total_minor": option.cost.total_minor},
    }


def _decision_out(decision: Decision) -> dict[str, Any]:
    choice = decision.choice
    return {
        "id": decision.decision_id, "cause": decision.cause, "region_code": decision.region_code,
        "region": queries.region_name(decision.region_code) if decision.region_code else "", "promised_hours": decision.hours,
        "method": decision.method, "gap_bp": decision.gap_bp, "moved_pieces": decision.moved_pieces,
        "is_kept": decision.is_kept, "decided_at": decision.decided_at, "chosen": _option_out(choice.chosen),
        "runner_up": _option_out(choice.runner_up) if choice.runner_up else None,
        "alone": [_option_out(option) for option in choice.alone],
    }  # fmt: skip


def _backorder_out(one: Backorder) -> dict[str, Any]:
    return {
        "id": one.backorder_id, "order_id": one.order_id, "line_id": one.line_id, "sku_id": one.sku_id, "quantity": one.quantity,
        "shortfall": one.shortfall, "state": one.state, "cause": one.cause, "opened_at": one.opened_at, "ended_at": one.ended_at,
    }  # fmt: skip


@router.get("/sourcing/policy", response={200: SourcingPolicyBody, **_ERRORS})
@endpoint(scope="inventory:read")
def get_policy(request: HttpRequest) -> Any:
    """The shop's policy of sourcing."""
    _staff(request)
    return _policy_out(queries.get_policy())


@router.put("/sourcing/policy", response={200: SourcingPolicyBody, **_ERRORS})
@endpoint(scope="inventory:write", write=True)
def set_policy(request: HttpRequest, body: SourcingPolicyBody) -> Any:
    """Change the policy; it counts for orders paid from now on, within half a minute."""
    _staff(request)
    weights = Weights(**body.weights.dict())
    commands.set_policy(Policy(body.is_on, body.split, body.shortfall, body.promise_hours, body.fresh_days, weights))
    return _policy_out(queries.get_policy())


@router.get("/sourcing/tariff", response={200: ZonesBody, **_ERRORS})
@endpoint(scope="inventory:read")
def get_tariff(request: HttpRequest) -> Any:
    """The freight tariff by zones."""
    _staff(request)
    return {"zones": [_zone_out(zone) for zone in queries.get_policy().zones]}


@router.put("/sourcing/tariff", response={200: ZonesBody, **_ERRORS})
@endpoint(scope="inventory:write", write=True)
def set_tariff(request: HttpRequest, body: ZonesBody) -> Any:
    """Replace the freight tariff; choices that were made keep theirs."""
    _staff(request)
    commands.set_zones(
        [
            Zone(
                z.code, z.name, z.up_to_km, z.first_grams, z.first_minor, z.step_grams, z.step_minor, z.hours, tuple(z.provinces)
            )
            for z in body.zones
        ]
    )
    return {"zones": [_zone_out(zone) for zone in queries.get_policy().zones]}


def _capacities_out() -> dict[str, Any]:
    found = queries.list_capacities()
    return {"capacities": [{"warehouse_id": one.warehouse_id, "parcels_per_day": one.parcels_per_day} for one in found]}


@router.get("/sourcing/capacities", response={200: CapacitiesBody, **_ERRORS})
@endpoint(scope="inventory:read")
def get_capacities(request: HttpRequest) -> Any:
    """The warehouses' limits."""
    _staff(request)
    return _capacities_out()


@router.put("/sourcing/capacities", response={200: CapacitiesBody, **_ERRORS})
@endpoint(scope="inventory:write", write=True)
def set_capacities(request: HttpRequest, body: CapacitiesBody) -> Any:
    """Replace the warehouses' limits; those not named have none."""
    _staff(request)
    commands.set_capacities([Capacity(WarehouseId(one.warehouse_id), one.parcels_per_day) for one in body.capacities])
    return _capacities_out()


@router.get("/sourcing/orders/{order_id}", response={200: SourcedOrderOut, **_ERRORS})
@endpoint(scope="inventory:read")
def get_sourced_order(request: HttpRequest, order_id: OrderRef) -> Any:
    """Why an order comes from its warehouses, with alternatives and the runner-up, and what of it waits."""
    _staff(request)
    decisions = queries.list_decisions([order_id]).get(order_id, [])
    backorders = queries.backorders_of([order_id]).get(order_id, [])
    if not decisions and not backorders:
        raise NotFound("Nothing was decided about this order.")
    return {"decisions": [_decision_out(one) for one in decisions], "backorders": [_backorder_out(one) for one in backorders]}


@router.get("/sourcing/backorders", response={200: Page[BackorderOut], **_ERRORS})
@endpoint(scope="inventory:read")
def list_backorders(
    request: HttpRequest, state: BackorderState | None = BackorderState.OPEN, cursor: str | None = None, limit: int = 50
) -> Any:
    """Backorders, oldest first: in the order in which they are served."""
    _staff(request)

    def read(after_id: int | None, count: int) -> list[Backorder]:
        return queries.list_backorders(state, after_id, count)

    page = page_of(read, cursor, limit, lambda one: one.backorder_id)
    return page | {"items": [_backorder_out(one) for one in page["items"]]}


@router.post("/sourcing/backorders/cancel", response={200: CancelledOut, **_ERRORS})
@endpoint(scope="inventory:write", write=True)
def cancel_backorders(request: HttpRequest, body: CancelBackordersIn) -> Any:
    """Give up pieces that wait; their money goes back to the buyer."""
    _staff(request)
    return {"cancelled": commands.cancel_backorders([BackorderId(one) for one in body.backorder_ids])}
