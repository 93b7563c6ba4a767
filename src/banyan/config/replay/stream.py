"""The order stream: real invoices read from parquet into orders and returns, with every line accounted for.

Amounts are pence taken as the tenant's minor units. A line is replayed, matched, or excluded for exactly one reason.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

SHOP_ZONE = ZoneInfo("Europe/London")
GUEST = 0  # buyer of invoices that name no customer
CHARGES = frozenset({"POST", "DOT", "C2", "M", "S", "D", "AMAZONFEE", "BANK CHARGES", "CRUK", "PADS", "B"})
"""Stock codes that are no goods: postage, carriage, manual entries, samples, fees. Sold, but nobody earns on them."""


class Line(NamedTuple):
    """One raw line. ``milli`` is the unit price in thousandths of a pound; ``customer`` 0 where the data has none."""

    invoice: str
    code: str
    title: str
    quantity: int
    milli: int
    customer: int
    at: datetime

    @property
    def is_cancellation(self) -> bool:
        return self.invoice.startswith("C")


class SoldLine(NamedTuple):
    code: str
    quantity: int
    unit_minor: int


@dataclass(slots=True)
class Sale:
    """One invoice as an order."""

    invoice: str
    customer: int
    at: datetime
    lines: list[SoldLine]

    @property
    def total_minor(self) -> int:
        return sum(line.quantity * line.unit_minor for line in self.lines)


class GoingBack(NamedTuple):
    """A matched part of a cancellation: so many pieces of one line of one earlier invoice."""

    cancellation: str
    at: datetime
    invoice: str
    line_index: int
    quantity: int
    unit_minor: int


@dataclass
class Stream:
    """The whole shop, ready to replay. ``excluded`` counts lines by reason and ``excluded_milli`` their value."""

    sales: list[Sale] = field(default_factory=list)
    returns: list[GoingBack] = field(default_factory=list)
    titles: dict[str, str] = field(default_factory=dict)
    excluded: Counter[str] = field(default_factory=Counter)
    excluded_milli: Counter[str] = field(default_factory=Counter)
    unmatched: list[tuple[str, str, int, str]] = field(default_factory=list)
    """(cancellation, stock code, pieces, reason): cancellations, or parts of them, that reverse no order we know."""
    line_count: int = 0
    sale_milli: int = 0
    """Σ quantity × unit price over all sale lines of the data, in thousandths of a pound."""

    @property
    def data_revenue_minor(self) -> int:
        """The data's own revenue in pence, rounded half up from thousandths."""
        return (self.sale_milli + 5) // 10

    @property
    def days(self) -> list[date]:
        return sorted({sale.at.date() for sale in self.sales} | {back.at.date() for back in self.returns})

    def leave_out(self, line: Line, reason: str) -> None:
        self.excluded[reason] += 1
        self.excluded_milli[reason] += line.quantity * line.milli


class SourceMissing(Exception):
    """The data or its reader is not there; the message says what to do."""


def read_lines(folder: Path) -> Iterator[Line]:
    """The raw lines in file order, in batches, so that the whole file is never held twice."""
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise SourceMissing("This needs pyarrow: pip install 'banyan[replay]' (it is in the development lock).") from None
    path = folder / "lines.parquet"
    if not path.exists():
        raise SourceMissing(f"There is no {path}. The shop's lines are expected as lines.parquet in the --orders folder.")
    columns = ["invoice_no", "stock_code", "description", "quantity", "unit_price_milli", "customer_id", "invoice_ts"]
    for batch in parquet.ParquetFile(path).iter_batches(batch_size=20_000, columns=columns):
        values = [batch.column(name).to_pylist() for name in columns]
        for invoice, code, title, quantity, milli, customer, at in zip(*values, strict=True):
            when = at.replace(tzinfo=SHOP_ZONE)
            yield Line(invoice, code.strip().upper(), (title or "").strip(), quantity, milli, customer or GUEST, when)


def build(lines: Iterable[Line]) -> Stream:
    """Sort every line into sales, matched returns or an exclusion."""
    stream = Stream()
    sales: dict[str, Sale] = {}
    cancellations: list[Line] = []
    for line in lines:
        stream.line_count += 1
        if line.is_cancellation:
            cancellations.append(line)
            continue
        if line.quantity > 0 and line.milli > 0 and not line.invoice.startswith("A"):
            stream.sale_milli += line.quantity * line.milli
        reason = _unsellable(line)
        if reason:
            stream.leave_out(line, reason)
            continue
        sale = sales.get(line.invoice)
        if sale is None:
            sale = sales[line.invoice] = Sale(line.invoice, line.customer, line.at, [])
        sale.lines.append(SoldLine(line.code, line.quantity, line.milli // 10))
        if line.title or line.code not in stream.titles:
            stream.titles[line.code] = line.title or stream.titles.get(line.code, "")
    stream.sales = sorted(sales.values(), key=lambda sale: (sale.at, sale.invoice))
    _match(stream, sorted(cancellations, key=lambda line: (line.at, line.invoice)))
    return stream


def _unsellable(line: Line) -> str | None:
    if line.invoice.startswith("A"):
        return "adjustment of bad debt"
    if line.quantity <= 0:
        return "stock correction, not a sale"
    if line.milli == 0:
        return "price zero"
    if line.milli < 0:
        return "negative price"
    if line.milli % 10:
        return "unit price finer than a penny"
    return None


@dataclass(slots=True)
class _Open:
    """Pieces of one sold line that have not come back."""

    at: datetime
    invoice: str
    line_index: int
    left: int


def _match(stream: Stream, cancellations: list[Line]) -> None:
    """Hang each cancellation on the newest earlier lines of the same customer, goods and price that have pieces left."""
    sold: dict[tuple[int, str, int], list[_Open]] = defaultdict(list)
    for sale in stream.sales:
        if sale.customer != GUEST:
            for index, piece in enumerate(sale.lines):
                sold[sale.customer, piece.code, piece.unit_minor].append(_Open(sale.at, sale.invoice, index, piece.quantity))
    goods = {(customer, code) for customer, code, _ in sold}
    for line in cancellations:
        wanted, reason = -line.quantity, _unmatchable(line)
        if reason is None:
            unit = line.milli // 10
            for place in reversed(sold.get((line.customer, line.code, unit), [])):
                if not wanted:
                    break
                if place.at >= line.at or not place.left:
                    continue
                pieces = min(wanted, place.left)
                place.left -= pieces
                wanted -= pieces
                stream.returns.append(GoingBack(line.invoice, line.at, place.invoice, place.line_index, pieces, unit))
            if wanted:
                known = (line.customer, line.code) in goods
                reason = "no earlier sale at this price" if known else "no sale of these goods to this customer"
        if reason is not None:
            stream.unmatched.append((line.invoice, line.code, wanted, reason))
            if wanted == -line.quantity:
                stream.leave_out(line, f"cancellation: {reason}")


def _unmatchable(line: Line) -> str | None:
    if line.quantity >= 0 or line.milli <= 0:
        return "not a return of goods"
    if line.customer == GUEST:
        return "no customer"
    if line.milli % 10:
        return "unit price finer than a penny"
    return None
