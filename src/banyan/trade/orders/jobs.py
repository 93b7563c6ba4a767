"""The clock's part in orders: what nobody did in time happens by itself."""

from __future__ import annotations

from banyan.kernel import jobs
from banyan.trade.orders import commands


@jobs.periodic("orders.expire_due", every_seconds=60, queue="money")
def expire_due() -> int:
    """End unpaid orders whose payment window is over."""
    return commands.expire_due()


@jobs.periodic("orders.receive_due", every_seconds=3600, queue="money")
def receive_due() -> int:
    """Take shipped orders as received after the tenant's number of days."""
    return commands.receive_due()


@jobs.periodic("orders.close_due", every_seconds=3600, queue="money")
def close_due() -> int:
    """Close received orders after the tenant's number of days."""
    return commands.close_due()
