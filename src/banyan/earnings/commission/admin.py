"""The back office: plans and versions to publish and retire, commissions and order decisions to read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline

from banyan.earnings.commission import commands
from banyan.earnings.commission.models import AccrualRow, CommissionRow, PlanRow, PlanVersionRow, ReversalRow
from banyan.earnings.commission.types.records import PERIOD_REWARDS
from banyan.kernel import ids
from banyan.kernel.values.errors import Refusal
from banyan.kernel.values.money import format_minor, format_rate
from banyan.kernel.words import said


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc]
    """Facts: written by commands alone."""

    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never by form."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never by form."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


class PublicIdSearch:
    """Search by a public id pasted into the search box, as operators do."""

    public_id_fields: tuple[tuple[str, str], ...] = ()

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        """The rows that the id names; nothing for text that is no id."""
        if not search_term.strip():
            return queryset, False
        for prefix, field in self.public_id_fields:
            try:
                return queryset.filter(**{field: ids.parse(prefix, search_term.strip())}), False
            except ids.BadPublicId:
                continue
        return queryset.none(), False


class VersionInline(TabularInline):  # type: ignore[misc]
    """A plan's versions under the plan."""

    model = PlanVersionRow
    fields = ("number", "status", "effective_from", "effective_to", "upline_depth_paid", "total_rate_bp", "rule_set")
    readonly_fields = fields
    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Drafts come through the draft command."""
        return False


@admin.register(PlanRow)
class PlanAdmin(ReadOnlyAdmin):
    """Plans by name."""

    list_display = ("name", "created_at", "created_by")
    search_fields = ("name",)
    readonly_fields = ("name", "created_at", "created_by")
    inlines = (VersionInline,)


@admin.register(PlanVersionRow)
class PlanVersionAdmin(ReadOnlyAdmin):
    """Versions: what is in force, what was, and drafts. Publishing asks the law."""

    list_display = ("plan", "number", "status", "effective_from", "effective_to", "upline_depth_paid", "total_rate", "rule_set")
    list_filter = ("status",)
    list_select_related = ("plan",)
    search_fields = ("plan__name",)
    ordering = ("-id",)
    actions = ("publish", "retire")
    fields = (
        "plan", "number", "status", "document", "effective_from", "effective_to", "drafted_at", "drafted_by",
        "published_at", "published_by", "rule_set", "upline_depth_paid", "total_rate_bp", "ended_reason",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description=_("total rate"))
    def total_rate(self, row: PlanVersionRow) -> str:
        """The greatest part of a sale that the version can pay."""
        return "–" if row.total_rate_bp is None else format_rate(row.total_rate_bp)

    @admin.action(description=_("Publish now (asks the law)"), permissions=["publish"])
    def publish(self, request: HttpRequest, queryset: QuerySet[PlanVersionRow]) -> None:
        """Publish the one chosen draft."""
        self._one(request, queryset, lambda row: commands.publish_plan(row.pk, published_by=_actor(request)), _("Published."))

    @admin.action(description=_("Retire now"), permissions=["publish"])
    def retire(self, request: HttpRequest, queryset: QuerySet[PlanVersionRow]) -> None:
        """End the one chosen version."""
        reason = str(_("retired in the console"))
        self._one(request, queryset, lambda row: commands.retire_plan(row.pk, reason=reason), _("Retired."))

    def has_publish_permission(self, request: HttpRequest) -> bool:
        """Whoever may publish plans over the API may do so here."""
        may = getattr(request.user, "has_scope", None)
        return bool(may("plans:publish")) if callable(may) else bool(request.user.is_superuser)

    def _one(self, request: HttpRequest, queryset: QuerySet[PlanVersionRow], act: Any, done: Any) -> None:
        rows = list(queryset[:2])
        if len(rows) != 1:
            self.message_user(request, _("Choose exactly one version."), messages.WARNING)
            return
        try:
            act(rows[0])
        except Refusal as refusal:
            self.message_user(request, said(refusal), messages.ERROR)
        else:
            self.message_user(request, done, messages.SUCCESS)


@admin.register(CommissionRow)
class CommissionAdmin(PublicIdSearch, ReadOnlyAdmin):
    """Commissions, the latest first, each with the way to its explanation."""

    list_display = (
        "public_id",
        "order",
        "payee",
        "rule_key",
        "kind",
        "depth",
        "base_minor",
        "rate",
        "amount_minor",
        "explained",
    )
    list_filter = ("kind", "depth")
    search_fields = ("id",)
    search_help_text = _("a commission's, an order's or a distributor's id")
    public_id_fields = (("cms", "pk"), ("ord", "order_id"), ("dst", "payee_id"), ("clg", "line_id"))
    ordering = ("-id",)
    readonly_fields = (
        "public_id",
        "order",
        "payee",
        "rule_key",
        "kind",
        "depth",
        "base_minor",
        "rate",
        "amount_minor",
        "explained",
    )
    fields = readonly_fields

    @admin.display(description=_("commission"))
    def public_id(self, row: CommissionRow) -> str:
        """The id that people and the API use."""
        return ids.public("cms", row.pk)

    @admin.display(description=_("order or closed period"))
    def order(self, row: CommissionRow) -> str:
        """The order's id, or that of the closing that added it."""
        return ids.public("clg", row.line_id) if row.kind in PERIOD_REWARDS else ids.public("ord", row.order_id)

    @admin.display(description=_("payee"))
    def payee(self, row: CommissionRow) -> str:
        """The distributor's id."""
        return ids.public("dst", row.payee_id)

    @admin.display(description=_("rate"))
    def rate(self, row: CommissionRow) -> str:
        """Its single rate; a dash where bands, a fixed amount or a share of a pot have none."""
        return format_rate(row.rate_bp) if row.rate_bp else "–"

    @admin.display(description=_("why"))
    def explained(self, row: CommissionRow) -> str:
        """The explain page."""
        return format_html('<a href="/console/commissions/{}/explain">{}</a>', ids.public("cms", row.pk), _("Explain"))


