"""One process of buyers: python buying.py TENANT SKU GUARDED BUYER… ; says ready, waits for go, answers how many were sold."""

from __future__ import annotations

import sys
import threading

import django

THREADS = 8


def main() -> None:
    """Each buyer takes one piece in a transaction of its own, several at once."""
    tenant_id, sku_id, guarded, *buyers = map(int, sys.argv[1:])
    django.setup()
    from django.db import connections

    from banyan.goods.inventory.commands import holding as inventory
    from banyan.kernel import tenancy
    from banyan.trade.orders import commands as orders
    from banyan.trade.orders.types import Placed, PlaceOrder

    if not guarded:  # the statements as a careless shop writes them: look, then take
        inventory.LOCK_LEVELS = inventory.LOCK_LEVELS.replace("FOR UPDATE OF s", "")
        inventory.GUARD = ""
    sold: list[int] = []

    def shop(share: list[int]) -> None:
        try:
            for buyer_id in share:
                with tenancy.enter(tenant_id, actor="race"):
                    (outcome,) = orders.place_orders([PlaceOrder(buyer_id, [(sku_id, 1)])])  # type: ignore[arg-type, list-item]
                if isinstance(outcome, Placed):
                    sold.append(buyer_id)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=shop, args=(buyers[number::THREADS],)) for number in range(THREADS)]
    print("ready", flush=True)
    sys.stdin.readline()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(len(sold), flush=True)


main()
