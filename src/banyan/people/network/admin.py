"""The back office of the network: places, history, bindings and their rules."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from banyan.kernel import clock, ids
from banyan.kernel.backoffice import FactsAdmin, ReasonForm
from banyan.people.distributors.types import DistributorId
from banyan.people.identity.types import UserId
from banyan.people.network import commands, queries
from banyan.people.network.models import BindingRow, BindingSettingsRow, Member, Sponsorship


class RootFilter(admin.SimpleListFilter):
    """Roots, or members with a sponsor."""

    title = _("place")
    parameter_name = "place"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Two kinds of places."""
        return [("root", _("root")), ("below", _("below a sponsor"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Member]) -> QuerySet[Member]:
        """Members of the chosen kind."""
        return queryset.filter(parent__isnull=self.value() == "root") if self.value() else queryset


@admin.register(Member)
class MemberAdmin(FactsAdmin):
    """Places in the network: sponsor, depth, frontline and bound consumers."""

    list_display = (
        "code", "tier", "status", "sponsor_code", "depth", "frontline_count", "consumer_count", "joined_at", "sponsored_since",
    )  # fmt: skip
    list_filter = (RootFilter, "distributor__status", "distributor__tier")
    list_select_related = ("distributor", "parent__distributor")
    search_fields = ("distributor__code",)
    search_help_text = _("referral code or dst_ id")
    ordering = ("-distributor_id",)
    fields = (
        "code", "tier", "status", "sponsor_code", "depth", "frontline_count", "consumer_count", "team_count",
        "joined_at", "sponsored_since", "path_since",
    )  # fmt: skip
    action_form = ReasonForm
    actions = ("make_root",)

    @admin.display(description=_("referral code"), ordering="distributor__code")
    def code(self, row: Member) -> str:
        """The distributor's code."""
        return str(row.distributor.code)

    @admin.display(description=_("tier"))
    def tier(self, row: Member) -> Any:
        """The distributor's tier."""
        return _(row.distributor.tier)

    @admin.display(description=_("status"))
    def status(self, row: Member) -> Any:
        """The distributor's status."""
        return _(row.distributor.status)

    @admin.display(description=_("sponsor"))
    def sponsor_code(self, row: Member) -> str:
        """The sponsor's code."""
        return str(row.parent.distributor.code) if row.parent else "–"

    @admin.display(description=_("consumers"))
    def consumer_count(self, row: Member) -> int:
        """Consumers bound now; counted for the whole page at once."""
        counts: dict[int, int] = getattr(row, "counts", None) or _consumers([row.pk])
        return counts.get(row.pk, 0)

    @admin.display(description=_("team"))
    def team_count(self, row: Member) -> int:
        """Everybody below."""
        return queries.count_team(row.pk)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Count the consumers of the page's members with one query."""
        changelist = super().get_changelist_instance(request)
        counts = _consumers([row.pk for row in changelist.result_list])
        for row in changelist.result_list:
            row.counts = counts
        return changelist

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Member], search_term: str
    ) -> tuple[QuerySet[Member], bool]:
        """Exact code or public id."""
        words = search_term.strip()
        if not words:
            return queryset, False
        try:
            return queryset.filter(pk=ids.parse("dst", words)), False
        except ids.BadPublicId:
            return queryset.filter(distributor__code=words.upper()), False

    @admin.action(description=_("Take from the sponsor (with reason)"), permissions=["act"])
    def make_root(self, request: HttpRequest, queryset: QuerySet[Member]) -> None:
        """The chosen member, with the whole team, becomes a root. Another sponsor is chosen on the network page."""

        def work() -> list[None]:
            reason = request.POST.get("reason", "")
            for key in queryset.values_list("pk", flat=True):
                commands.move(DistributorId(key), None, None, reason)
            return [None] * len(queryset)

        self.tell(request, work)


def _consumers(keys: list[Any]) -> dict[int, int]:
    return {int(key): count for key, count in queries.count_bound_consumers(keys, clock.now()).items()}


@admin.register(Sponsorship)
class SponsorshipAdmin(FactsAdmin):
    """Who ever stood under whom: changes of relation."""

    list_display = ("distributor", "sponsor", "valid_from", "valid_to", "reason")
    list_filter = (("valid_to", admin.EmptyFieldListFilter),)
    list_select_related = ("distributor", "sponsor")
    search_fields = ("distributor__code__exact", "sponsor__code__exact")
    ordering = ("-id",)
    fields = ("distributor", "sponsor", "valid_from", "valid_to", "reason")


@admin.register(BindingRow)
class BindingAdmin(FactsAdmin):
    """Which consumer belonged to whom, when and how."""

    list_display = ("consumer", "distributor", "source", "valid_from", "valid_to", "expires_at", "ended_reason")
    list_filter = ("source", ("valid_to", admin.EmptyFieldListFilter))
    list_select_related = ("consumer", "distributor")
    search_fields = ("consumer__login__exact", "distributor__code__exact")
    ordering = ("-id",)
    action_form = ReasonForm
    actions = ("release",)
    fields = ("consumer", "distributor", "source", "valid_from", "valid_to", "expires_at", "ended_reason")

    @admin.action(description=_("Release (with reason)"), permissions=["act"])
    def release(self, request: HttpRequest, queryset: QuerySet[BindingRow]) -> None:
        """The consumers of the chosen bindings belong to nobody from now on."""

        def work() -> list[Any]:
            consumers = [UserId(key) for key in queryset.values_list("consumer_id", flat=True)]
            return [outcome.refusal for outcome in commands.unbind(consumers, clock.now(), request.POST.get("reason", ""))]

        self.tell(request, work)


@admin.register(BindingSettingsRow)
class BindingSettingsAdmin(FactsAdmin):
    """The shop's rules of binding; changed on the console's settings page or over the API."""

    list_display = ("mode", "protect_days", "validity_days")
    fields = ("mode", "protect_days", "validity_days")
