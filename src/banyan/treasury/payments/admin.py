"""Payments, refunds and incidents in the back office: to read; an incident can be resolved."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from banyan.kernel import ids
from banyan.kernel.backoffice import FactsAdmin, FindsById, ReasonForm
from banyan.kernel.values.errors import Refusal
from banyan.kernel.values.money import format_minor
from banyan.treasury.payments import commands
from banyan.treasury.payments.models import IncidentRow, PaymentRow, RefundRow


@admin.register(PaymentRow)
class PaymentAdmin(FactsAdmin, FindsById):
    """Payments, the latest first."""

    list_display = ("public_id", "order", "channel", "amount", "refunded", "shown_state", "created_at", "captured_at")
    list_filter = ("state",)
    ordering = ("-id",)
    date_hierarchy = None
    public_ids = (("pay", "pk"), ("ord", "order_id"))
    exact_fields = ("out_trade_no", "transaction_id")
    search_help_text = _("a payment's or an order's id, our number or the channel's")
    fields = (
        "public_id", "order", "channel", "out_trade_no", "transaction_id", "amount", "held", "refunded", "shown_state",
        "is_extra", "created_at", "expires_at", "captured_at",
    )  # fmt: skip

    @admin.display(description=_("payment"))
    def public_id(self, row: PaymentRow) -> str:
        """Its public id."""
        return ids.public("pay", row.pk)

    @admin.display(description=_("order"))
    def order(self, row: PaymentRow) -> str:
        """The order's public id."""
        return ids.public("ord", row.order_id)

    @admin.display(description=_("amount"), ordering="amount_minor")
    def amount(self, row: PaymentRow) -> str:
        """What is or was asked for."""
        return format_minor(row.amount_minor, row.currency)

    @admin.display(description=_("refunds asked for"))
    def held(self, row: PaymentRow) -> str:
        """Refunds that did not fail."""
        return format_minor(row.refund_held_minor, row.currency)

    @admin.display(description=_("refunded"))
    def refunded(self, row: PaymentRow) -> str:
        """What is back with the buyer."""
        return format_minor(row.refunded_minor, row.currency)

    @admin.display(description=_("state"), ordering="state")
    def shown_state(self, row: PaymentRow) -> Any:
        """In the operator's language."""
        return _(row.state)


@admin.register(RefundRow)
class RefundAdmin(FactsAdmin, FindsById):
    """Refunds, the latest first."""

    list_display = (
        "public_id",
        "payment_link",
        "order",
        "channel",
        "amount",
        "shown_state",
        "reason",
        "requested_at",
        "completed_at",
    )
    list_filter = ("state",)
    ordering = ("-id",)
    public_ids = (("rfd", "pk"), ("pay", "payment_id"), ("ord", "order_id"))
    exact_fields = ("out_refund_no", "key")
    search_help_text = _("a refund's, payment's or order's id, or our number")
    fields = (
        "public_id", "payment_link", "order", "channel", "out_refund_no", "reference", "amount", "shown_state", "reason", "key",
        "attempt_count", "failure", "requested_at", "completed_at",
    )  # fmt: skip

    @admin.display(description=_("refund"))
    def public_id(self, row: RefundRow) -> str:
        """Its public id."""
        return ids.public("rfd", row.pk)

    @admin.display(description=_("payment"))
    def payment_link(self, row: RefundRow) -> str:
        """The payment's public id."""
        return ids.public("pay", row.payment_id)

    @admin.display(description=_("order"))
    def order(self, row: RefundRow) -> str:
        """The order's public id."""
        return ids.public("ord", row.order_id)

    @admin.display(description=_("amount"), ordering="amount_minor")
    def amount(self, row: RefundRow) -> str:
        """What goes back."""
        return format_minor(row.amount_minor, row.currency)

    @admin.display(description=_("state"), ordering="state")
    def shown_state(self, row: RefundRow) -> Any:
        """In the operator's language."""
        return _(row.state)


class OpenFilter(admin.SimpleListFilter):
    """Open or resolved."""

    title = _("resolved")
    parameter_name = "resolved"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Two choices."""
        return [("no", _("open")), ("yes", _("resolved"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The chosen ones."""
        return queryset.filter(resolved_at__isnull=self.value() == "no") if self.value() else queryset


@admin.register(IncidentRow)
class IncidentAdmin(FactsAdmin, FindsById):
    """What channels said that was not booked, or that somebody must look at."""

    list_display = ("public_id", "shown_kind", "channel", "number", "payment", "seen_count", "latest_seen_at", "resolved_at")
    list_filter = (OpenFilter, "kind")
    ordering = ("-id",)
    public_ids = (("inc", "pk"),)
    exact_fields = ("number",)
    search_help_text = _("an incident's id or the number it is about")
    fields = (
        "public_id", "shown_kind", "channel", "number", "payment", "shown_details", "seen_count", "first_seen_at",
        "latest_seen_at", "resolved_at", "resolution",
    )  # fmt: skip
    actions = ("resolve",)
    action_form = ReasonForm

    @admin.display(description=_("incident"))
    def public_id(self, row: IncidentRow) -> str:
        """Its public id."""
        return ids.public("inc", row.pk)

    @admin.display(description=_("kind"), ordering="kind")
    def shown_kind(self, row: IncidentRow) -> Any:
        """In the operator's language."""
        return _(row.kind)

    @admin.display(description=_("payment"))
    def payment(self, row: IncidentRow) -> str:
        """The payment's public id, if it is about one."""
        return ids.public("pay", row.payment_id) if row.payment_id else "–"

    @admin.display(description=_("details"))
    def shown_details(self, row: IncidentRow) -> str:
        """What was said and what was expected."""
        return json.dumps(row.details, ensure_ascii=False, indent=1)

    @admin.action(description=_("Resolve (say what was done)"), permissions=["act"])
    def resolve(self, request: HttpRequest, queryset: QuerySet[IncidentRow]) -> None:
        """Close the chosen incidents with the reason given."""

        def work() -> list[Refusal | None]:
            answers: list[Refusal | None] = []
            for row in queryset:
                try:
                    commands.resolve_incident(row.pk, request.POST.get("reason", ""))
                    answers.append(None)
                except Refusal as refusal:
                    answers.append(refusal)
            return answers

        self.tell(request, work)
