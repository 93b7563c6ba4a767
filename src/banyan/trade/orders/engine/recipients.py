"""Who sees where an order goes: the one rule for every page, list, file and answer."""

from __future__ import annotations

from collections.abc import Callable

from banyan.kernel.values.masks import masked, masked_address
from banyan.people.identity.types import Scope
from banyan.trade.orders.types import Recipient


def sees_whole(has_scope: Callable[[str], bool], is_buyer: bool = False) -> bool:
    """Whether somebody sees name, phone and address in full: the buyer his own, and who packs and ships. Nobody else does."""
    return is_buyer or has_scope(Scope.ORDERS_SHIP)


def disguised(recipient: Recipient) -> Recipient:
    """What everybody else sees: the address down to its district, name and phone masked."""
    return Recipient(
        masked(recipient.name), masked(recipient.phone), masked_address(recipient.address, recipient.region_code),
        recipient.region_code,
    )  # fmt: skip
