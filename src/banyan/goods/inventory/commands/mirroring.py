"""The mirror in front of the stock: who asks for what is gone is told so without a lock or a wait.

The database is the judge, of every yes and of every no. The mirror says where it is worth a look: it repeats what the database
said within the last ``ports.FRESH_SECONDS``, and what it calls gone is looked up once for a whole group of callers. What it does
not know, forgot or cannot be asked takes the ordinary way. All functions run inside ``tenancy.enter``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import structlog
from django.db import connections, transaction

from banyan.goods.catalog.types import SkuId
from banyan.goods.inventory import ports
from banyan.goods.inventory.queries import available
from banyan.goods.inventory.types import Shortage
from banyan.kernel.tenancy import context, current_tenant_id

log = structlog.get_logger(__name__)
LOCK_SECONDS = 10.0


def hopeless(wishes: Sequence[ports.Wish]) -> list[tuple[Shortage, ...]]:
    """For each order's (SKU, pieces): what it lacks; empty where it may be served.

    Where the mirror knows of nothing that is nearly gone, no database is asked. Else what is there is read for all of them at
    once, without a lock or a wait: a piece that has just come back is not refused. The shortages name order 0.
    """
    found = ports.mirror().lacking(current_tenant_id(), wishes)
    doubted = {SkuId(sku_id) for lacking in found for sku_id in lacking}
    free = available(doubted) if doubted else {}
    return [
        tuple(
            Shortage(0, SkuId(sku_id), wanted, free[SkuId(sku_id)])
            for sku_id in lacking
            for wanted in [sum(pieces for one, pieces in wish if one == sku_id)]
            if wanted > free[SkuId(sku_id)]
        )
        for wish, lacking in zip(wishes, found, strict=True)
    ]


def learn(refused: Iterable[Iterable[Shortage]]) -> None:
    """What the database has just refused is told to the mirror, once this transaction is kept."""
    scarce: dict[int, int] = {shortage.sku_id: shortage.available for shortages in refused for shortage in shortages}
    if scarce and not isinstance(ports.mirror(), ports.NoMirror):
        tenant_id = current_tenant_id()
        transaction.on_commit(lambda: ports.mirror().tell(tenant_id, scarce), using=connections[context.alias()].alias)


def check_mirror() -> int:
    """Compare what the mirror says with the database and correct it; returns how many SKUs were wrong, and logs them.

    Under a lock with a fence: of two who check at once, and of one who was asleep meanwhile, only the younger one's word counts.
    """
    mirror, tenant_id = ports.mirror(), current_tenant_id()
    known = mirror.known(tenant_id)
    fence = mirror.acquire(tenant_id, LOCK_SECONDS) if known else None
    if fence is None:
        return 0
    truth: Mapping[SkuId, int] = available([SkuId(sku_id) for sku_id in known])
    wrong = mirror.correct(tenant_id, {int(sku_id): pieces for sku_id, pieces in truth.items()}, fence)
    if wrong:
        log.warning("mirror_drifted", skus=wrong, of=len(known))
    return wrong
