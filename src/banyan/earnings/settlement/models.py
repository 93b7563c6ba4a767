"""The tables of settlement. That nothing is settled twice is a unique index, not a habit of the code.

Distributor, commission, payout and user ids are plain bigints: they name rows of houses below.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from banyan.earnings.settlement.types import Cycle, Decision, Lane, Scope, SourceKind, StatementStatus
from banyan.kernel.secrets.fields import EncryptedTextField
from banyan.kernel.tenancy.base import Audit, TenantModel

ONE_LINE_PER_SOURCE = "settlement_one_line_per_source"
ONE_STATEMENT_PER_PERIOD = "settlement_one_statement_per_period"


class PolicyRow(TenantModel):
    """One opened policy; never edited, only retired and replaced, so a statement's terms stay readable."""

    audit: ClassVar[Audit] = Audit.ALL

    scope = models.CharField(_("applies to"), max_length=12, choices=[(one.value, one.value) for one in Scope])
    subject = models.CharField(_("subject"), max_length=40, blank=True)
    cycle = models.CharField(_("cycle"), max_length=8, choices=[(one.value, one.value) for one in Cycle])
    weekday = models.PositiveSmallIntegerField(_("weekday"), default=0)
    month_day = models.PositiveSmallIntegerField(_("day of month"), default=1)
    lane = models.CharField(_("lane"), max_length=10, choices=[(one.value, one.value) for one in Lane])
    minimum_minor = models.BigIntegerField(_("minimum"), default=1)
    review_minor = models.BigIntegerField(_("review from"), null=True)
    four_eyes_minor = models.BigIntegerField(_("four eyes from"), null=True)
    channel = models.CharField(_("payout channel"), max_length=30)
    attempt_count = models.PositiveSmallIntegerField(_("payout attempts"), default=3)
    opened_by = models.BigIntegerField(_("opened by"))
    opened_at = models.DateTimeField(_("opened at"))
    retired_at = models.DateTimeField(_("retired at"), null=True)

    class Meta:
        app_label = "settlement"
        db_table = "settlement_policies"
        verbose_name = _("settlement policy")
        verbose_name_plural = _("settlement policies")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_id", "scope", "subject"], condition=Q(retired_at__isnull=True), name="settlement_one_open_policy"
            ),
            models.CheckConstraint(
                condition=Q(weekday__lte=6, month_day__gte=1, month_day__lte=31, minimum_minor__gte=1),
                name="settlement_policy_terms",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.subject} {self.cycle}"


class CalendarRow(TenantModel):
    """When a distributor's next period ends (`due_at`, null while there is nothing to settle). Its lock splits the work."""

    audit: ClassVar[Audit] = Audit.NONE

    distributor_id = models.BigIntegerField(_("distributor"))
    currency = models.CharField(_("currency"), max_length=3)
    due_at = models.DateTimeField(_("due at"), null=True)
    settled_until = models.DateTimeField(_("settled until"), null=True)

    class Meta:
        app_label = "settlement"
        db_table = "settlement_calendars"
        verbose_name = _("settlement calendar")
        verbose_name_plural = _("settlement calendars")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "distributor_id", "currency"], name="settlement_one_calendar")
        ]
        indexes = [
            models.Index(fields=["tenant_id", "due_at", "id"], name="settlement_calendar_due", condition=Q(due_at__isnull=False))
        ]

    def __str__(self) -> str:
        return f"{self.distributor_id} {self.currency}"


