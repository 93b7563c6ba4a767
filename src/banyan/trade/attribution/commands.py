"""Writes of attribution: batches, a few statements for any number of orders. All run inside ``tenancy.enter``."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b

from banyan.goods.catalog.types import ProductId
from banyan.kernel import clock, ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import NotFound
from banyan.people.distributors import queries as distributors
from banyan.people.distributors.types import DistributorId, Status
from banyan.people.network import queries as network
from banyan.trade.attribution import queries
from banyan.trade.attribution.engine.choosing import Candidates, choose_referrer
from banyan.trade.attribution.models import AttributionPolicy, LinkClick, Referral, SharingLink, Snapshot
from banyan.trade.attribution.types import Attributed, Link, NewLink, OrderReferral, Policy

_TOKEN_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_TOKEN_LENGTH = 10
_BRING_MAX = 64
"""Longer codes and tokens than this are nobody's; they are not looked up."""
_REFERRAL = ("id", "buyer_id", "buyer_distributor_id", "referrer_id", "source", "note", "link_id", "recorded_at")


class UnknownDistributor(NotFound):
    """No such active distributor in this shop."""

    code = "unknown_distributor"
    advice = "Use the id of an active distributor of this shop."


def record(referrals: Sequence[OrderReferral]) -> dict[int, Attributed]:
    """Decide and keep who referred these orders, at placement. One row per order, never changed afterwards.

    Unknown codes and links do not refuse an order; the note says that they were not used. The holder of an explicit code or
    link must be active; a binding or a sponsor stands whatever his status, because commission judges that by the snapshot.
    """
    if not referrals:
        return {}
    links = _links(referrals)
    candidates, self_purchase = _candidates(referrals, links)
    decided: dict[int, Attributed] = {}
    rows = []
    for referral, known in zip(referrals, candidates, strict=True):
        referrer_id, source, note = choose_referrer(known, self_purchase)
        order_id, buyer_id, link = referral.order_id, referral.buyer_id, links.get(referral.link or "")
        link_id = link.link_id if link is not None else None
        decided[order_id] = Attributed(order_id, referrer_id, source, note, link_id)
        rows.append((order_id, buyer_id, known.buyer_distributor_id, referrer_id, source.value, note, link_id, referral.at))
    sql.insert(Referral, _REFERRAL, rows)
    return decided


def _candidates(referrals: Sequence[OrderReferral], found_links: Mapping[str, Link]) -> tuple[list[Candidates], bool]:
    """Everything known about each order, in a handful of queries for the batch."""
    unsure = {referral.buyer_id for referral in referrals if not referral.buyer_is_consumer}
    own = distributors.find_by_users(list(unsure)) if unsure else {}
    links = {token: link.distributor_id for token, link in found_links.items()}
    codes = _code_holders(referrals)
    active = _active([*own.values(), *links.values(), *codes.values()], max(referral.at for referral in referrals))
    bindings = network.referrers_at_each([(referral.buyer_id, referral.at) for referral in referrals])
    sponsors = network.uplines(list(own.values())) if own else {}
    self_purchase = bool(own) and queries.get_policy().self_purchase
    found = []
    for referral, binding_id in zip(referrals, bindings, strict=True):
        buyer = own.get(referral.buyer_id)
        above = sponsors.get(buyer, ()) if buyer is not None else ()
        link_id, code_id = links.get(referral.link or ""), codes.get(referral.code or "")
        found.append(
            Candidates(
                buyer,
                buyer in active,
                bool(referral.link),
                link_id if link_id in active else None,
                bool(referral.code),
                code_id if code_id in active else None,
                binding_id,
                above[0] if above else None,
            )
        )
    return found, self_purchase


def _links(referrals: Iterable[OrderReferral]) -> dict[str, Link]:
    tokens = {r.link for r in referrals if r.link and len(r.link) <= _BRING_MAX and "\x00" not in r.link}
    return queries.find_links(tokens) if tokens else {}


def _code_holders(referrals: Iterable[OrderReferral]) -> dict[str, DistributorId]:
    codes = {r.code for r in referrals if r.code and len(r.code) <= _BRING_MAX and "\x00" not in r.code}
    return distributors.find_by_codes(list(codes)) if codes else {}


def _active(distributor_ids: Sequence[DistributorId], at: datetime) -> set[DistributorId]:
    if not distributor_ids:
        return set()
    standings = distributors.standings_at(list(set(distributor_ids)), at)
    return {distributor_id for distributor_id, standing in standings.items() if standing.status is Status.ACTIVE}


