"""The list of distributors that operators work with: standing, sponsor, people, orders and money in one row."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from banyan.console import names, paging, trail
from banyan.console.access import may, page, show
from banyan.console.figures import Record, records_of, without_place
from banyan.earnings.commission import queries as commissions
from banyan.kernel import clock, ids, tenancy
from banyan.kernel.tenancy.registry import get_tenant
from banyan.people.distributors import queries as distributors
from banyan.people.distributors.types import Distributor, DistributorId, Status, Tier
from banyan.people.network import queries as network
from banyan.treasury.ledger import queries as ledger
from banyan.treasury.ledger.types import AccountKind, AccountRef

KINDS = (AccountKind.DISTRIBUTOR_PENDING, AccountKind.DISTRIBUTOR_AVAILABLE, AccountKind.DISTRIBUTOR_PAYABLE,
         AccountKind.DISTRIBUTOR_DEBT)  # fmt: skip


@page("distributors:read")
def listing(request: HttpRequest) -> HttpResponse:
    """Filters by status, tier, missing place, code or id; a fixed number of queries for a page of 50."""
    status = next((one for one in Status if one.value == request.GET.get("status")), None)
    tier = next((one for one in Tier if one.value == request.GET.get("tier")), None)
    words = request.GET.get("q", "").strip()
    unplaced = request.GET.get("place") == "none"

    def fetch(before: int | None, count: int) -> list[Distributor]:
        if words:
            found = names.find_distributor(words)
            return [] if found is None or before is not None else [distributors.get_distributor(found)]
        if unplaced:
            found_ids = [DistributorId(key) for key in without_place(before, count)]
            kept = distributors.list_distributors_by_ids(found_ids)
            return [kept[key] for key in found_ids if key in kept]
        return distributors.list_distributors(None if before is None else DistributorId(before), count, status, tier)

    context = paging.page(request, fetch, lambda one: int(one.id))
    shown: list[Distributor] = context["rows"]
    keys = [one.id for one in shown]
    people = names.names_of([*keys, *(one.sponsor_id for one in shown)])
    places = network.list_members_by_ids(keys)
    sees_money = may(request, "commissions:read") and may(request, "ledger:read")
    balances = ledger.balances([AccountRef(kind, int(key)) for key in keys for kind in KINDS]) if sees_money else {}
    earned = {one.payee_id: one for one in commissions.totals(keys)} if sees_money else {}
    records = records_of([int(key) for key in keys], clock.now())
    rows = [
        {
            "one": one, "name": people.get(int(one.id)), "sponsor": people.get(int(one.sponsor_id or 0)),
            "place": places.get(one.id),
            "got": records.get(int(one.id), Record()), "earned": earned.get(int(one.id)),
            "orders": trail.list_url("attribution_referral", ids.public(names.DISTRIBUTOR, one.id)),
            "balances": [balances.get(AccountRef(kind, int(one.id)), 0) for kind in KINDS],
            "record": trail.record_url("distributors_distributor", int(one.id)),
        }
        for one in shown
    ]  # fmt: skip
    return show(request, "console/distributors.html", _("Distributors"), is_fullwidth="1", **{**context, "rows": rows}, q=words,
                status=status, tier=tier, unplaced=unplaced, statuses=list(Status), tiers=list(Tier), sees_money=sees_money,
                currency=get_tenant(tenancy.current_tenant_id()).currency)  # fmt: skip
