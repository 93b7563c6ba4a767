"""What the demo world came to: one table, and the log-ins."""

from __future__ import annotations

from typing import Any

from banyan.config.demo.founding import PLATFORM_LOGIN, STAFF
from banyan.kernel import sql, tenancy
from banyan.kernel.tenancy.registry import PLATFORM_SLUG
from banyan.kernel.values.money import format_minor
from banyan.treasury.ledger import queries as ledger

_COUNTS = (
    ("distributors", "SELECT count(*) FROM distributors WHERE tenant_id = %s"),
    ("consumers and distributors", "SELECT count(*) FROM identity_users WHERE tenant_id = %s"),
    ("orders placed", "SELECT count(*) FROM orders_orders WHERE tenant_id = %s"),
    ("commissions", "SELECT count(*) FROM commission_commissions WHERE tenant_id = %s"),
    ("statements", "SELECT count(*) FROM settlement_statements WHERE tenant_id = %s"),
    ("payouts", "SELECT count(*) FROM payouts_payouts WHERE tenant_id = %s"),
    ("audit entries", "SELECT count(*) FROM audit_entries WHERE tenant_id = %s"),
)


def table(built: Any) -> Any:
    """Counts, the trial balance and the time it took, as a rich table."""
    from rich.table import Table

    shown = Table(title="榕树生活馆 · the demo shop", show_header=False, title_justify="left")
    shown.add_column("what")
    shown.add_column("figure", justify="right")
    with tenancy.enter(built.shop.tenant_id, actor="demo"):
        for name, query in _COUNTS:
            shown.add_row(name, f"{sql.fetch(query, (built.shop.tenant_id,))[0][0]:,}")
        shown.add_row("paid over HTTP at the channel's simulator", f"{built.life.tallies.paid_over_http:,}")
        shown.add_row("returns accepted", f"{built.life.tallies.returns:,}")
        shown.add_section()
        for line in ledger.trial_balance():
            shown.add_row(f"ledger: {line.kind}", format_minor(line.balance_minor, line.currency))
    shown.add_section()
    shown.add_row("seconds", f"{built.seconds:.1f}")
    return shown


def logins(built: Any) -> str:
    """Who can sign in, one line each."""
    slug = tenancy.get_tenant(built.shop.tenant_id).slug
    rows = [f"  {login}@{slug}".ljust(24) + role.value for login, _, role in STAFF]
    rows += [
        f"  {login}@{slug}".ljust(24) + role for login, role in zip(built.life.sign_in, ("distributor", "consumer"), strict=False)
    ]
    rows.append(f"  {PLATFORM_LOGIN}@{PLATFORM_SLUG}".ljust(24) + "platform (enters a shop with a reason, on record)")
    return "\n".join([f"Log-ins (password of all: {built.shop.password})", *rows])
