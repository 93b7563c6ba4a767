"""The clock of this house."""

from __future__ import annotations

from banyan.kernel import clock, jobs, tenancy
from banyan.rules.compliance import commands


@jobs.periodic_outside("compliance.pull_law", every_seconds=60, queue="notices")
def pull_law(tenant_id: int) -> int:
    """Ask the feed of the law: it belongs to the installation, so it is asked once, on behalf of the first tenant."""
    if tenant_id != min(tenancy.list_tenant_ids()):
        return 0
    commands.pull_updates()
    return 0


@jobs.periodic("compliance.watch_organizations", every_seconds=3600, queue="analytics")
def watch_organizations() -> int:
    """Compare people and layers with the line of the law."""
    commands.watch_organizations(clock.now())
    return 0
