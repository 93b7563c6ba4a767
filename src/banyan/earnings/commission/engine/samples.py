"""A sample order as the engine takes it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo

from banyan.earnings.commission.types import Member, OrderFacts, PaidLine, PaidOrder, Spent
from banyan.earnings.commission.types.samples import SampleLine, SampleOrder, SamplePerson


class Names:
    """Ids for the people of a sample: those whom the plan names bear their own, all others small numbers that no row has."""

    def __init__(self, known: Mapping[str, int] | None = None) -> None:
        self.ids: dict[str, int] = dict(known or {})
        self.next = 1

    def id_of(self, name: str) -> int:
        if name not in self.ids:
            self.ids[name] = self.next
            self.next += 1
        return self.ids[name]

    def member(self, person: SamplePerson, depth: int = 0) -> Member:
        return Member(self.id_of(person.name), depth, person.tier, person.status, dict(person.figures) or None)

    def by_id(self) -> dict[int, str]:
        return {number: name for name, number in self.ids.items()}


def names_for(orders: tuple[SampleOrder, ...]) -> Names:
    """The names of these orders, beginning with the people whom the plan names."""
    return Names({person.name: person_id for order in orders for person_id, person in order.people})


def sample_order(sample: SampleOrder, names: Names, zone: tzinfo, order_id: int = 1) -> PaidOrder:
    """The sample as a paid order; its lines are numbered from 1."""
    local = sample.paid_at.astimezone(zone)
    spent = sample.spent
    facts = OrderFacts(
        channel=sample.channel,
        region_code=sample.region_code,
        first_order=sample.first_order,
        local_minute=local.hour * 60 + local.minute,
        buyer=names.member(sample.buyer) if sample.buyer is not None else None,
        partners=tuple((scope, names.member(person)) for scope, person in sample.partners),
        people=tuple(names.member(person) for _, person in sample.people),
        spent=None
        if spent is None
        else Spent(
            spent.budget_minor,
            tuple((names.id_of(name), minor) for name, minor in spent.payees),
            tuple((rule, names.id_of(name), minor) for rule, name, minor in spent.rules),
        ),
    )
    return PaidOrder(
        order_id,
        sample.paid_at,
        tuple(_line(line, number) for number, line in enumerate(sample.lines, start=1)),
        tuple(names.member(person, depth) for depth, person in enumerate(sample.upline)),
        facts,
    )


def _line(line: SampleLine, number: int) -> PaidLine:
    return PaidLine(
        number, line.amount_minor, line.quantity, line.sku_id, line.category_path, line.tags, line.listed_at, line.product_id,
        line.supplier_id, line.cost_minor,
    )  # fmt: skip
