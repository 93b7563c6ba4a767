"""What an exchange costs: pure arithmetic over what the goods that come back are worth.

Goods worth A come back, others at price B go out. What both have in common, min(A, B), is carried on: it stays where it was
paid and the replacement is worth it. B − A is collected as the replacement's total, A − B is refunded. So commission on
what is carried on stays, and only the difference earns or takes back: the base of the sale ends at exactly B.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from banyan.trade.returns.types import LineRefund


@dataclass(frozen=True, slots=True)
class Replacement:
    """One line that goes out instead. `unit_minor` × `quantity` − `discount_minor` is what the buyer still pays for it."""

    line_id: int
    sku_id: int
    quantity: int
    unit_minor: int
    discount_minor: int
    carried_minor: int


def exchange_line(returned: LineRefund, sku_id: int, unit_minor: int | None) -> tuple[LineRefund, Replacement]:
    """Turn the decided refund of a line into an exchange. `unit_minor` None: the same goods at the price that was paid.

    What was kept for damage is paid by the buyer then: the goods that go out are worth what the sound ones were.
    """
    back_minor = returned.refund_minor
    if unit_minor is None:
        worth_minor = returned.refund_minor + returned.deducted_minor
        unit_minor = -(-worth_minor // returned.quantity)
    else:
        worth_minor = unit_minor * returned.quantity
    carried_minor = min(back_minor, worth_minor)
    discount_minor = unit_minor * returned.quantity - (worth_minor - carried_minor)
    changed = replace(returned, refund_minor=back_minor - carried_minor, carried_minor=carried_minor)
    return changed, Replacement(returned.line_id, sku_id, returned.quantity, unit_minor, discount_minor, carried_minor)