class StatementRow(TenantModel):
    """One distributor, one period, one currency: what is paid and where it stands."""

    audit: ClassVar[Audit] = Audit.CHANGES

    distributor_id = models.BigIntegerField(_("distributor"))
    policy = models.ForeignKey(PolicyRow, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("policy"))
    period_from = models.DateTimeField(_("period from"))
    period_to = models.DateTimeField(_("period to"))
    currency = models.CharField(_("currency"), max_length=3)
    amount_minor = models.BigIntegerField(_("amount"))
    line_count = models.IntegerField(_("lines"))
    tier = models.CharField(_("tier"), max_length=10)
    tier_rank = models.PositiveSmallIntegerField(_("tier rank"))
    status = models.CharField(_("status"), max_length=16, choices=[(one.value, one.value) for one in StatementStatus])
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    opened_at = models.DateTimeField(_("opened at"))
    first_approver_id = models.BigIntegerField(_("first approver"), null=True)
    approver_id = models.BigIntegerField(_("approver"), null=True)
    approved_at = models.DateTimeField(_("approved at"), null=True)
    payout_id = models.BigIntegerField(_("payout"), null=True)
    attempt = models.PositiveSmallIntegerField(_("payout attempt"), default=0)
    pay_at = models.DateTimeField(_("pay at"), null=True)
    paid_at = models.DateTimeField(_("paid at"), null=True)

    class Meta:
        app_label = "settlement"
        db_table = "settlement_statements"
        verbose_name = _("statement")
        verbose_name_plural = _("statements")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_id", "distributor_id", "currency", "period_from", "period_to"], name=ONE_STATEMENT_PER_PERIOD
            ),
            models.CheckConstraint(condition=Q(period_to__gt=F("period_from")), name="settlement_period_is_half_open"),
            models.CheckConstraint(
                condition=Q(status="carried") | Q(status="rejected") | Q(amount_minor__gt=0), name="settlement_pays_something"
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant_id", "tier_rank", "opened_at", "id"],
                name="settlement_review_queue",
                condition=Q(status__in=("under_review", "awaiting_second")),
            ),
            models.Index(fields=["tenant_id", "pay_at", "id"], name="settlement_pay_due", condition=Q(pay_at__isnull=False)),
            models.Index(fields=["tenant_id", "distributor_id", "id"], name="settlement_by_distributor"),
            models.Index(fields=["tenant_id", "status", "id"], name="settlement_by_status"),
            models.Index(fields=["tenant_id", "payout_id"], name="settlement_by_payout", condition=Q(payout_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.amount_minor} {self.currency}"


class ItemRow(TenantModel):
    """One signed amount that is or was to be settled; `statement` is the standing statement that settles it.

    The claim by a statement is told by that statement's audited lines, and compared with them by `settlement.claims`.
    """

    audit: ClassVar[Audit] = Audit.CHANGES
    audit_excluded: ClassVar[tuple[str, ...]] = ("statement_id",)

    distributor_id = models.BigIntegerField(_("distributor"))
    currency = models.CharField(_("currency"), max_length=3)
    source_kind = models.CharField(_("type of line"), max_length=20, choices=[(one.value, one.value) for one in SourceKind])
    source_id = models.BigIntegerField(_("source id"))
    cause_id = models.BigIntegerField(_("cause"), default=0)
    amount_minor = models.BigIntegerField(_("amount"))
    occurred_at = models.DateTimeField(_("occurred at"))
    statement = models.ForeignKey(
        StatementRow, on_delete=models.PROTECT, null=True, related_name="+", db_index=False, db_constraint=False
    )

    class Meta:
        app_label = "settlement"
        db_table = "settlement_items"
        verbose_name = _("settlement item")
        verbose_name_plural = _("settlement items")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "source_kind", "source_id"], name="settlement_one_item_per_source")
        ]
        indexes = [
            models.Index(
                fields=["tenant_id", "distributor_id", "currency"],
                name="settlement_open_items",
                condition=Q(statement__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.source_kind} {self.amount_minor}"


class LineRow(TenantModel):
    """One line of a statement. `stands` turns false when the statement is rejected: only then may the source be stated again."""

    audit: ClassVar[Audit] = Audit.CHANGES

    statement = models.ForeignKey(
        StatementRow, on_delete=models.PROTECT, related_name="lines", db_index=False, db_constraint=False
    )
    source_kind = models.CharField(_("type of line"), max_length=20, choices=[(one.value, one.value) for one in SourceKind])
    source_id = models.BigIntegerField(_("source id"))
    cause_id = models.BigIntegerField(_("cause"), default=0)
    amount_minor = models.BigIntegerField(_("amount"))
    occurred_at = models.DateTimeField(_("occurred at"))
    stands = models.BooleanField(_("stands"), default=True)

    class Meta:
        app_label = "settlement"
        db_table = "settlement_lines"
        verbose_name = _("statement line")
        verbose_name_plural = _("statement lines")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_id", "source_kind", "source_id"], condition=Q(stands=True), name=ONE_LINE_PER_SOURCE
            )
        ]
        indexes = [models.Index(fields=["tenant_id", "statement"], name="settlement_line_by_statement")]

    def __str__(self) -> str:
        return f"{self.source_kind} {self.amount_minor}"


class DecisionRow(TenantModel):
    """What a person decided about a statement, and why; never changed."""

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.NONE

    statement = models.ForeignKey(StatementRow, on_delete=models.PROTECT, related_name="decisions", db_index=False)
    decision = models.CharField(_("decision"), max_length=10, choices=[(one.value, one.value) for one in Decision])
    status = models.CharField(_("status after"), max_length=16)
    amount_minor = models.BigIntegerField(_("amount"))
    reviewer_id = models.BigIntegerField(_("reviewer"))
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    decided_at = models.DateTimeField(_("decided at"))

    class Meta:
        app_label = "settlement"
        db_table = "settlement_decisions"
        verbose_name = _("review decision")
        verbose_name_plural = _("review decisions")
        indexes = [models.Index(fields=["tenant_id", "statement"], name="settlement_decisions_of")]

    def __str__(self) -> str:
        return self.decision


class PayeeRow(TenantModel):
    """Where a distributor is paid on one channel."""

    audit: ClassVar[Audit] = Audit.ALL
    audit_excluded: ClassVar[tuple[str, ...]] = ("account", "account_name")

    distributor_id = models.BigIntegerField(_("distributor"))
    channel = models.CharField(_("payout channel"), max_length=30)
    account = EncryptedTextField(_("account"))
    account_name = EncryptedTextField(_("account name"), null=True)
    changed_at = models.DateTimeField(_("changed at"))

    class Meta:
        app_label = "settlement"
        db_table = "settlement_payees"
        verbose_name = _("payee account")
        verbose_name_plural = _("payee accounts")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "distributor_id", "channel"], name="settlement_one_payee_account")
        ]

    def __str__(self) -> str:
        return self.channel


class ReviewQueueEntry(StatementRow):
    """The statements that wait for a reviewer, as a screen of their own."""

    class Meta:
        app_label = "settlement"
        proxy = True
        verbose_name = _("statement to review")
        verbose_name_plural = _("review queue")
