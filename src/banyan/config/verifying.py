"""Runs every check there is: the structure once, then each tenant's numbers in one consistent, read-only snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import connections

from banyan.config import river
from banyan.config.structure import check_structure
from banyan.kernel import ids, sql, tenancy, verification
from banyan.kernel.verification import Finding, Tally


@dataclass
class Report:
    """What a run found. ``checked`` counts compared numbers over all tenants and the structure."""

    findings: list[tuple[str, Finding]] = field(default_factory=list)
    checked: int = 0
    checks: int = 0
    tenants: int = 0


Step = Callable[[str, str], None]


def verify(tenant_ids: list[int] | None = None, step: Step = lambda tenant, check: None, structure: bool = True) -> Report:
    """Run all checks. ``step(tenant slug, check name)`` is told before each one. Reads only; safe while work goes on."""
    report = Report()
    if structure:
        step("", "structure")
        tally = Tally()
        report.findings += [("", finding) for finding in check_structure(tally)]
        report.checked += tally.compared
        report.checks += 1
    for tenant_id in tenancy.list_tenant_ids() if tenant_ids is None else tenant_ids:
        slug = tenancy.get_tenant(tenant_id).slug
        report.tenants += 1
        entered = tenancy.enter(tenant_id, actor="verify", reason="verification")
        with _snapshot(), entered, verification.reading_everything():
            for check in (*verification.checks(), *river.CHECKS, _SET_ASIDE):
                step(slug, check.name)
                tally = Tally()
                report.findings += [(slug, finding) for finding in check.run(tally)]
                report.checked += tally.compared
                report.checks += 1
    return report


@contextmanager
def _snapshot() -> Iterator[None]:
    """Let the next transactions of this thread see one moment: with a worker running, two statements of a check would
    otherwise see two different moments and find a difference that never was."""
    connection = connections["default"]
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_isolation = 'repeatable read'")
        cursor.execute("SET default_transaction_read_only = on")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET default_transaction_isolation")
            cursor.execute("RESET default_transaction_read_only")


def _set_aside(tally: Tally) -> Iterator[Finding]:
    """Events that a reaction could not take: their effects are missing until someone retries or dismisses them."""
    tenant_id = tenancy.current_tenant_id()
    tally.compared += sql.fetch("SELECT count(*) FROM outbox_events WHERE tenant_id = %s", (tenant_id,))[0][0]
    rows = sql.fetch(
        "SELECT event_id, kind, reaction FROM set_aside_events WHERE tenant_id = %s AND resolved_at IS NULL ORDER BY id",
        (tenant_id,),
    )
    for event_id, kind, reaction in rows:
        yield Finding("events.set_aside", f"{kind} {ids.public('evt', event_id)}", f"taken by {reaction}", "set aside")


_SET_ASIDE = verification.Check("events.set_aside", _set_aside)
