"""The settlement desk: statements, the review queue, policies. Facts are read; an action calls one command."""

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

from banyan.earnings.settlement import commands, queries
from banyan.earnings.settlement.models import DecisionRow, LineRow, PolicyRow, ReviewQueueEntry, StatementRow
from banyan.earnings.settlement.types import Decision, ReviewOutcome, ReviewRequest, SourceKind, StatementId
from banyan.kernel import ids
from banyan.kernel.values.errors import Refusal
from banyan.kernel.values.money import format_minor
from banyan.kernel.words import in_words, said

REVIEW, WRITE = "settlements:review", "settlements:write"
BATCH = 5000
LINES_SHOWN = 200


class ReasonForm(ActionForm):  # type: ignore[misc]
    """The action and the reason that hold and reject ask for."""

    reason = forms.CharField(
        label="",
        required=False,
        max_length=500,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": _("Reason (for hold and reject)")}),
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


class LineInline(ReadOnly, TabularInline):  # type: ignore[misc]
    """The latest lines of one statement; a statement of thousands is read over the API."""

    model = LineRow
    extra = 0
    verbose_name_plural = _("lines (the latest 200)")
    fields = ("source_kind", "source", "cause", "amount", "occurred_at", "stands")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[LineRow]:
        """At most LINES_SHOWN rows of the statement in the address."""
        found: QuerySet[LineRow] = super().get_queryset(request)
        match = request.resolver_match
        statement_id = match.kwargs.get("object_id", "") if match else ""
        if not str(statement_id).isdigit():
            return found.none()
        shown = LineRow.objects.filter(statement_id=int(statement_id)).order_by("-pk").values_list("pk", flat=True)[:LINES_SHOWN]
        return found.filter(pk__in=list(shown)).select_related("statement")

    @admin.display(description=_("source id"))
    def source(self, row: LineRow) -> str:
        """The public id of what the line stands for."""
        return queries.source_names(SourceKind(row.source_kind), row.source_id, row.cause_id)[0]

    @admin.display(description=_("belongs to"))
    def cause(self, row: LineRow) -> str:
        """The public id of what that belongs to."""
        return queries.source_names(SourceKind(row.source_kind), row.source_id, row.cause_id)[1] or "–"

    @admin.display(description=_("amount"))
    def amount(self, row: LineRow) -> str:
        """Signed."""
        return format_minor(row.amount_minor, row.statement.currency)


class DecisionInline(ReadOnly, TabularInline):  # type: ignore[misc]
    """What people decided."""

    model = DecisionRow
    extra = 0
    fields = ("decided_at", "decision", "status", "reviewer", "reason")
    readonly_fields = fields

    @admin.display(description=_("reviewer"))
    def reviewer(self, row: DecisionRow) -> str:
        """The person's public id."""
        return ids.public("usr", row.reviewer_id)


@admin.register(StatementRow)
class StatementAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    """All statements."""

    list_display = (
        "public_id",
        "payee",
        "tier",
        "period_from",
        "period_to",
        "amount",
        "line_count",
        "status",
        "shown_reason",
        "opened_at",
    )
    list_filter: tuple[str, ...] = ("status", "tier", "currency")
    search_fields = ("=tier",)
    search_help_text = _("Statement, distributor or payout id (stm_…, dst_…, pyo_…)")
    ordering: tuple[str, ...] = ("-id",)
    list_per_page = 50
    show_full_result_count = False
    inlines = (DecisionInline, LineInline)
    action_form = ReasonForm
    actions: tuple[str, ...] = ("hold", "resume", "reject", "retry", "give_up")
    fields = (
        "public_id", "payee", "tier", "period_from", "period_to", "amount", "line_count", "status", "shown_reason", "opened_at",
        "first_approver", "approver", "approved_at", "payout", "attempt", "paid_at",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description=_("statement"), ordering="id")
    def public_id(self, row: StatementRow) -> str:
        """The statement's public id."""
        return ids.public("stm", row.pk)

    @admin.display(description=_("distributor"))
    def payee(self, row: StatementRow) -> str:
        """The distributor's public id."""
        return ids.public("dst", row.distributor_id)

    @admin.display(description=_("amount"), ordering="amount_minor")
    def amount(self, row: StatementRow) -> str:
        """In the statement's currency."""
        return format_minor(row.amount_minor, row.currency)

    @admin.display(description=_("reason"), ordering="reason")
    def shown_reason(self, row: StatementRow) -> str:
        """In words."""
        return queries.reason_words(row.reason)

    @admin.display(description=_("first approver"))
    def first_approver(self, row: StatementRow) -> str:
        """The first of the four eyes."""
        return ids.public("usr", row.first_approver_id) if row.first_approver_id else "–"

    @admin.display(description=_("approver"))
    def approver(self, row: StatementRow) -> str:
        """Who approved; a dash for the automatic lane."""
        return ids.public("usr", row.approver_id) if row.approver_id else "–"

    @admin.display(description=_("payout"))
    def payout(self, row: StatementRow) -> str:
        """The latest payout."""
        return ids.public("pyo", row.payout_id) if row.payout_id else "–"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[StatementRow], term: str
    ) -> tuple[QuerySet[StatementRow], bool]:
        """Public ids are translated; anything else finds nothing but a tier."""
        head, _underscore, rest = term.strip().partition("_")
        column = {"stm": "id", "dst": "distributor_id", "pyo": "payout_id"}.get(head)
        if column and rest:
            try:
                return queryset.filter(**{column: ids.parse(head, term.strip())}), False
            except ids.BadPublicId:
                return queryset.none(), False
        return super().get_search_results(request, queryset, term)  # type: ignore[no-any-return]

    def has_review_permission(self, request: HttpRequest) -> bool:
        """Who may decide."""
        return bool(request.user.is_authenticated and request.user.has_scope(REVIEW))

    @admin.action(description=_("Approve"), permissions=["review"])
    def approve(self, request: HttpRequest, queryset: QuerySet[StatementRow]) -> None:
        """Book and pay."""
        self._review(request, queryset, Decision.APPROVE)

    @admin.action(description=_("Hold, with the reason"), permissions=["review"])
    def hold(self, request: HttpRequest, queryset: QuerySet[StatementRow]) -> None:
        """Keep waiting."""
        self._review(request, queryset, Decision.HOLD)

    @admin.action(description=_("Resume"), permissions=["review"])
    def resume(self, request: HttpRequest, queryset: QuerySet[StatementRow]) -> None:
        """Back into the queue."""
        self._review(request, queryset, Decision.RESUME)

    @admin.action(description=_("Reject, with the reason"), permissions=["review"])
    def reject(self, request: HttpRequest, queryset: QuerySet[StatementRow]) -> None:
        """Its lines may be settled again."""
        self._review(request, queryset, Decision.REJECT)

    @admin.action(description=_("Try the payout again"), permissions=["review"])
    def retry(self, request: HttpRequest, queryset: QuerySet[StatementRow]) -> None:
        """As a new payout."""
        self._payout(request, queryset, commands.retry_payout)

    @admin.action(description=_("Give up the payout: into the next statement"), permissions=["review"])
    def give_up(self, request: HttpRequest, queryset: QuerySet[StatementRow]) -> None:
        """The amount goes into the next statement."""
        reason = self._reason(request)
        self._payout(request, queryset, lambda chosen: commands.return_to_next(chosen, reason))

    def _reason(self, request: HttpRequest) -> str:
        return str(request.POST.get("reason", "")).replace("\x00", "")

    def _review(self, request: HttpRequest, queryset: QuerySet[StatementRow], decision: Decision) -> None:
        chosen = list(queryset.order_by("pk").values_list("pk", flat=True)[:BATCH])
        reviewer, reason = int(request.user.pk or 0), self._reason(request)
        self._tell(request, commands.review([ReviewRequest(StatementId(pk), decision, reviewer, reason) for pk in chosen]))

    def _payout(self, request: HttpRequest, queryset: QuerySet[StatementRow], run: Any) -> None:
        chosen = list(queryset.order_by("pk").values_list("pk", flat=True)[:BATCH])
        try:
            done = run(chosen)
        except Refusal as refusal:
            self.message_user(request, said(refusal), messages.WARNING)
        else:
            self._done(request, done)

    def _done(self, request: HttpRequest, count: int) -> None:
        self.message_user(request, ngettext("%(count)d statement done.", "%(count)d statements done.", count) % {"count": count})

    def _tell(self, request: HttpRequest, outcomes: Sequence[ReviewOutcome]) -> None:
        refused = [one for one in outcomes if one.status is None]
        if len(refused) < len(outcomes):
            self._done(request, len(outcomes) - len(refused))
        for one in refused[:5]:
            self.message_user(request, f"{ids.public('stm', one.statement_id)}: {in_words(one.message)}", messages.WARNING)


