"""Acts on one distributor's standing: another sponsor or none, a first place, a tier. Each is a dated fact with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.dateparse import parse_datetime
from django.utils.timezone import make_aware
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from banyan.console.access import attempt, get_public, may, page, show
from banyan.console.names import DISTRIBUTOR, Name, find_distributor, names_of
from banyan.kernel import clock
from banyan.kernel.values.errors import Invalid
from banyan.people.distributors import commands as standings
from banyan.people.distributors import queries as distributors
from banyan.people.distributors.types import Distributor, DistributorId, Status, Tier
from banyan.people.network import commands, queries
from banyan.people.network.types import Joining, Member


@dataclass(frozen=True)
class Preview:
    """What a change of sponsor would do: the new sponsor (None: a root), who moves along, and why it cannot be done."""

    sponsor: Name | None
    moving: int
    obstacle: str = ""


@page("network:read")
def choose(request: HttpRequest, public_id: str) -> HttpResponse:
    """The present sponsor; with `?to=` or `?root=1` what would happen, and the form that does it."""
    one = _find(public_id)
    place = queries.list_members_by_ids([one.id]).get(one.id)
    preview = _preview(request, one, place)
    sponsor_id = place.sponsor_id if place else one.sponsor_id
    people = names_of([one.id, sponsor_id])
    return show(
        request, "console/sponsor.html", _("Sponsor of %s") % one.code, one=one, own=people[int(one.id)], place=place,
        sponsor=people.get(int(sponsor_id or 0)), preview=preview, public_id=public_id, to=request.GET.get("to", ""),
        may_move=may(request, "network:write"), can_join=place is None and one.status in (Status.ACTIVE, Status.FROZEN),
    )  # fmt: skip


@require_POST
@page("network:write")
def move(request: HttpRequest, public_id: str) -> HttpResponse:
    """Move with the whole team, or give the first place; a refusal is said in words on the page it came from."""
    one = _find(public_id)
    words = request.POST.get("to", "").strip()
    sponsor_id = find_distributor(words) if words else None
    if words and sponsor_id is None:
        messages.error(request, _("No distributor has this code or id."))
        return redirect("console:sponsor", public_id=public_id)
    placed = bool(queries.list_members_by_ids([one.id]))

    def act() -> None:
        if placed:
            commands.move(one.id, sponsor_id, None, request.POST.get("reason", ""))
            return
        if one.status not in (Status.ACTIVE, Status.FROZEN):
            raise Invalid("Only an approved distributor gets a place.")
        (outcome,) = commands.join([Joining(one.id, sponsor_id, clock.now())])
        if outcome.refusal is not None:
            raise outcome.refusal

    done = attempt(request, act, _("Moved with the whole team.") if placed else _("The distributor has a place now."))
    return redirect("console:network_tree" if done else "console:sponsor", public_id=public_id)


@require_POST
@page("distributors:write")
def set_tier(request: HttpRequest, public_id: str) -> HttpResponse:
    """Give a tier, from now on or from a moment since the present one began."""
    one = _find(public_id)
    tier = next((each for each in Tier if each.value == request.POST.get("tier")), None)

    def act() -> None:
        if tier is None:
            raise Invalid("Choose a tier.", field="tier")
        (outcome,) = standings.set_tiers({one.id: tier}, _moment(request), request.POST.get("reason", ""))
        if outcome.refusal is not None:
            raise outcome.refusal

    attempt(request, act, _("The tier holds from that moment on."))
    return redirect("console:network_tree", public_id=public_id)


def _moment(request: HttpRequest) -> datetime:
    """The moment of the form in the shop's zone, or now; none that is still to come, because the tier would hold at once."""
    text, now = request.POST.get("at", "").strip(), clock.now()
    if not text:
        return now
    try:
        at = parse_datetime(text)
        moment = make_aware(at) if at is not None and at.tzinfo is None else at
    except (ValueError, OverflowError):
        moment = None
    if moment is None or moment > now:
        raise Invalid("Give a moment that is not in the future.", field="at")
    return moment


def _find(public_id: str) -> Distributor:
    return get_public(distributors.get_distributor, DISTRIBUTOR, public_id)


def _preview(request: HttpRequest, one: Distributor, place: Member | None) -> Preview | None:
    """Looks, does not lock: the command judges again. None when nothing was asked."""
    words = request.GET.get("to", "").strip()
    if not words and request.GET.get("root") != "1":
        return None
    moving = queries.count_team(one.id) + 1 if place else 1
    if not words:
        return Preview(None, moving, _("A root already: nobody is above.") if place and place.sponsor_id is None else "")
    found = find_distributor(words)
    if found is None:
        return Preview(None, moving, _("No distributor has this code or id."))
    return Preview(names_of([found])[int(found)], moving, _obstacle(one, place, found))


def _obstacle(one: Distributor, place: Member | None, sponsor_id: DistributorId) -> str:
    if sponsor_id == one.id:
        return _("Nobody stands under himself.")
    if sponsor_id not in queries.list_members_by_ids([sponsor_id]):
        return _("This distributor has no place in the network.")
    if place and place.sponsor_id == sponsor_id:
        return _("Stands under this sponsor already.")
    if place and queries.is_in_team(sponsor_id, one.id):
        return _("The new sponsor stands in the team of the member.")
    return ""
