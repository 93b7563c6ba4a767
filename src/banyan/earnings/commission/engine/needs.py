"""What a plan asks about an order beyond its lines and upline: read only then, so that other plans pay nothing for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from banyan.earnings.commission.types import (
    All,
    Basis,
    Condition,
    FirstOrder,
    FromSupplier,
    InChannel,
    InRegion,
    IsProduct,
    Not,
    Plan,
    Progressive,
    Recipient,
    Some,
    TimeOfDay,
    WholeBand,
    is_periodic,
)


class Needs(NamedTuple):
    """Each is False or empty where the plan does not ask. `goods`: product, supplier and cost of the lines."""

    goods: bool = False
    channel: bool = False
    region: bool = False
    first_order: bool = False
    local_time: bool = False
    buyer: bool = False
    partners: bool = False
    people: tuple[int, ...] = ()
    figures: tuple[str, ...] = ()
    spent: bool = False
    """What was accrued before: such orders are decided one after the other."""

    @property
    def facts(self) -> bool:
        """Whether the order needs `OrderFacts` at all."""
        return bool(
            self.channel or self.region or self.first_order or self.local_time or self.buyer or self.partners or self.people
            or self.spent
        )  # fmt: skip


NOTHING = Needs()


def needs_of(plan: Plan) -> Needs:
    """The union of what its rules and caps ask."""
    conditions = [leaf for rule in plan.rules if rule.when is not None for leaf in _leaves(rule.when)]
    pays = [rule.pays for rule in plan.rules]
    figures = {
        rule.amount.figure
        for rule in plan.rules
        if isinstance(rule.amount, Progressive | WholeBand) and rule.amount.figure is not None
    }
    caps = plan.caps
    partners = any(each.to is Recipient.REGIONAL_PARTNER for each in pays)
    return Needs(
        goods=any(isinstance(each, IsProduct | FromSupplier) for each in conditions)
        or any(rule.basis is Basis.MARGIN for rule in plan.rules)
        or caps.margin_bp is not None,
        channel=any(isinstance(each, InChannel) for each in conditions),
        region=partners or any(isinstance(each, InRegion) for each in conditions),
        first_order=any(isinstance(each, FirstOrder) for each in conditions),
        local_time=any(isinstance(each, TimeOfDay) for each in conditions),
        buyer=any(each.to is Recipient.BUYER for each in pays),
        partners=partners,
        people=tuple(sorted({each.distributor_id for each in pays if each.distributor_id is not None})),
        figures=tuple(sorted(figures)),
        spent=caps.budget_minor is not None
        or caps.payee_period_minor is not None
        or any(rule.caps.period_minor is not None and not is_periodic(rule) for rule in plan.rules),
    )


def _leaves(condition: Condition) -> Iterator[Condition]:
    match condition:
        case All() | Some():
            for child in condition.conditions:
                yield from _leaves(child)
        case Not():
            yield from _leaves(condition.condition)
        case _:
            yield condition
