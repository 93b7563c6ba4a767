"""The returns desk: what was asked, what came back, what was paid back. Facts are read; an action calls one command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import ActionForm
from unfold.widgets import UnfoldAdminTextInputWidget

from banyan.kernel import ids
from banyan.kernel.values.money import format_minor
from banyan.kernel.words import said
from banyan.trade.returns import commands
from banyan.trade.returns.models import ReturnLineRow, ReturnPolicyRow, ReturnRow
from banyan.trade.returns.types import Rejection, ReturnId, ReturnOutcome

BATCH = 500


class ReasonForm(ActionForm):  # type: ignore[misc]
    """The action and, for a rejection, its reason."""

    reason = forms.CharField(
        label="",
        required=False,
        max_length=500,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": _("Reason (for a rejection)")}),
    )


class ReadOnly:
    """Nothing is added, changed or deleted by form."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


class ReturnLineInline(ReadOnly, TabularInline):  # type: ignore[misc]
    """The lines of one return."""

    model = ReturnLineRow
    extra = 0
    fields = ("order_line", "quantity", "amount_minor", "restock_quantity", "scrap_quantity", "refund", "sold")
    readonly_fields = fields

    @admin.display(description=_("order line"))
    def order_line(self, row: ReturnLineRow) -> str:
        """The order line's public id."""
        return ids.public("oln", row.line_id)

    @admin.display(description=_("refund"))
    def refund(self, row: ReturnLineRow) -> str:
        """What goes back for this line."""
        return format_minor(row.refund_minor, row.return_row.currency)

    @admin.display(description=_("sold"))
    def sold(self, row: ReturnLineRow) -> str:
        """What the line was sold for."""
        return f"{row.of_quantity} · {format_minor(row.of_minor, row.return_row.currency)}"


@admin.register(ReturnRow)
class ReturnAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    """Return requests and what became of them."""

    list_display = ("public_id", "status", "mode", "order", "refund", "reason", "requested_at", "accepted_at")
    list_filter = ("status", "mode", "fault", "goodwill")
    search_fields = ("=key",)
    search_help_text = _("Return, order or user id (ret_…, ord_…, usr_…)")
    ordering = ("-id",)
    list_per_page = 50
    show_full_result_count = False
    inlines = (ReturnLineInline,)
    action_form = ReasonForm
    actions = ("approve", "reject", "accept", "retry_refund")
    fields = (
        "public_id", "order", "buyer", "status", "mode", "fault", "goodwill", "reason", "decision_reason", "refund", "freight",
        "requested_at", "decided_at", "received_at", "accepted_at", "refunded_at",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description=_("return"), ordering="id")
    def public_id(self, row: ReturnRow) -> str:
        """The return's public id."""
        return ids.public("ret", row.pk)

    @admin.display(description=_("order"))
    def order(self, row: ReturnRow) -> str:
        """The order's public id."""
        return ids.public("ord", row.order_id)

    @admin.display(description=_("buyer"))
    def buyer(self, row: ReturnRow) -> str:
        """The buyer's public id."""
        return ids.public("usr", row.buyer_id)

    @admin.display(description=_("refund"), ordering="refund_minor")
    def refund(self, row: ReturnRow) -> str:
        """What goes back, freight included."""
        return format_minor(row.refund_minor, row.currency)

    @admin.display(description=_("freight in the refund"))
    def freight(self, row: ReturnRow) -> str:
        """The freight in it."""
        return format_minor(row.freight_minor, row.currency)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ReturnRow], term: str
    ) -> tuple[QuerySet[ReturnRow], bool]:
        """Public ids are translated; anything else is looked up as it is."""
        head, _underscore, rest = term.strip().partition("_")
        column = {"ret": "id", "ord": "order_id", "usr": "buyer_id"}.get(head)
        if column and rest:
            try:
                return queryset.filter(**{column: ids.parse(head, term.strip())}), False
            except ids.BadPublicId:
                return queryset.none(), False
        return super().get_search_results(request, queryset, term)  # type: ignore[no-any-return]

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Who may decide over the API; the warehouse has the same scope, but only for goods that arrive."""
        return request.user.has_perm("returns.decide_returnrow")

    @admin.action(description=_("Approve"), permissions=["decide"])
    def approve(self, request: HttpRequest, queryset: QuerySet[ReturnRow]) -> None:
        """requested → approved."""
        self._tell(request, commands.approve(self._chosen(queryset), int(request.user.pk or 0)))

    @admin.action(description=_("Reject, with the reason"), permissions=["decide"])
    def reject(self, request: HttpRequest, queryset: QuerySet[ReturnRow]) -> None:
        """→ rejected."""
        reason = str(request.POST.get("reason", "")).replace("\x00", "")
        self._tell(
            request, commands.reject([Rejection(one, reason) for one in self._chosen(queryset)], int(request.user.pk or 0))
        )

    @admin.action(description=_("Accept and refund"), permissions=["decide"])
    def accept(self, request: HttpRequest, queryset: QuerySet[ReturnRow]) -> None:
        """→ accepted: refund, restock, clawback."""
        self._tell(request, commands.accept(self._chosen(queryset)))

    @admin.action(description=_("Ask for the refund again"), permissions=["decide"])
    def retry_refund(self, request: HttpRequest, queryset: QuerySet[ReturnRow]) -> None:
        """refund_failed → accepted."""
        self._tell(request, commands.retry_refunds(self._chosen(queryset)))

    def _chosen(self, queryset: QuerySet[ReturnRow]) -> list[ReturnId]:
        return [ReturnId(pk) for pk in queryset.order_by("pk").values_list("pk", flat=True)[:BATCH]]

    def _tell(self, request: HttpRequest, outcomes: Sequence[ReturnOutcome]) -> None:
        refused = [one for one in outcomes if one.refusal is not None]
        done = len(outcomes) - len(refused)
        if done:
            self.message_user(request, ngettext("%(count)d return done.", "%(count)d returns done.", done) % {"count": done})
        for one in refused[:5]:
            text = f"{ids.public('ret', one.return_id or 0)}: {said(one.refusal) if one.refusal else ''}"
            self.message_user(request, text, messages.WARNING)


@admin.register(ReturnPolicyRow)
class ReturnPolicyAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    """The shop's terms of return, as they were set."""

    list_display = ("days_after_receipt", "freight_rule", "changed_at")
    show_full_result_count = False
    fields = ("days_after_receipt", "freight_rule", "changed_at")
    readonly_fields = fields
