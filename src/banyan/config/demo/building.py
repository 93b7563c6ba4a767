"""Building the whole demo: founding, the days, the channel's simulator over HTTP, the summary, the proof."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

from banyan.config import verifying
from banyan.config.demo import founding, stockroom, world
from banyan.config.demo.founding import DemoShop, Say
from banyan.config.demo.living import CHANNEL, DemoLife, Pay
from banyan.kernel import clock, tenancy, verification
from banyan.trade.orders.types import OrderId
from banyan.treasury.payments import commands as payments
from banyan.treasury.payments import queries as collected
from banyan.treasury.payments.types import CaptureNotice

SOURCED_DAYS = 7
"""On so many last days the warehouses of orders are chosen by cost, before by priority."""


@dataclass
class Built:
    """A finished demo world."""

    shop: DemoShop
    life: DemoLife
    findings: list[verification.Finding]
    compared: int
    seconds: float


def build(
    scale: world.Scale,
    seed: int = 1,
    *,
    say: Say = lambda text: None,
    progress: Any = None,
    slug: str = founding.SLUG,
    password: str | None = None,
    over_http: bool = True,
    until: datetime | None = None,
    channel_file: Path | None = None,
) -> Built:
    """Run the world and verify it. ``progress(days_done)`` is called after each day; the latest day ends before ``until``.

    ``over_http`` starts the WeChat simulator and the application in this process and pays a sample of orders and all payouts
    through them; without it no channel is registered and payouts stay requested. ``channel_file`` keeps the simulator's books.
    """
    started = perf_counter()
    end = (until or clock.now()).astimezone(ZoneInfo("Asia/Shanghai")).replace(hour=0, minute=0, second=0, microsecond=0)
    opened_at = end - timedelta(days=scale.days)
    sourced_days = min(SOURCED_DAYS, scale.days // 2)
    stock = max(500, scale.orders_per_day * scale.days // 4)
    try:
        with _channel(over_http, channel_file) as (pay, deliver, tell):
            shop = founding.found(opened_at - timedelta(hours=2), stock, say, slug, password)
            life = DemoLife(shop, opened_at, (lambda ids: pay(shop.tenant_id, ids)) if pay else None, deliver, tell)
            for day in world.days(scale, seed, shop.sku_prices_minor):
                if day.number == scale.days - sourced_days:
                    clock.drive(opened_at + timedelta(days=day.number))
                    stockroom.choose_warehouses(shop)
                life.live(day)
                if progress is not None:
                    progress(day.number + 1)
            clock.drive(end)
            life.run_jobs()
            stockroom.work(shop)
    finally:
        clock.drive(None)
    report = verifying.verify([shop.tenant_id])
    findings = [finding for _, finding in report.findings]
    return Built(shop, life, findings, report.checked, perf_counter() - started)


@contextmanager
def _channel(over_http: bool, file: Path | None) -> Iterator[tuple[Any, Callable[[], None], Any]]:
    """The simulator and our own notification endpoint, both over loopback HTTP; yields three functions: one that pays
    orders there, one that lets the channel's notices arrive, one that tells it of payments captured without it."""
    if not over_http:
        yield None, lambda: None, None
        return
    from django.conf import settings

    from banyan.adapters.simulators.wechat_pay import WeChatPaySimulator, load_or_create
    from banyan.config import in_process, wiring

    with (
        in_process.serving() as base_url,
        WeChatPaySimulator(load_or_create(settings.HOME / "secrets"), file=file, deliver=False) as channel,
    ):
        before = settings.BANYAN_PUBLIC_URL
        settings.BANYAN_PUBLIC_URL = base_url
        wiring.register_wechat(wiring.sandbox_settings(channel.keys, channel.base_url))
        channel.set_habits(confirm_at_once=True)

        def pay(tenant_id: int, order_ids: Sequence[OrderId]) -> None:
            with tenancy.enter(tenant_id, actor="demo"):
                opened = [p for found in collected.list_payments_of(order_ids).values() for p in found[-1:]]
                for payment in opened:
                    payments.open_at_channel(payment.payment_id)
            for payment in opened:
                channel.pay(payment.out_trade_no)
            channel.deliver_due()

        def deliver() -> None:
            channel.tick()
            channel.deliver_due()

        def tell(notices: Sequence[CaptureNotice]) -> None:
            channel.import_paid([(n.out_trade_no, n.transaction_id, n.amount_minor, n.captured_at) for n in notices])

        try:
            yield pay, deliver, tell
        finally:
            settings.BANYAN_PUBLIC_URL = before


__all__ = ["CHANNEL", "Built", "Pay", "build"]