@admin.register(ReviewQueueEntry)
class ReviewQueueAdmin(StatementAdmin):
    """What waits for a reviewer: higher tiers first, then the oldest."""

    ordering = ("tier_rank", "opened_at", "id")
    list_filter = ("status", "tier")
    actions: tuple[str, ...] = ("approve", "hold", "reject")

    def get_queryset(self, request: HttpRequest) -> QuerySet[StatementRow]:
        """Only what waits."""
        found: QuerySet[StatementRow] = super().get_queryset(request)
        return found.filter(status__in=[status.value for status in queries.IN_QUEUE])


@admin.register(PolicyRow)
class PolicyAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    """Policies, open and retired. They are opened on the console's own page or over the API; here they are read and retired."""

    list_display = (
        "scope",
        "subject",
        "cycle",
        "lane",
        "minimum",
        "review_from",
        "four_eyes_from",
        "channel",
        "opened_at",
        "retired_at",
    )
    list_filter = ("scope", "cycle", "lane")
    ordering = ("-id",)
    list_per_page = 50
    show_full_result_count = False
    actions = ("retire",)
    fields = (
        "scope", "subject", "cycle", "weekday", "month_day", "lane", "minimum", "review_from", "four_eyes_from", "channel",
        "attempt_count", "opener", "opened_at", "retired_at",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description=_("minimum"))
    def minimum(self, row: PolicyRow) -> str:
        """Below it a statement is carried over."""
        return format_minor(row.minimum_minor)

    @admin.display(description=_("review from"))
    def review_from(self, row: PolicyRow) -> str:
        """At or above it a person looks."""
        return "–" if row.review_minor is None else format_minor(row.review_minor)

    @admin.display(description=_("four eyes from"))
    def four_eyes_from(self, row: PolicyRow) -> str:
        """At or above it two persons look."""
        return "–" if row.four_eyes_minor is None else format_minor(row.four_eyes_minor)

    @admin.display(description=_("opened by"))
    def opener(self, row: PolicyRow) -> str:
        """Who cannot approve under it."""
        return ids.public("usr", row.opened_by)

    def has_write_permission(self, request: HttpRequest) -> bool:
        """Who may retire."""
        return bool(request.user.is_authenticated and request.user.has_scope(WRITE))

    @admin.action(description=_("Retire"), permissions=["write"])
    def retire(self, request: HttpRequest, queryset: QuerySet[PolicyRow]) -> None:
        """Whom they were for falls under the next wider policy."""
        for policy_id in queryset.values_list("pk", flat=True):
            commands.retire_policy(policy_id)
