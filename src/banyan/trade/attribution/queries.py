"""Reads of attribution. All run inside ``tenancy.enter``."""

from __future__ import annotations

from collections.abc import Iterable

from banyan.kernel import sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.people.distributors import queries as distributors
from banyan.people.distributors.types import DistributorId, Status, Tier
from banyan.trade.attribution.types import Arrival, Attributed, FrozenAttribution, Link, Policy, Source, UplineMember

_SOURCE = {source.value: source for source in Source}
_TIER = {tier.value: tier for tier in Tier}
_STATUS = {status.value: status for status in Status}


def frozen(order_ids: Iterable[int]) -> dict[int, FrozenAttribution]:
    """The snapshots taken at payment, one query for any number; unpaid orders are left out."""
    rows = sql.fetch(
        "SELECT id, buyer_id, buyer_distributor_id, referrer_id, source, upline_ids, upline_tiers, upline_statuses, paid_at"
        " FROM attribution_snapshots WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
        (current_tenant_id(), list(set(order_ids))),
    )
    return {
        row[0]: FrozenAttribution(
            row[0], row[1], row[2], row[3], _SOURCE[row[4]],
            tuple(
                UplineMember(member, depth, _TIER[tier], _STATUS[status])
                for depth, (member, tier, status) in enumerate(zip(row[5], row[6], row[7], strict=True))
            ),
            row[8],
        )
        for row in rows
    }  # fmt: skip


def referrals(order_ids: Iterable[int]) -> dict[int, Attributed]:
    """Who was recorded as referrer at placement, and why; orders without a record are left out."""
    rows = sql.fetch(
        "SELECT id, referrer_id, source, note, link_id FROM attribution_referrals"
        " WHERE tenant_id = %s AND id = ANY(%s::bigint[])",
        (current_tenant_id(), list(set(order_ids))),
    )
    return {row[0]: Attributed(row[0], row[1], _SOURCE[row[2]], row[3], row[4]) for row in rows}


def find_arrival(order_id: int) -> Arrival | None:
    """How the buyer of this order came: the code or the link, and its latest click before the order; None without a record."""
    rows = sql.fetch(
        "SELECT r.referrer_id, r.source, r.note, l.id, coalesce(l.token, ''), ("
        "  SELECT max(c.clicked_at) FROM attribution_clicks c"
        "  WHERE c.tenant_id = r.tenant_id AND c.link_id = l.id AND c.clicked_at <= r.recorded_at)"
        " FROM attribution_referrals r LEFT JOIN attribution_links l ON l.tenant_id = r.tenant_id AND l.id = r.link_id"
        " WHERE r.tenant_id = %s AND r.id = %s",
        (current_tenant_id(), order_id),
    )
    if not rows:
        return None
    referrer_id, source, note, link_id, token, clicked_at = rows[0]
    by_code = _SOURCE[source] is Source.CODE
    code = distributors.list_distributors_by_ids([referrer_id])[referrer_id].code if by_code else ""
    return Arrival(order_id, referrer_id, _SOURCE[source], note, code, link_id, token, clicked_at)


def list_orders_of_referrer(distributor_id: DistributorId, before_id: int | None = None, limit: int = 50) -> list[int]:
    """Ids of the orders that this distributor referred, newest first, with id < ``before_id``."""
    rows = sql.fetch(
        "SELECT id FROM attribution_referrals WHERE tenant_id = %s AND referrer_id = %s AND id < %s ORDER BY id DESC LIMIT %s",
        (current_tenant_id(), distributor_id, before_id if before_id is not None else 2**63 - 1, limit),
    )
    return [row[0] for row in rows]


_LINKS = """
SELECT l.id, l.token, l.distributor_id, l.product_id, l.created_at,
       (SELECT count(*) FROM attribution_clicks c WHERE c.tenant_id = l.tenant_id AND c.link_id = l.id)
FROM attribution_links l WHERE l.tenant_id = %s AND
"""


def find_links(tokens: Iterable[str]) -> dict[str, Link]:
    """The links of these tokens; unknown ones are left out."""
    rows = sql.fetch(_LINKS + " l.token = ANY(%s::text[])", (current_tenant_id(), list(set(tokens))))
    return {row[1]: Link(*row) for row in rows}


def list_links(distributor_id: DistributorId, before_id: int | None = None, limit: int = 50) -> list[Link]:
    """A distributor's links, newest first, with their clicks."""
    rows = sql.fetch(
        _LINKS + " l.distributor_id = %s AND l.id < %s ORDER BY l.id DESC LIMIT %s",
        (current_tenant_id(), distributor_id, before_id if before_id is not None else 2**63 - 1, limit),
    )
    return [Link(*row) for row in rows]


def get_policy() -> Policy:
    """The tenant's say in attribution; the defaults when nothing was set."""
    rows = sql.fetch("SELECT self_purchase FROM attribution_policies WHERE tenant_id = %s", (current_tenant_id(),))
    return Policy(rows[0][0]) if rows else Policy()
