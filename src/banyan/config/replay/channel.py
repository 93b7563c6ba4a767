"""The WeChat Pay simulator and our own notification endpoint, both over loopback HTTP, for the time of a replay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.conf import settings

from banyan.adapters.simulators.wechat_pay import WeChatPaySimulator, generate
from banyan.config import in_process, wiring
from banyan.kernel import tenancy
from banyan.treasury.payments import commands as payments
from banyan.treasury.payments import ports as payment_ports
from banyan.treasury.payments.types import CaptureNotice, Payment
from banyan.treasury.payouts import ports as payout_ports

from .days import Channel
from .founding import CHANNEL


@contextmanager
def simulated() -> Iterator[Channel]:
    """Payees confirm transfers at once; refunds complete at the next look; callbacks are delivered when asked for."""
    before = (payment_ports._factories.get(CHANNEL), payout_ports._factories.get(CHANNEL), settings.BANYAN_PUBLIC_URL)
    with in_process.serving() as base_url, WeChatPaySimulator(generate(), deliver=False) as simulator:
        simulator.set_habits(confirm_at_once=True)
        settings.BANYAN_PUBLIC_URL = base_url
        wiring.register_wechat(wiring.sandbox_settings(simulator.keys, simulator.base_url))

        def pay(tenant_id: int, opened: Sequence[Payment]) -> None:
            with tenancy.enter(tenant_id, actor="replay", reason="payments opened at the channel"):
                for payment in opened:
                    payments.open_at_channel(payment.payment_id)
            for payment in opened:
                simulator.pay(payment.out_trade_no)
            simulator.deliver_due()

        def know(notices: Sequence[CaptureNotice]) -> None:
            simulator.import_paid([(n.out_trade_no, n.transaction_id, n.amount_minor, n.captured_at) for n in notices])

        def settle() -> None:
            while simulator.deliver_due():
                pass

        try:
            yield Channel(pay, know, settle)
        finally:
            settings.BANYAN_PUBLIC_URL = before[2]
            if before[0] and before[1]:
                payment_ports.register_channel(CHANNEL, before[0])
                payout_ports.register_channel(CHANNEL, before[1])
