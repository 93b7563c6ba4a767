"""`banyan replay` on a small made-up stream in the real files' shape: every command of production, and the penny."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from banyan.config.replay import running
from banyan.config.replay.plan import CHANGE_ON
from banyan.config.replay.stream import SHOP_ZONE
from banyan.earnings.commission import queries as commission
from banyan.earnings.simulation import commands as simulation
from banyan.kernel import sql, tenancy
from tests.template import clean_environment, copy_migrated_home

pyarrow = pytest.importorskip("pyarrow", reason="pyarrow reads the replay's files")
pytestmark = pytest.mark.slow
SHARED = Path(__file__).parents[3] / "shared" / "data"
SHARED_DAYS = int(os.environ.get("REPLAY_DAYS", "2"))
"""Of the shared stream; 0: all of them, which takes minutes (`make agreement`)."""


def _write_stream(folder: Path) -> None:
    """Sixty invoices on nine days; cancellations of part, of all, of nothing; guests, fees, a long invoice, zero prices."""
    import pyarrow.parquet as parquet

    chance, rows = Random(7), []
    start = datetime(2010, 12, 1, 9)  # noqa: DTZ001 - the files hold local times
    for number in range(60):
        at = start + timedelta(days=number // 7, minutes=7 * (number % 7))
        customer = None if number % 11 == 5 else 12_000 + number % 17
        for line in range(205 if number == 30 else 1 + number % 6):
            code = f"{20_000 + (number * 7 + line) % 90}"
            titles = ("WHITE LANTERN", "CAKE STAND", "RED BAG", "CHRISTMAS STAR", "CLOCK")
            quantity, milli = chance.randint(1, 12), chance.choice((850, 1_250, 2_950, 12_750))
            rows.append((f"{540_000 + number}", code, titles[int(code) % 5], quantity, milli, customer, at))
    back = [row for row in rows if row[5] is not None][3:40:6]
    for place, (_, code, title, quantity, milli, customer, at) in enumerate(back):
        pieces = quantity if place % 2 else max(1, quantity // 2)
        rows.append((f"C{550_000 + place}", code, title, -pieces, milli, customer, at + timedelta(days=1 + place)))
    rows.append(("C559999", "20001", "CAKE STAND", -3, 850, 99_999, start + timedelta(days=5)))
    rows.append(("540001", "POST", "POSTAGE", 1, 18_000, 12_001, start + timedelta(minutes=7)))
    rows.append(("560000", "20002", "", -4, 0, None, start))
    rows.append(("560001", "20002", "GIFT", 2, 0, 12_001, start))
    names = ("invoice_no", "stock_code", "description", "quantity", "unit_price_milli", "customer_id", "invoice_ts")
    parquet.write_table(
        pyarrow.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))), folder / "lines.parquet"
    )


def _write_forest(folder: Path) -> None:
    import pyarrow.parquet as parquet

    users = list(range(400))
    parents = [-1 if user % 20 == 0 else (user - 1 if user % 3 else user // 2) for user in users]
    table = pyarrow.table({"user": users, "parent": parents})
    parquet.write_table(table, folder / "first_join_forest.parquet")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stream")
    _write_stream(folder)
    _write_forest(folder)
    return folder


@pytest.fixture(scope="module")
def done(database: None, files: Path) -> running.Replayed:
    return running.replay(files, files, say=lambda text: None, progress=lambda *steps: None)


def test_the_replayed_revenue_is_the_files_to_the_penny_and_nothing_is_wrong(done: running.Replayed) -> None:
    assert done.findings == []
    assert done.is_exact and done.tally.revenue_minor > 100_000
    assert done.tally.refused == 0
    assert done.tally.orders == 61  # the long invoice is two orders
    assert done.compared > 1_000


def test_cancellations_become_returns_and_the_others_are_listed(done: running.Replayed) -> None:
    assert done.tally.returns == len({(back.cancellation, back.invoice) for back in done.stream.returns}) > 3
    assert not done.tally.returns_refused
    assert ("C559999", "20001", 3, "no sale of these goods to this customer") in done.stream.unmatched
    assert done.stream.excluded["price zero"] == 1


def test_money_went_the_whole_way_and_back(done: running.Replayed) -> None:
    tenant_id = done.shop.tenant_id
    with tenancy.enter(tenant_id):
        paid = sql.fetch(
            "SELECT count(*), sum(amount_minor) FROM payouts_payouts WHERE tenant_id = %s AND state = 'completed'", (tenant_id,)
        )
        other = sql.fetch("SELECT count(*) FROM payouts_payouts WHERE tenant_id = %s AND state <> 'completed'", (tenant_id,))
        refunds = sql.fetch("SELECT state, count(*) FROM payments_refunds WHERE tenant_id = %s GROUP BY 1", (tenant_id,))
        kinds = sql.fetch("SELECT DISTINCT kind, depth FROM commission_commissions WHERE tenant_id = %s", (tenant_id,))
        clawed = sql.fetch("SELECT count(*) FROM commission_reversals WHERE tenant_id = %s", (tenant_id,))
    assert paid[0][0] > 3 and other == [(0,)]
    assert refunds == [("completed", done.tally.returns)]
    assert {("direct", 0), ("override", 1), ("booster", 0)} <= set(kinds)
    assert clawed[0][0] > 0
    assert done.tally.over_http == done.tally.orders // 20


def test_two_replays_pay_the_same(done: running.Replayed, files: Path) -> None:
    """The same files give the same money, whatever the worker's timing."""
    again = running.replay(files, files, say=lambda text: None, progress=lambda *steps: None)
    totals = []
    for one in (done, again):
        with tenancy.enter(one.shop.tenant_id):
            totals.append(
                sql.fetch(
                    "SELECT rule_key, depth, count(*), sum(amount_minor) FROM commission_commissions WHERE tenant_id = %s"
                    " GROUP BY 1, 2 ORDER BY 1, 2",
                    (one.shop.tenant_id,),
                )
            )
    assert totals[0] == totals[1]


