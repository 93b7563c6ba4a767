"""Reads of sourcing. All run inside ``tenancy.enter``."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, partial
from importlib.resources import files
from time import monotonic
from typing import Any

from banyan.goods.inventory.types import WarehouseId
from banyan.goods.sourcing.engine.batch import decide
from banyan.goods.sourcing.engine.distances import Points
from banyan.goods.sourcing.engine.exact import solve
from banyan.goods.sourcing.types import (
    DEFAULT_ZONES,
    Answer,
    Backorder,
    BackorderState,
    Capacity,
    Cause,
    Choice,
    Cost,
    Decision,
    Missing,
    Option,
    Parcel,
    Piece,
    Policy,
    Question,
    Shortfall,
    Split,
    Weights,
    Zone,
)
from banyan.kernel import sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.divisions import place_of

_POLICY_SECONDS = 30.0
PROOF_EFFORT = 3.0
"""In the solver's own deterministic seconds."""
_policies: dict[int, tuple[float, Policy]] = {}


@cache
def points() -> Points:
    """Where provinces and prefectures are, by code."""
    text = files("banyan.goods.sourcing").joinpath("regions", "cn.csv").read_text(encoding="utf-8")
    rows = [line.split(",") for line in text.splitlines() if line and not line.startswith(("#", "code"))]
    return {code: (float(longitude), float(latitude)) for code, longitude, latitude in rows}


def region_name(code: str) -> str:
    """Province, prefecture and district of a six-digit code in words; the code itself where it is not known."""
    return place_of(code) or code


def choose(question: Question, with_solver: bool = False, prove: bool = False) -> Answer:
    """What would be chosen for this batch; nothing is read, held or kept. ``prove``: see ``exact.solve``; for small batches."""
    if not with_solver:
        return decide(question, points())
    return decide(question, points(), partial(solve, effort=PROOF_EFFORT, prove=True) if prove else solve)


def get_policy() -> Policy:
    """The tenant's policy with its zones; off when nothing was set. Kept in the process for half a minute."""
    tenant_id = current_tenant_id()
    kept = _policies.get(tenant_id)
    if kept is not None and kept[0] > monotonic():
        return kept[1]
    rows = sql.fetch(
        "SELECT is_on, split, shortfall, promise_hours, fresh_days, late_minor, fresh_minor, load_minor, split_minor,"
        " priority_minor FROM sourcing_policies WHERE tenant_id = %s",
        (tenant_id,),
    )
    zones = sql.fetch(
        "SELECT code, name, up_to_km, first_grams, first_minor, step_grams, step_minor, hours, provinces FROM sourcing_zones"
        " WHERE tenant_id = %s ORDER BY position",
        (tenant_id,),
    )
    tariff = tuple(Zone(*[*row[:8], tuple(row[8])]) for row in zones) or DEFAULT_ZONES
    policy = Policy(zones=tariff)
    if rows:
        is_on, split, shortfall, promise_hours, fresh_days, *weights = rows[0]
        policy = Policy(is_on, Split(split), Shortfall(shortfall), promise_hours, fresh_days, Weights(*weights), tariff)
    _policies[tenant_id] = (monotonic() + _POLICY_SECONDS, policy)
    return policy


def forget_policy() -> None:
    """Read the tenant's policy anew the next time: after a change."""
    _policies.pop(current_tenant_id(), None)


def list_capacities() -> list[Capacity]:
    """The warehouses that have a limit."""
    rows = sql.fetch(
        "SELECT warehouse_id, parcels_per_day FROM sourcing_capacities WHERE tenant_id = %s ORDER BY warehouse_id",
        (current_tenant_id(),),
    )
    return [Capacity(WarehouseId(row[0]), row[1]) for row in rows]


_DECISION = "id, order_id, cause, region_code, method, gap_bp, moved_pieces, is_kept, choice, decided_at, hours"


