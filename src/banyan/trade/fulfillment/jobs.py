"""The clock of fulfillment. The jobs that call carriers enter the tenant themselves."""

from __future__ import annotations

from banyan.kernel import jobs
from banyan.trade.fulfillment import commands


@jobs.periodic_outside("fulfillment.book_due", every_seconds=5)
def book_due(tenant_id: int) -> int:
    """Ask carriers for waybills."""
    return commands.book_due(tenant_id)


@jobs.periodic_outside("fulfillment.track_due", every_seconds=60)
def track_due(tenant_id: int) -> int:
    """Ask carriers that have been silent."""
    return commands.track_due(tenant_id)


@jobs.periodic("fulfillment.deliver_silent", every_seconds=3600)
def deliver_silent() -> int:
    """Take parcels of carriers that tell nothing as delivered after the tenant's number of days."""
    return commands.deliver_silent()


@jobs.periodic("fulfillment.receive_due", every_seconds=3600)
def receive_due() -> int:
    """Take delivered orders as received after the tenant's number of days."""
    return commands.receive_due()


@jobs.periodic("fulfillment.follow_orders", every_seconds=60)
def follow_orders() -> int:
    """End what was overtaken."""
    return commands.follow_orders()


@jobs.periodic("fulfillment.prepare_pickups", every_seconds=30)
def prepare_pickups() -> int:
    """Paid orders are ready at their stores."""
    return commands.prepare_pickups()


@jobs.periodic("fulfillment.expire_pickups", every_seconds=300)
def expire_pickups() -> int:
    """Give back what nobody fetched."""
    return commands.expire_pickups()


@jobs.periodic("fulfillment.forget_tries", every_seconds=86_400)
def forget_tries() -> int:
    """Forget old tries at the desk."""
    return commands.forget_tries()
