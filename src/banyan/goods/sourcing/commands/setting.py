"""The shop's policy, tariff and capacities. Runs inside ``tenancy.enter``; a change takes effect within half a minute."""

from __future__ import annotations

from collections.abc import Sequence

from banyan.goods.inventory import queries as inventory
from banyan.goods.sourcing.models import CapacityRow, SourcingPolicyRow, ZoneRow
from banyan.goods.sourcing.queries import forget_policy
from banyan.goods.sourcing.types import Capacity, Policy, Zone
from banyan.kernel import ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import Invalid

AMOUNT_MAX = 10**9
HOURS_MAX = 24 * 365
ZONES_MAX = 50


def set_policy(policy: Policy) -> None:
    """Set everything but the zones. Raises Invalid outside of 0 to 10⁹ minor units, 0 to a year of hours, 0 to 3,650 days."""
    if not 0 <= policy.promise_hours <= HOURS_MAX or not 0 <= policy.fresh_days <= 3650:
        raise Invalid(
            "A promise lies within 0 and 8,760 hours, a wish for freshness within 0 and 3,650 days.", field="promise_hours"
        )
    weights = policy.weights
    amounts = (weights.late_minor, weights.fresh_minor, weights.load_minor, weights.split_minor, weights.priority_minor)
    if not all(0 <= amount <= AMOUNT_MAX for amount in amounts):
        raise Invalid("What something is worth lies within 0 and 1,000,000,000 minor units.", field="weights")
    columns = (
        "id", "is_on", "split", "shortfall", "promise_hours", "fresh_days", "late_minor", "fresh_minor", "load_minor",
        "split_minor", "priority_minor",
    )  # fmt: skip
    sql.insert(
        SourcingPolicyRow,
        columns,
        [
            (
                ids.next_id(), policy.is_on, policy.split.value, policy.shortfall.value, policy.promise_hours,
                policy.fresh_days, *amounts,
            )
        ],
        on_conflict="ON CONFLICT (tenant_id) DO UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in columns[1:]),
    )  # fmt: skip
    forget_policy()


def set_zones(zones: Sequence[Zone]) -> None:
    """Replace the tariff; choices that were made keep theirs. None at all: the example tariff.

    Raises Invalid on a zone without code or name, a code twice, more than 50 zones, amounts, weights or hours that no
    carrier has, provinces that are no two digits, or when an address far away fits none.
    """
    codes = [zone.code for zone in zones]
    if len(set(codes)) != len(codes) or len(codes) > ZONES_MAX:
        raise Invalid("Up to 50 zones, each with a code of its own.", field="zones")
    for zone in zones:
        _check(zone)
    if zones and all(zone.up_to_km is not None or zone.provinces for zone in zones):
        raise Invalid("One zone must take any distance: leave its kilometres out.", field="zones")
    sql.execute("DELETE FROM sourcing_zones WHERE tenant_id = %s", (current_tenant_id(),))
    sql.insert(
        ZoneRow,
        (
            "id", "position", "code", "name", "up_to_km", "provinces", "first_grams", "first_minor", "step_grams", "step_minor",
            "hours",
        ),
        [
            (
                ids.next_id(), position, z.code, z.name, z.up_to_km, z.provinces, z.first_grams, z.first_minor, z.step_grams,
                z.step_minor, z.hours,
            )
            for position, z in enumerate(zones)
        ],
    )  # fmt: skip
    forget_policy()


def _check(zone: Zone) -> None:
    if not 0 < len(zone.code) <= 20 or not 0 < len(zone.name.strip()) <= 60 or not (zone.code + zone.name).isprintable():
        raise Invalid("A zone has a code of 1 to 20 and a name of 1 to 60 characters.", field="zones")
    amounts = (zone.first_minor, zone.step_minor)
    if not all(0 <= amount <= AMOUNT_MAX for amount in amounts) or not 0 <= zone.hours <= HOURS_MAX:
        raise Invalid("Freight lies within 0 and 1,000,000,000 minor units, the way within 0 and 8,760 hours.", field="zones")
    if not 0 <= zone.first_grams <= AMOUNT_MAX or not 0 < zone.step_grams <= AMOUNT_MAX:
        raise Invalid("Weights are not negative, the further weight not 0.", field="zones")
    if zone.up_to_km is not None and not 0 <= zone.up_to_km <= 40_000:
        raise Invalid("A distance lies within 0 and 40,000 km.", field="zones")
    if not all(len(code) == 2 and code.isascii() and code.isdigit() for code in zone.provinces):
        raise Invalid("A province is named by the first two digits of its code.", field="zones")


def set_capacities(capacities: Sequence[Capacity]) -> None:
    """Replace the limits of the warehouses; those not named have none. Raises Invalid on an unknown or repeated warehouse."""
    known = {warehouse.warehouse_id for warehouse in inventory.list_warehouses()}
    named = [capacity.warehouse_id for capacity in capacities]
    if not set(named) <= known or len(set(named)) != len(named):
        raise Invalid("A limit is for a warehouse of this shop, once.", field="capacities")
    if not all(0 <= capacity.parcels_per_day <= AMOUNT_MAX for capacity in capacities):
        raise Invalid("A limit lies within 0 and 1,000,000,000 parcels.", field="capacities")
    sql.execute("DELETE FROM sourcing_capacities WHERE tenant_id = %s", (current_tenant_id(),))
    sql.insert(
        CapacityRow,
        ("id", "warehouse_id", "parcels_per_day"),
        [(ids.next_id(), capacity.warehouse_id, capacity.parcels_per_day) for capacity in capacities],
    )