def freeze(payments: Sequence[tuple[int, datetime]]) -> int:
    """Write the immutable snapshot of referrer and upline of these orders as of ``paid_at``; returns how many are new.

    Idempotent: an order that is frozen stays as it is. Set-based: one query for the referrals, one for all uplines, one for
    the standings of everybody in them, one insert.
    """
    paid_at = dict(payments)
    if not paid_at:
        return 0
    rows = sql.fetch(
        "SELECT id, buyer_id, buyer_distributor_id, referrer_id, source FROM attribution_referrals WHERE tenant_id ="
        " %s AND id = ANY(%s::bigint[])",
        (current_tenant_id(), list(paid_at)),
    )
    referred = [(row[3], paid_at[row[0]]) for row in rows if row[3] is not None]
    uplines = dict(zip(referred, network.uplines_at_each(referred), strict=True)) if referred else {}
    paths = {(referrer, at): (referrer, *(upline or ())) for (referrer, at), upline in uplines.items()}
    moments = list({(member, at) for (_, at), path in paths.items() for member in path})
    standings = dict(zip(moments, distributors.standings_at_each(moments), strict=True)) if moments else {}
    snapshots = []
    for order_id, buyer_id, buyer_distributor_id, referrer_id, source in rows:
        at = paid_at[order_id]
        known = [standing for member in paths.get((referrer_id, at), ()) if (standing := standings[member, at]) is not None]
        members = [standing.distributor_id for standing in known]
        if referrer_id is not None and (not members or members[0] != referrer_id):
            # A payment dated before the referrer applied: he had no standing then, so nobody is owed anything.
            referrer_id, members, known = None, [], []
        snapshots.append(
            (
                order_id, buyer_id, buyer_distributor_id, referrer_id, source, members,
                [standing.tier.value for standing in known], [standing.status.value for standing in known], at,
            )
        )  # fmt: skip
    columns = (
        "id", "buyer_id", "buyer_distributor_id", "referrer_id", "source", "upline_ids", "upline_tiers",
        "upline_statuses", "paid_at",
    )  # fmt: skip
    return len(sql.insert(Snapshot, columns, snapshots, on_conflict="ON CONFLICT (id) DO NOTHING", returning="id"))


def create_links(links: Sequence[NewLink]) -> list[Link]:
    """Create sharing links; a distributor's link for the same product is answered again. Raises UnknownDistributor."""
    if not links:
        return []
    holders = {link.distributor_id for link in links}
    if _active(list(holders), clock.now()) != holders:
        raise UnknownDistributor("Only active distributors have links.")
    now = clock.now()
    rows = [
        (
            identity,
            "".join(secrets.choice(_TOKEN_ALPHABET) for _ in range(_TOKEN_LENGTH)),
            link.distributor_id,
            link.product_id,
            now,
        )
        for identity, link in zip(ids.next_ids(len(links)), links, strict=True)
    ]
    sql.insert(
        SharingLink,
        ("id", "token", "distributor_id", "product_id", "created_at"),
        rows,
        on_conflict="ON CONFLICT (tenant_id, distributor_id, product_id) DO NOTHING",
    )
    stored = sql.fetch(
        "SELECT token, distributor_id, product_id FROM attribution_links WHERE tenant_id = %s AND distributor_id ="
        " ANY(%s::bigint[])",
        (current_tenant_id(), list(holders)),
    )
    tokens = {(DistributorId(row[1]), ProductId(row[2]) if row[2] is not None else None): row[0] for row in stored}
    found = queries.find_links(tokens[link.distributor_id, link.product_id] for link in links)  # type: ignore[index]
    return [found[tokens[link.distributor_id, link.product_id]] for link in links]  # type: ignore[index]


def record_clicks(clicks: Sequence[tuple[str, str]]) -> int:
    """Keep that links were opened: (token, visitor). The visitor is stored as a digest bound to the tenant only.

    Unknown tokens are left out; returns how many were kept.
    """
    links = queries.find_links(token for token, _ in clicks)
    now, key = clock.now(), str(current_tenant_id()).encode()
    kept = [
        (links[token].link_id, blake2b(visitor.encode(), key=key, digest_size=16).digest())
        for token, visitor in clicks
        if token in links
    ]
    rows = [(identity, link_id, digest, now) for identity, (link_id, digest) in zip(ids.next_ids(len(kept)), kept, strict=True)]
    sql.insert(LinkClick, ("id", "link_id", "visitor", "clicked_at"), rows)
    return len(kept)


def set_policy(policy: Policy) -> None:
    """Set the tenant's say in attribution; orders placed before keep what was recorded."""
    sql.insert(
        AttributionPolicy,
        ("id", "self_purchase"),
        [(ids.next_id(), policy.self_purchase)],
        on_conflict="ON CONFLICT (tenant_id) DO UPDATE SET self_purchase = excluded.self_purchase",
    )
