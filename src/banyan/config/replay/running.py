"""One whole replay: read, join, found, live the days, settle what is left, verify, report."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from time import perf_counter

from banyan.config import verifying
from banyan.kernel import clock, garbage
from banyan.kernel.verification import Finding

from . import channel, founding
from .days import Days, Tally, gather_statistics
from .forest import Forest, hang, read_forest
from .founding import Shop
from .stream import GUEST, SHOP_ZONE, Stream, build, read_lines
from .twin import Twin

SAMPLE = 500
Say = Callable[[str], None]
Progress = Callable[[int, int, str], None]
"""(days done, days in all, what it is about)."""


@dataclass
class Replayed:
    """A finished replay."""

    stream: Stream
    forest: Forest
    shop: Shop
    tally: Tally
    findings: list[Finding]
    compared: int
    seconds: float
    founding_seconds: float
    verify_seconds: float
    peak_mib: int
    cut: bool
    """True when --days stopped it before the end of the data."""

    @property
    def orders_per_s(self) -> float:
        return self.tally.river_orders / self.tally.river_seconds if self.tally.river_seconds else 0.0

    @property
    def is_exact(self) -> bool:
        """Whether the replayed revenue is the data's, to the penny."""
        return self.tally.revenue_minor == self.stream.data_revenue_minor


def peak_mib() -> int:
    """The most memory that this process ever held, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1024 * 1024) if sys.platform == "darwin" else peak // 1024


def replay(
    orders: Path, network: Path, *, days: int | None = None, say: Say, progress: Progress, sample: int = SAMPLE
) -> Replayed:
    """Run it. Raises SourceMissing with what to do when the data or its reader is not there."""
    started = perf_counter()
    say("Reading the order stream and the forest …")
    stream = _first_days(build(read_lines(orders)), days)
    forest = hang(sorted({sale.customer for sale in stream.sales} - {GUEST}), read_forest(network))
    first, latest = stream.days[0], stream.days[-1]
    say(f"Founding the shop: {len(forest.parent):,} people, {len(forest.distributors):,} of them distributors …")
    begun = perf_counter()
    try:
        shop = founding.found(stream, forest, datetime.combine(first, time(0, 0), SHOP_ZONE) - founding.OPENING_LEAD)
        gather_statistics()
        # The stream's half million objects live to the end: without this every collection walks them all.
        garbage.settle()
        founded = perf_counter() - begun
        with channel.simulated() as counter, Twin(shop.tenant_id) as twin:
            lived = Days(shop, stream, counter, twin, sample)
            calendar = _calendar(first, latest)
            for done, day in enumerate(calendar, start=1):
                lived.live(day)
                progress(done, len(calendar), f"{day} · {lived.tally.orders:,} orders")
    finally:
        clock.drive(None)
        garbage.unsettle()
    say("Verifying …")
    begun = perf_counter()
    report = verifying.verify([shop.tenant_id])
    findings = [finding for _, finding in report.findings]
    ended = perf_counter()
    return Replayed(
        stream, forest, shop, lived.tally, findings, report.checked, ended - started, founded, ended - begun, peak_mib(),
        days is not None,
    )  # fmt: skip


def _first_days(stream: Stream, days: int | None) -> Stream:
    """Only the first trading days; the data's revenue is then theirs."""
    if days is None:
        return stream
    kept = set(stream.days[:days])
    stream.sales = [sale for sale in stream.sales if sale.at.date() in kept]
    stream.returns = [back for back in stream.returns if back.at.date() in kept]
    stream.sale_milli = 10 * sum(sale.total_minor for sale in stream.sales)
    return stream


def _calendar(first: date, latest: date) -> list[date]:
    """Every day of the data, and on to the settlement after the hold of the final orders is over."""
    end = latest + timedelta(days=20)
    settled = (end.replace(day=1) + timedelta(days=32)).replace(day=3)
    return [first + timedelta(days=number) for number in range((settled - first).days + 1)]
