"""Whether the periods that a plan pays and adjusts can be held to its total cap together.

A close takes what orders, and closes of periods within its own, left of the cap. Two things it cannot see: what the close of a
period took that shares only some of its days (a week over a month's end), and by how much orders will be trued up later. There
the plan's rates themselves must keep within the cap.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from banyan.earnings.commission.types import Period, Plan, is_periodic

from .document import parse_plan
from .facts import paid_range
from .faults import Fault, PlanDocumentError
from .periods import holds
from .true_up import true_up_period

UNCAPPED = 10**9


def accept_plan(document: object) -> Plan:
    """The plan that `document` means, as `parse_plan`, if new orders may be decided by it. Raises PlanDocumentError.

    What was published before this was asked is read by `parse_plan`: it stays what it is.
    """
    plan = parse_plan(document)
    faults = tuple(nesting_faults(plan))
    if faults:
        raise PlanDocumentError(faults)
    return plan


def nesting_faults(plan: Plan) -> Iterator[Fault]:
    """Rules whose periods could together pay more than `caps.total_bp`."""
    periods = {rule.pays.period for rule in plan.rules if rule.pays.period is not None}
    crossing = {each for each in periods if any(not holds(each, other) and not holds(other, each) for other in periods)}
    trued = true_up_period(plan)
    early = {each for each in periods if trued is not None and not holds(each, trued)}
    counted = periods if crossing else early
    if not counted or _keeps_within(plan, counted):
        return
    most = _rates_of(plan, counted)
    for index, rule in enumerate(plan.rules):
        at = f"rules[{index}].pays.period"
        if rule.pays.period in crossing:
            yield Fault(
                at,
                "its closes share days with those of another period that neither lies in nor holds it, and could together pay"
                " more than caps.total_bp: use only day and week, or only day, month, quarter and year; or keep all rates"
                f" together (now {most}) within caps.total_bp, without caps.margin_bp",
            )
        elif rule.pays.period in early:
            yield Fault(
                at,
                "orders are trued up after this period was paid, and could together get more than caps.total_bp: use a period in"
                f" which that of true_up lies; or keep all rates together (now {most}) within caps.total_bp, without"
                " caps.margin_bp",
            )


def _keeps_within(plan: Plan, counted: set[Period]) -> bool:
    return plan.caps.margin_bp is None and _rates_of(plan, counted) <= plan.caps.total_bp


def _rates_of(plan: Plan, counted: set[Period]) -> int:
    """What orders and the closes of these periods can pay at most were there no cap."""
    rules = tuple(rule for rule in plan.rules if not is_periodic(rule) or rule.pays.period in counted)
    return paid_range(replace(plan, rules=rules, caps=replace(plan.caps, total_bp=UNCAPPED))).total_rate_bp