@admin.register(AccrualRow)
class AccrualAdmin(PublicIdSearch, ReadOnlyAdmin):
    """Orders and where their commission stands."""

    list_display = ("order", "plan_version", "total", "paid_at", "received_at", "release_after", "released_at")
    list_select_related = ("plan_version",)
    search_fields = ("id",)
    search_help_text = _("an order's id")
    public_id_fields = (("ord", "pk"),)
    ordering = ("-id",)
    fields = (
        "order", "plan_version", "total", "rule_set", "legal_depth", "legal_bp", "paid_at", "accrued_at", "hold_days",
        "received_at", "release_after", "due_at", "released_at",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description=_("order or closed period"))
    def order(self, row: AccrualRow) -> str:
        """The order's id, or that of a period's first closing."""
        return ids.public("clg" if row.is_closing else "ord", row.pk)

    @admin.display(description=_("commission total"))
    def total(self, row: AccrualRow) -> str:
        """With its currency."""
        return format_minor(row.total_minor, row.currency)


@admin.register(ReversalRow)
class ReversalAdmin(PublicIdSearch, ReadOnlyAdmin):
    """What went back, and from where."""

    list_display = (
        "commission_public_id", "payee", "cause", "amount_minor", "from_pending_minor", "from_available_minor",
        "from_debt_minor", "occurred_at",
    )  # fmt: skip
    list_filter = ("cause",)
    search_fields = ("id",)
    search_help_text = _("a commission's, an order's or a distributor's id")
    public_id_fields = (("cms", "commission_id"), ("ord", "order_id"), ("dst", "payee_id"))
    ordering = ("-id",)
    fields = (*list_display, "returned_minor")
    readonly_fields = fields

    @admin.display(description=_("commission"))
    def commission_public_id(self, row: ReversalRow) -> str:
        """The commission's id."""
        return ids.public("cms", row.commission_id)

    @admin.display(description=_("payee"))
    def payee(self, row: ReversalRow) -> str:
        """The distributor's id."""
        return ids.public("dst", row.payee_id)


def _actor(request: HttpRequest) -> str:
    return ids.public("usr", request.user.pk) if request.user.pk else ""
