"""What a replay came to, for people and as the flat object."""

from __future__ import annotations

from typing import Any

from banyan.kernel import sql, tenancy
from banyan.kernel.values.money import format_minor
from banyan.treasury.ledger import queries as ledger

from .forest import JOIN_NOTE
from .founding import CURRENCY
from .running import Replayed

UNMATCHED_SHOWN = 10


def as_object(done: Replayed) -> dict[str, int | float]:
    """The keys of ``--json``."""
    return {
        "orders": done.tally.orders,
        "returns": done.tally.returns,
        "excluded": sum(done.stream.excluded.values()),
        "revenue_minor": done.tally.revenue_minor,
        "data_revenue_minor": done.stream.data_revenue_minor,
        "orders_per_s": round(done.orders_per_s, 1),
        "peak_mib": done.peak_mib,
        "findings": len(done.findings),
    }


def _money(minor: int) -> str:
    return format_minor(minor, CURRENCY)


def show(done: Replayed, screen: Any) -> None:
    """Tables: the run, commission by depth and rule, the ledger, what was left out; then the notes."""
    screen.print(_run(done))
    with tenancy.enter(done.shop.tenant_id, actor="replay"):
        screen.print(_commission(done))
        screen.print(_money_out(done))
    screen.print(_left_out(done))
    for finding in done.findings[:50]:
        screen.print(f"[red]{finding.check}  {finding.subject}: expected {finding.expected}, found {finding.actual}[/red]")
    screen.print(f"\n{JOIN_NOTE}")
    screen.print("The plan is made up to hold every kind of rule and stands under the sandbox rule set, which is no law.")
    screen.print("Pounds are booked as yuan one to one, because the domestic WeChat protocol carries nothing else.")
    screen.print(
        f"orders/s counts placing, paying, accruing and posting, by two processes side by side as an installation has; the "
        f"{done.tally.over_http} orders that were paid through the simulator over HTTP are counted and timed apart, as are "
        "goods, returns and settlement. Commits do not wait for the disk."
    )


def _run(done: Replayed) -> Any:
    from rich.table import Table

    tally, shown = done.tally, Table(title="Replay", show_header=False, title_justify="left")
    shown.add_column("what")
    shown.add_column("figure", justify="right")
    pairs: list[tuple[str, str]] = [
        ("orders", f"{tally.orders:,} with {tally.lines:,} lines"),
        ("orders refused", f"{tally.refused:,}"),
        ("revenue replayed", _money(tally.revenue_minor)),
        ("revenue of the data", _money(done.stream.data_revenue_minor)),
        ("paid over HTTP through the simulator", f"{tally.over_http:,}"),
        ("returns", f"{tally.returns:,} with {tally.returned_pieces:,} pieces"),
        ("distributors / bound buyers", f"{done.shop.distributor_count:,} / {done.shop.bound_count:,}"),
        ("orders per second, end to end", f"{done.orders_per_s:,.0f}"),
        ("seconds: founding", f"{done.founding_seconds:.1f}"),
        ("seconds: orders, payment, commission, ledger", f"{tally.river_seconds:.1f}"),
        *((f"seconds: {name}", f"{seconds:.1f}") for name, seconds in sorted(tally.seconds.items())),
        ("seconds: verification", f"{done.verify_seconds:.1f}"),
        ("seconds: all", f"{done.seconds:.1f}"),
        ("peak memory of this process", f"{done.peak_mib} MiB"),
        ("numbers verified", f"{done.compared:,}"),
        ("findings", f"{len(done.findings):,}"),
    ]
    pairs += [(f"returns refused: {code}", f"{count:,}") for code, count in sorted(tally.returns_refused.items())]
    for name, figure in pairs:
        shown.add_row(name, figure)
    return shown


def _commission(done: Replayed) -> Any:
    from rich.table import Table

    shown = Table(title="Commission by depth and rule", title_justify="left")
    for name in ("depth", "rule", "kind", "rows", "accrued", "clawed back"):
        shown.add_column(name, justify="left" if name in ("rule", "kind") else "right")
    rows = sql.fetch(
        "SELECT c.depth, c.rule_key, c.kind, count(*), sum(c.amount_minor)::bigint, coalesce(sum(r.amount), 0)::bigint"
        " FROM commission_commissions c LEFT JOIN (SELECT commission_id, sum(amount_minor) AS amount FROM commission_reversals"
        " WHERE tenant_id = %s GROUP BY 1) r ON r.commission_id = c.id WHERE c.tenant_id = %s"
        " GROUP BY 1, 2, 3 ORDER BY 1, 5 DESC",
        (done.shop.tenant_id, done.shop.tenant_id),
    )
    for depth, rule, kind, count, accrued, reversed_minor in rows:
        shown.add_row(str(depth), rule, kind, f"{count:,}", _money(accrued), _money(reversed_minor))
    shown.add_section()
    shown.add_row("", "all", "", f"{sum(r[3] for r in rows):,}", _money(sum(r[4] for r in rows)), _money(sum(r[5] for r in rows)))
    return shown


def _money_out(done: Replayed) -> Any:
    from rich.table import Table

    shown = Table(title="Settlement and ledger", show_header=False, title_justify="left")
    shown.add_column("what")
    shown.add_column("count", justify="right")
    shown.add_column("amount", justify="right")
    for name, table, amount in (("statements", "settlement_statements", "status"), ("payouts", "payouts_payouts", "state")):
        for state, count, total in sql.fetch(
            f"SELECT {amount}, count(*), sum(amount_minor)::bigint FROM {table} WHERE tenant_id = %s GROUP BY 1 ORDER BY 1",
            (done.shop.tenant_id,),
        ):
            shown.add_row(f"{name}: {state}", f"{count:,}", _money(total))
    shown.add_section()
    for line in ledger.trial_balance():
        shown.add_row(f"ledger: {line.kind}", "", _money(line.balance_minor))
    return shown


def _left_out(done: Replayed) -> Any:
    from rich.table import Table

    stream = done.stream
    shown = Table(title="Lines left out, by reason", title_justify="left")
    shown.add_column("reason")
    shown.add_column("lines", justify="right")
    shown.add_column("value in pounds", justify="right")
    for reason, count in sorted(stream.excluded.items()):
        shown.add_row(reason, f"{count:,}", f"{stream.excluded_milli[reason] / 1000:,.3f}")
    shown.add_section()
    shown.add_row("all", f"{sum(stream.excluded.values()):,} of {stream.line_count:,}", "")
    if stream.unmatched:
        shown.add_section()
        shown.add_row(f"cancellations without their order: {len(stream.unmatched):,}, in whole or part; the first are", "", "")
        for invoice, code, count, reason in stream.unmatched[:UNMATCHED_SHOWN]:
            shown.add_row(f"  {invoice} {code}: {count} pieces, {reason}", "", "")
    return shown
