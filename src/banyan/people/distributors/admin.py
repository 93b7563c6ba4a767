"""The back office of distributors: the list with its decisions, and the dated facts behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import display

from banyan.kernel import clock, ids
from banyan.kernel.backoffice import FactsAdmin, ReasonForm
from banyan.kernel.values.masks import masked
from banyan.people.distributors import commands
from banyan.people.distributors.models import Distributor, StatusFact, TierFact
from banyan.people.distributors.types import DistributorId, Outcome, Tier

STATUS_TONES = {"active": "success", "applied": "warning", "frozen": "danger", "rejected": "danger", "closed": "info"}


def _picked(rows: QuerySet[Distributor]) -> list[DistributorId]:
    return [DistributorId(key) for key in rows.values_list("pk", flat=True)]


class StatusInline(TabularInline):  # type: ignore[misc]
    """Every status the distributor had, newest first."""

    model: Any = StatusFact
    fields = ("status", "valid_from", "valid_to", "reason")
    readonly_fields = fields
    ordering = ("-valid_from",)
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Facts come from commands."""
        return False


class TierInline(StatusInline):
    """Every tier the distributor had, newest first."""

    model = TierFact
    fields = ("tier", "valid_from", "valid_to", "reason")
    readonly_fields = fields


@admin.register(Distributor)
class DistributorAdmin(FactsAdmin):
    """Who may earn. Decisions take effect now and need a reason where they go against somebody."""

    list_display = (
        "code", "login", "masked_name", "status_pill", "tier", "sponsor", "applied_at", "approved_at", "status_since",
    )  # fmt: skip
    list_filter = ("status", "tier", "applied_at")
    list_select_related = ("user", "sponsor")
    search_fields = ("code",)
    search_help_text = _("referral code, login or dst_ id")
    ordering = ("-id",)
    action_form = ReasonForm
    inlines = (StatusInline, TierInline)
    fields = (
        "code", "login", "masked_name", "status", "status_since", "tier", "tier_since", "sponsor", "applied_at", "approved_at",
    )  # fmt: skip
    actions = (
        "approve", "reject", "freeze", "unfreeze", "close",
        "tier_bronze", "tier_silver", "tier_gold", "tier_platinum", "tier_diamond",
    )  # fmt: skip

    @admin.display(description=_("login"))
    def login(self, row: Distributor) -> str:
        """The user behind."""
        return row.user.login

    @admin.display(description=_("name"))
    def masked_name(self, row: Distributor) -> str:
        """The first character only."""
        return masked(row.user.display_name)

    @display(description=_("status"), label=STATUS_TONES, ordering="status")  # type: ignore[untyped-decorator]
    def status_pill(self, row: Distributor) -> tuple[str, Any]:
        """Colored, in words."""
        return row.status, _(row.status)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Distributor], search_term: str
    ) -> tuple[QuerySet[Distributor], bool]:
        """Exact code, login or public id, each through its index."""
        words = search_term.strip()
        if not words:
            return queryset, False
        try:
            return queryset.filter(pk=ids.parse("dst", words)), False
        except ids.BadPublicId:
            return queryset.filter(code=words.upper()) | queryset.filter(user__login=words.casefold()), False

    def _tell(self, request: HttpRequest, outcomes: Any) -> None:
        def work() -> list[Any]:
            found: Sequence[Outcome] = outcomes(request.POST.get("reason", ""))
            return [outcome.refusal for outcome in found]

        self.tell(request, work)

    @admin.action(description=_("Approve"), permissions=["act"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Distributor]) -> None:
        """Applications become active distributors."""
        self._tell(request, lambda reason: commands.approve(_picked(queryset), clock.now()))

    @admin.action(description=_("Reject (with reason)"), permissions=["act"])
    def reject(self, request: HttpRequest, queryset: QuerySet[Distributor]) -> None:
        """Applications are declined; the users may apply again."""
        self._tell(request, lambda reason: commands.reject(_picked(queryset), reason))

    @admin.action(description=_("Freeze (with reason)"), permissions=["act"])
    def freeze(self, request: HttpRequest, queryset: QuerySet[Distributor]) -> None:
        """Nothing is earned until unfrozen."""
        self._tell(request, lambda reason: commands.freeze(_picked(queryset), reason))

    @admin.action(description=_("Unfreeze"), permissions=["act"])
    def unfreeze(self, request: HttpRequest, queryset: QuerySet[Distributor]) -> None:
        """They earn again from now on."""
        self._tell(request, lambda reason: commands.unfreeze(_picked(queryset), reason or "unfrozen"))

    @admin.action(description=_("Close for good (with reason)"), permissions=["act"])
    def close(self, request: HttpRequest, queryset: QuerySet[Distributor]) -> None:
        """The place in the network stays."""
        self._tell(request, lambda reason: commands.close(_picked(queryset), reason))

    def _set_tier(self, request: HttpRequest, queryset: QuerySet[Distributor], tier: Tier) -> None:
        self._tell(request, lambda reason: commands.set_tiers(dict.fromkeys(_picked(queryset), tier), clock.now(), reason))

    @admin.action(description=_("Set tier bronze (with reason)"), permissions=["act"])
    def tier_bronze(self, request: HttpRequest, queryset: QuerySet[Distributor]) -> None:
        """From now on."""
        self._set_tier(request, queryset, Tier.BRONZE)

    @admin.action(description=_("Set tier silver (with reason)"), permissions=["act"])
    def tier_silver(self, request: HttpRequest, queryset: QuerySet[Distributor]) -> None:
        """From now on."""
        self._set_tier(request, queryset, Tier.SILVER)

    @admin.action(description=_("Set tier gold (with reason)"), permissions=["act"])
    def tier_gold(self, request: HttpRequest, queryset: QuerySet[Distributor]) -> None:
        """From now on."""
        self._set_tier(request, queryset, Tier.GOLD)

    @admin.action(description=_("Set tier platinum (with reason)"), permissions=["act"])
    def tier_platinum(self, request: HttpRequest, queryset: QuerySet[Distributor]) -> None:
        """From now on."""
        self._set_tier(request, queryset, Tier.PLATINUM)

    @admin.action(description=_("Set tier diamond (with reason)"), permissions=["act"])
    def tier_diamond(self, request: HttpRequest, queryset: QuerySet[Distributor]) -> None:
        """From now on."""
        self._set_tier(request, queryset, Tier.DIAMOND)


@admin.register(StatusFact)
class StatusFactAdmin(FactsAdmin):
    """Every status that ever held."""

    list_display = ("distributor", "status", "valid_from", "valid_to", "reason")
    list_filter = ("status",)
    list_select_related = ("distributor",)
    search_fields = ("distributor__code__exact",)
    ordering = ("-id",)
    fields = ("distributor", "status", "valid_from", "valid_to", "reason")


@admin.register(TierFact)
class TierFactAdmin(FactsAdmin):
    """Every tier that ever held."""

    list_display = ("distributor", "tier", "valid_from", "valid_to", "reason")
    list_filter = ("tier",)
    list_select_related = ("distributor",)
    search_fields = ("distributor__code__exact",)
    ordering = ("-id",)
    fields = ("distributor", "tier", "valid_from", "valid_to", "reason")
