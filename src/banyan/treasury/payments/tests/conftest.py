"""A channel of its own for every test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from banyan.treasury.payments import ports
from banyan.treasury.payments.tests.channel import MemoryChannel


@pytest.fixture
def channel() -> Iterator[MemoryChannel]:
    """A channel known under a fresh name."""
    made = MemoryChannel(f"memory_{os.urandom(4).hex()}")
    ports.register_channel(made.name, lambda tenant_id: made)
    yield made
    del ports._factories[made.name]


@pytest.fixture
def opened(tenant: Any, channel: MemoryChannel) -> Callable[..., Any]:
    """A function that opens a payment and returns it as it is read."""
    from banyan.treasury.payments import commands, queries
    from banyan.treasury.payments.types import NewPayment

    def make(order_id: int = 1, amount: int = 1000, currency: str = "CNY", **more: Any) -> Any:
        with tenant.enter():
            (payment_id,) = commands.open_payments([NewPayment(order_id, amount, currency, channel.name, **more)])
            return queries.get_payment(payment_id)

    return make
