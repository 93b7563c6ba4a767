"""Orders that the tests place."""

from __future__ import annotations

from datetime import timedelta

from banyan.kernel import clock
from banyan.treasury.payments.types import PaymentOrder, RefundOrder
from banyan.treasury.payouts.types import PayoutOrder

NOWHERE = "http://127.0.0.1:9/notify"


def payment(number: int = 1, amount_minor: int = 12_345, payer: str = "o-buyer", url: str = NOWHERE, **more: str) -> PaymentOrder:
    return PaymentOrder(
        out_trade_no=f"{number:032x}",
        amount_minor=amount_minor,
        currency=more.get("currency", "CNY"),
        description=more.get("description", "榕树茶"),
        notify_url=url,
        expires_at=clock.now() + timedelta(hours=1),
        payer=payer,
    )


def refund(of: PaymentOrder, number: int = 1, amount_minor: int = 345, url: str = NOWHERE) -> RefundOrder:
    return RefundOrder(f"{number:032x}", of.out_trade_no, "", amount_minor, of.amount_minor, "CNY", "坏了", url)


def transfer(
    number: int = 1, amount_minor: int = 5_000, url: str = NOWHERE, name: str = "", account: str = "o-payee"
) -> PayoutOrder:
    return PayoutOrder(f"{number:032x}", amount_minor, "CNY", account, name, "五月佣金", url)
