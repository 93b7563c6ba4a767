"""What is known of who asks for a return: tier, orders, returns, risk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from banyan.kernel import sql, tenancy
from banyan.people.distributors import queries as distributors
from banyan.people.distributors.types import Standing, Status, Tier
from banyan.people.identity.types import UserId
from banyan.trade.orders import queries as orders
from banyan.trade.returns.ports import risks_of


@dataclass(frozen=True)
class Asker:
    """One buyer at a moment."""

    tier: Tier | None = None
    is_active_distributor: bool = False
    received_orders: int = 0
    returned_orders: int = 0
    risks: tuple[str, ...] = ()


def standings_of(buyer_ids: Iterable[int], at: datetime) -> Mapping[int, Standing]:
    """The distributors among these buyers, with status and tier at a moment."""
    found = distributors.find_by_users([UserId(buyer_id) for buyer_id in set(buyer_ids)])
    standings = distributors.standings_at(list(found.values()), at)
    return {user_id: standings[one] for user_id, one in found.items() if one in standings}


def askers(buyer_ids: Iterable[int], at: datetime) -> dict[int, Asker]:
    """What the policy engine wants to know of each of these buyers; five statements for any number."""
    wanted = sorted(set(buyer_ids))
    if not wanted:
        return {}
    standings, risks = standings_of(wanted, at), risks_of(wanted)
    received = orders.count_received([UserId(buyer_id) for buyer_id in wanted])
    returned = dict(
        sql.fetch(
            "SELECT buyer_id, count(DISTINCT order_id)::bigint FROM returns WHERE tenant_id = %s"
            " AND buyer_id = ANY(%s::bigint[]) AND accepted_at IS NOT NULL GROUP BY buyer_id",
            (tenancy.current_tenant_id(), wanted),
        )
    )
    return {
        buyer_id: Asker(
            tier=standings[buyer_id].tier if buyer_id in standings else None,
            is_active_distributor=buyer_id in standings and standings[buyer_id].status is Status.ACTIVE,
            received_orders=received.get(UserId(buyer_id), 0),
            returned_orders=returned.get(buyer_id, 0),
            risks=risks.get(buyer_id, ()),
        )
        for buyer_id in wanted
    }
