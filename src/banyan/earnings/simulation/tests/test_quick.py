"""The quick way against the engine: the same shares wherever it answers at all."""

from __future__ import annotations

from hypothesis import event, given, settings

from banyan.earnings.commission.engine import compile_plan
from banyan.earnings.commission.tests.strategies import ceilings, orders, plans
from banyan.earnings.commission.types import LegalCeiling, PaidOrder, Plan
from banyan.earnings.simulation.engine import Goods, quick_of
from banyan.earnings.simulation.engine.known import micros


@settings(max_examples=400, deadline=None)
@given(plans(), orders(), ceilings)
def test_the_quick_way_gives_the_engines_shares(plan: Plan, order: PaidOrder, ceiling: LegalCeiling) -> None:
    quick = quick_of(plan)
    if quick is None:
        event("unknown kind")
        return
    lines = sorted((line for line in order.lines if line.base_minor > 0), key=lambda line: line.line_id)
    seats = quick.seats([(m.depth, m.tier, m.status) for m in order.upline], ceiling.upline_depth)
    assert seats is not None
    paid = micros(order.paid_at)
    shapes = [
        quick.truths(
            Goods(line.sku_id, line.category_path, line.tags, paid - micros(line.listed_at) if line.listed_at else None, paid)
        )
        for line in lines
    ]
    decided = quick.decide(
        quick.structure(seats, shapes), [x.base_minor for x in lines], [x.quantity for x in lines], ceiling.total_bp
    )
    if decided is None:
        event("a cap cuts")
        return
    event("quick")
    found = sorted(
        (quick.keys[rule], order.upline[place].distributor_id, lines[line].line_id, amount)
        for rule, place, line, amount in decided
        if amount > 0
    )
    told = compile_plan(plan).decide(order, ceiling)
    assert found == sorted((share.rule_key, share.payee_id, share.line_id, share.amount_minor) for share in told)