def _simulated_as_paid(one: running.Replayed) -> None:
    """Each plan that the days lived by, simulated over its own days, gives each payee what was accrued to him live."""
    days, change = one.stream.days, datetime.fromisoformat(CHANGE_ON)
    begins = datetime.combine(days[0], datetime.min.time(), SHOP_ZONE).replace(day=1)
    ends = datetime.combine(days[-1] + timedelta(days=1), datetime.min.time(), SHOP_ZONE)
    spans = [(begins, change), (change, ends)] if begins < change < ends else [(begins, ends)]
    orders = sum(_simulated_span_as_paid(one.shop.tenant_id, *span) for span in spans)
    assert orders == one.tally.orders > 0


def _simulated_span_as_paid(tenant_id: int, begins: datetime, ends: datetime) -> int:
    """Compare the payees of [begins, ends); returns its orders."""
    with tenancy.enter(tenant_id):
        version = commission.version_at(ends - timedelta(seconds=1))
        booked = dict(
            sql.fetch(
                "SELECT c.payee_id, sum(c.amount_minor)::bigint FROM commission_commissions c"
                " JOIN commission_accruals a ON a.tenant_id = c.tenant_id AND a.id = c.order_id"
                " WHERE c.tenant_id = %s AND a.paid_at >= %s AND a.paid_at < %s GROUP BY 1",
                (tenant_id, begins, ends),
            )
        )
    assert version is not None
    found = simulation.simulate(tenant_id, version.document, begins, ends, processes=0)
    assert found is not None and found.tally.differing == 0
    for side in (0, 1):
        sums: dict[int, int] = {}
        for (payee, on, _), minor in found.tally.paid.items():
            if on == side and minor:
                sums[payee] = sums.get(payee, 0) + minor
        assert sums == booked != {}
    return found.tally.order_count


def test_the_same_plan_simulated_over_the_replay_pays_everybody_the_same(done: running.Replayed) -> None:
    _simulated_as_paid(done)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared order stream (../shared/data) is not here")
def test_the_same_plan_simulated_over_the_shared_days_pays_everybody_the_same(database: None) -> None:
    one = running.replay(
        SHARED / "online_retail", SHARED / "beibei_groupbuy", days=SHARED_DAYS or None, say=lambda text: None,
        progress=lambda *steps: None,
    )  # fmt: skip
    assert one.findings == [] and one.is_exact and one.tally.orders > 100
    _simulated_as_paid(one)


def _command(files: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "banyan.config.cli", "replay", *arguments],
        env=clean_environment(files / "home"),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_tool_prints_one_flat_object_and_nothing_else(files: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="banyan-replay-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL does not run as root
        copy_migrated_home(Path(folder) / "home")
        ran = _command(Path(folder), "--orders", str(files), "--network", str(files), "--days", "2", "--json")
    assert ran.returncode == 0, ran.stderr
    answer: dict[str, Any] = json.loads(ran.stdout)
    assert set(answer) == {
        "orders", "returns", "excluded", "revenue_minor", "data_revenue_minor", "orders_per_s", "peak_mib", "findings"
    }  # fmt: skip
    assert answer["revenue_minor"] == answer["data_revenue_minor"] > 0 and answer["findings"] == 0


def test_missing_files_are_told_in_words(tmp_path: Path) -> None:
    ran = _command(tmp_path, "--orders", str(tmp_path), "--network", str(tmp_path), "--json")
    assert ran.returncode == 2
    assert "lines.parquet" in ran.stderr and "Traceback" not in ran.stderr and ran.stdout == ""
