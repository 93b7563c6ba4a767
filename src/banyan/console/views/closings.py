"""What periods of commission come to: closed ones, and running ones as far as they are provided for."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from banyan.console import paging, trail
from banyan.console.access import may, page, show
from banyan.earnings.commission import queries
from banyan.kernel import ids

CLOSING = "clg"


@page("plans:read")
def listing(request: HttpRequest) -> HttpResponse:
    """Closings, the latest first: what the period's rules pay, and by how much its orders' commission went up and down."""
    context = paging.page(
        request, lambda before, count: queries.list_closings(before=before, limit=count), lambda one: int(one.closing_id)
    )
    sees_rewards = may(request, "commissions:read")
    rows = [
        {
            "one": one,
            "version_url": trail.plan_url(one.plan_version_id),
            "rewards_url": trail.list_url("commission_commissionrow", ids.public(CLOSING, one.closing_id))
            if sees_rewards and one.reward_minor
            else "",
        }
        for one in context["rows"]
    ]
    return show(request, "console/closings.html", _("Closed periods"), **{**context, "rows": rows})
