"""Payouts in the back office: to read, to hurry and to take back. The receiver's account is shown nowhere."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from banyan.kernel import ids
from banyan.kernel.backoffice import FactsAdmin, FindsById, ReasonForm
from banyan.kernel.values.errors import Refusal
from banyan.kernel.values.money import format_minor
from banyan.treasury.payouts import commands
from banyan.treasury.payouts.models import PayoutRow


@admin.register(PayoutRow)
class PayoutAdmin(FactsAdmin, FindsById):
    """Payouts, the latest first."""

    list_display = (
        "public_id", "distributor", "statement", "channel", "amount", "shown_state", "failure_code", "shown_hold", "requested_at",
        "ended_at",
    )  # fmt: skip
    list_filter = ("state",)
    ordering = ("-id",)
    public_ids = (("pyo", "pk"), ("dst", "distributor_id"), ("stm", "statement_id"))
    exact_fields = ("out_bill_no", "key")
    search_help_text = _("a payout's, distributor's or statement's id, or our number")
    fields = (
        "public_id", "distributor", "statement", "channel", "out_bill_no", "reference", "amount", "shown_state", "failure_code",
        "failure", "shown_hold", "key", "attempt_count", "requested_at", "submitted_at", "confirm_by", "cancel_requested_at",
        "cancel_reason",
        "ended_at",
    )  # fmt: skip
    actions = ("submit_now", "cancel")
    action_form = ReasonForm

    @admin.display(description=_("payout"))
    def public_id(self, row: PayoutRow) -> str:
        """Its public id."""
        return ids.public("pyo", row.pk)

    @admin.display(description=_("distributor"))
    def distributor(self, row: PayoutRow) -> str:
        """The receiver's public id."""
        return ids.public("dst", row.distributor_id)

    @admin.display(description=_("statement"))
    def statement(self, row: PayoutRow) -> str:
        """The statement's public id."""
        return ids.public("stm", row.statement_id)

    @admin.display(description=_("amount"), ordering="amount_minor")
    def amount(self, row: PayoutRow) -> str:
        """What is paid."""
        return format_minor(row.amount_minor, row.currency)

    @admin.display(description=_("state"), ordering="state")
    def shown_state(self, row: PayoutRow) -> Any:
        """In the operator's language."""
        return _(row.state)

    @admin.display(description=_("held back because"))
    def shown_hold(self, row: PayoutRow) -> Any:
        """Why it is not handed over."""
        return _(row.held_reason) if row.held_reason else "–"

    @admin.action(description=_("Submit now"), permissions=["act"])
    def submit_now(self, request: HttpRequest, queryset: QuerySet[PayoutRow]) -> None:
        """Have the job take up the chosen payouts at once."""
        self.tell(request, lambda: [_answer(commands.bring_forward, row.pk) for row in queryset])

    @admin.action(description=_("Take back (with a reason)"), permissions=["act"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[PayoutRow]) -> None:
        """Cancel the chosen payouts where the receiver has not got them."""
        reason = request.POST.get("reason", "").strip()
        self.tell(request, lambda: [_answer(commands.cancel_payouts, row.pk, reason) for row in queryset])


def _answer(command: Any, payout_id: int, *more: Any) -> Refusal | None:
    try:
        command([payout_id], *more)
    except Refusal as refusal:
        return refusal
    return None