def list_decisions(order_ids: Iterable[int]) -> dict[int, list[Decision]]:
    """Every choice of these orders' warehouses, newest first; orders that were never sourced are left out."""
    rows = sql.fetch(
        f"SELECT {_DECISION} FROM sourcing_decisions WHERE tenant_id = %s AND order_id = ANY(%s::bigint[]) ORDER BY id DESC",
        (current_tenant_id(), list(order_ids)),
    )
    found: dict[int, list[Decision]] = {}
    for row in rows:
        found.setdefault(row[1], []).append(_decision(row))
    return found


def list_recent(before_id: int | None = None, limit: int = 50) -> list[Decision]:
    """Choices of all orders, newest first."""
    rows = sql.fetch(
        f"SELECT {_DECISION} FROM sourcing_decisions WHERE tenant_id = %s AND id < %s ORDER BY id DESC LIMIT %s",
        (current_tenant_id(), before_id if before_id is not None else 2**63 - 1, limit),
    )
    return [_decision(row) for row in rows]


def _decision(row: tuple[Any, ...]) -> Decision:
    values: list[Any] = [row[0], row[1], Cause(row[2]), *row[3:8], _choice(row[1], row[8]), row[9], row[10]]
    return Decision(*values)


def _choice(order_id: int, kept: dict[str, Any]) -> Choice:
    second = kept["runner_up"]
    alone = tuple(_option(one) for one in kept["alone"])
    return Choice(order_id, _option(kept["chosen"]), _option(second) if second else None, alone)


def _option(kept: list[Any]) -> Option:
    pieces, missing, parcels, cost = kept
    return Option(
        tuple(Piece(*one) for one in pieces), tuple(Missing(*one) for one in missing), tuple(Parcel(*one) for one in parcels),
        Cost(*cost),
    )  # fmt: skip


_BACKORDER = "id, order_id, line_id, sku_id, quantity, shortfall, state, cause, opened_at, ended_at"


def _backorder(row: tuple[Any, ...]) -> Backorder:
    values: list[Any] = [*row[:5], Shortfall(row[5]), BackorderState(row[6]), Cause(row[7]), *row[8:]]
    return Backorder(*values)


def list_backorders(
    state: BackorderState | None = BackorderState.OPEN, after_id: int | None = None, limit: int = 50
) -> list[Backorder]:
    """Backorders, oldest first: the order in which they are served. ``state`` None: all."""
    rows = sql.fetch(
        f"SELECT {_BACKORDER} FROM sourcing_backorders WHERE tenant_id = %s AND (%s::text IS NULL OR state = %s::text)"
        " AND id > %s ORDER BY id LIMIT %s",
        (current_tenant_id(), *[state.value if state else None] * 2, after_id or 0, limit),
    )
    return [_backorder(row) for row in rows]


def backorders_of(order_ids: Iterable[int]) -> dict[int, list[Backorder]]:
    """All backorders of these orders, oldest first; orders without any are left out."""
    rows = sql.fetch(
        f"SELECT {_BACKORDER} FROM sourcing_backorders WHERE tenant_id = %s AND order_id = ANY(%s::bigint[]) ORDER BY id",
        (current_tenant_id(), list(order_ids)),
    )
    found: dict[int, list[Backorder]] = {}
    for row in rows:
        found.setdefault(row[1], []).append(_backorder(row))
    return found


def waiting_whole(order_ids: Iterable[int]) -> set[int]:
    """The orders of which nothing leaves: pieces of them wait, and the shop lets the rest wait with them."""
    rows = sql.fetch(
        "SELECT DISTINCT order_id FROM sourcing_backorders WHERE tenant_id = %s AND order_id = ANY(%s::bigint[])"
        " AND state = 'open' AND shortfall = 'wait'",
        (current_tenant_id(), list(order_ids)),
    )
    return {row[0] for row in rows}


def count_open_backorders() -> int:
    """Backorders that wait, counted to 1,000 and no further."""
    rows = sql.fetch(
        "SELECT count(*) FROM (SELECT 1 FROM sourcing_backorders WHERE tenant_id = %s AND state = 'open' LIMIT 1000) waiting",
        (current_tenant_id(),),
    )
    return int(rows[0][0])
