"""A channel of its own for every test, and a distributor with money to be paid."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from banyan.treasury.payouts import ports
from banyan.treasury.payouts.tests.channel import MemoryPayoutChannel

AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def channel() -> Iterator[MemoryPayoutChannel]:
    """A channel known under a fresh name."""
    made = MemoryPayoutChannel(f"memory_{os.urandom(4).hex()}")
    ports.register_channel(made.name, lambda tenant_id: made)
    yield made
    del ports._factories[made.name]


@pytest.fixture
def owed(tenant: Any) -> Callable[..., None]:
    """A function that makes an amount payable to a distributor, without the houses above."""
    from banyan.kernel import ids
    from banyan.treasury.ledger import commands
    from banyan.treasury.ledger.types import AccountKind, AccountRef, EntryKind, NewEntry

    def make(distributor_id: int, amount: int) -> None:
        with tenant.enter():
            expense = AccountRef(AccountKind.COMMISSION_EXPENSE)
            payable = AccountRef(AccountKind.DISTRIBUTOR_PAYABLE, distributor_id)
            key = f"test:{ids.next_id()}"
            commands.post([NewEntry(EntryKind.ADJUSTMENT, "test", 1, AT, ((expense, amount), (payable, -amount)), key)])

    return make
