"""The tree of distributors: find one, see the way up and the people directly below."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from banyan.console import trail
from banyan.console.access import get_public, may, page, show
from banyan.console.names import DISTRIBUTOR, find_distributor, names_of
from banyan.kernel import clock, ids
from banyan.people.distributors import queries as distributors
from banyan.people.distributors.types import DistributorId, Tier
from banyan.people.network import queries as network
from banyan.rules.compliance import queries as compliance

SHOWN = 200


@page("network:read")
def search(request: HttpRequest) -> HttpResponse:
    """Find a distributor by referral code or public id; without one, the newest distributors to start from."""
    words = request.GET.get("q", "").strip()
    if words:
        found = find_distributor(words)
        if found is not None:
            return redirect("console:network_tree", public_id=ids.public(DISTRIBUTOR, found))
        messages.warning(request, _("No distributor has this code or id."))
    roots = network.list_roots(count=50)
    names = names_of(one.distributor_id for one in roots)
    rows = [{"name": names[one.distributor_id], "place": one} for one in roots if one.distributor_id in names]
    return show(request, "console/network.html", _("Network"), rows=rows, q=words)


@page("network:read")
def tree(request: HttpRequest, public_id: str) -> HttpResponse:
    """One distributor: ancestors to the root, direct downline, standing of the organization below."""
    own = get_public(distributors.get_distributor, DISTRIBUTOR, public_id).id
    place = network.list_members_by_ids([own]).get(own)
    if place is None:
        return redirect("console:sponsor", public_id=public_id)
    upline = network.uplines([own])[own]
    before = request.GET.get("before", "")
    frontline = network.list_frontline(own, int(before) if before.isdigit() and len(before) < 19 else None, SHOWN)
    team = network.count_team(own)
    names = names_of([own, *upline, *(one.distributor_id for one in frontline)])
    layers = _layers(own, place.frontline_count, team)
    return show(
        request, "console/network_tree.html", _("Network of %s") % names[own].code, own=names[own], place=place, team=team,
        upline=[names[key] for key in reversed(upline) if key in names],
        frontline=[{"name": names[one.distributor_id], "place": one} for one in frontline if one.distributor_id in names],
        more=frontline[-1].distributor_id if len(frontline) == SHOWN else None, layers=layers,
        standing=compliance.organization_standing(team + 1, layers, clock.now()), history=network.list_sponsorships(own),
        consumers=network.count_bound_consumers([own], clock.now()).get(own, 0), tiers=list(Tier),
        may_move=may(request, "network:write"), may_set_tier=may(request, "distributors:write"),
        sees_money=may(request, "commissions:read"),
        bindings=trail.list_url("network_bindingrow", names[own].code),
        tier_since=distributors.list_tier_history(own)[-1].valid_from,
        orders=trail.list_url("attribution_referral", public_id), record=trail.record_url("distributors_distributor", own),
    )  # fmt: skip


def _layers(own: DistributorId, frontline_count: int, team: int) -> int:
    """Layers of people with the own one counted, as far as the law asks: 1, 2, or 3 for three and more."""
    if frontline_count == 0:
        return 1
    return 3 if team > frontline_count else 2
