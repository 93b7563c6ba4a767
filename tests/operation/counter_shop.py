"""Founds a shop while nothing runs yet: a month ago a large order was paid, received and settled.

Prints one JSON line: tokens by role, a SKU, and the statement that waits for finance.
"""

from __future__ import annotations

import json
from datetime import timedelta

from banyan.config import runtime


def main() -> None:
    """Live that month with the clock driven; a worker beside it would live in the present."""
    with runtime.database_ready():
        from banyan.config.demo import founding
        from banyan.earnings.settlement import commands as settlement
        from banyan.earnings.settlement import queries as statements
        from banyan.earnings.settlement.types import PayeeAccount
        from banyan.kernel import clock, events, ids, jobs, tenancy
        from banyan.people.distributors import commands as distributors
        from banyan.people.distributors.types import Application
        from banyan.people.identity import commands as identity
        from banyan.people.identity.types import NewUser, Role, scopes_of
        from banyan.people.network import commands as network
        from banyan.people.network.types import BindRequest, BindSource
        from banyan.trade.orders import commands as orders
        from banyan.trade.orders.types import PlaceOrder, Shipment
        from banyan.treasury.payments import commands as payments
        from banyan.treasury.payments import queries as collected
        from banyan.treasury.payments.types import CaptureNotice

        opened_at = clock.now() - timedelta(days=30)
        shop = founding.found(opened_at, 10_000, lambda text: None, slug="counter")
        costliest = max(zip(shop.sku_prices_minor, shop.sku_ids, strict=True))
        with clock.driven(opened_at + timedelta(hours=1)), tenancy.enter(shop.tenant_id, actor="test"):
            person, buyer = identity.register_users(
                [NewUser(login, None, login, None, (Role.CONSUMER,)) for login in ("lin", "zhou")]
            )
            seller = distributors.apply([Application(person, None, clock.now())])[0].distributor_id
            distributors.approve([seller], clock.now())
            settlement.set_payee_accounts([PayeeAccount(seller, "wechat_pay", "openid-lin", "lin")])
            network.bind([BindRequest(buyer, seller, BindSource.SIGN_UP, clock.now())])
            quantity = 600_000 // costliest[0] + 1  # commission enough for a review by one person
            order_id = orders.place_orders([PlaceOrder(buyer_id=buyer, lines=[(costliest[1], quantity)])])[0].order_id
            orders.open_payments([order_id], "wechat_pay")
            number = collected.list_payments_of([order_id])[order_id][-1]
            payments.capture(
                [CaptureNotice("wechat_pay", number.out_trade_no, "tx-1", number.amount_minor, number.currency, clock.now())]
            )
        events.drain(shop.tenant_id)
        with clock.driven(opened_at + timedelta(days=2)), tenancy.enter(shop.tenant_id, actor="test"):
            orders.ship([Shipment(order_id, "SF", "SF1")])
            orders.receive([order_id])
        events.drain(shop.tenant_id)
        # Released two weeks ago; the week in which that happened has ended.
        for days, name in ((14, "commission.release_due"), (28, "settlement.open_due")):
            with clock.driven(opened_at + timedelta(days=days)):
                jobs.run_job(name, [shop.tenant_id])
                events.drain(shop.tenant_id)
        with tenancy.enter(shop.tenant_id, actor="test"):
            (waiting,) = statements.list_review_queue(10)
            token = {
                login: identity.issue_token(user, scopes_of((role,)), "test")
                for login, user, role in (
                    ("finance", shop.staff["finance2"], Role.FINANCE), ("buyer", buyer, Role.CONSUMER),
                )
            }  # fmt: skip
        print(
            json.dumps(
                {
                    "tokens": token, "sku": ids.public("sku", costliest[1]),
                    "statement": ids.public("stm", waiting.statement_id), "amount_minor": waiting.amount_minor,
                }
            ),
            flush=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()
