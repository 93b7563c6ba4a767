"""Payments, refunds, and what channels told us that we would not book."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from banyan.kernel.tenancy.base import Audit, TenantModel
from banyan.treasury.payments.types import IncidentKind, PaymentState, RefundState


class PaymentRow(TenantModel):
    """One wish to be paid and what came of it.

    `refund_held_minor` is the sum of refunds that were asked for and did not fail, `refunded_minor` of those completed:
    caches for the guard, compared with the refunds by `banyan verify`. `is_extra`: the money pays no order (paid twice, too late,
    not what was asked for), so all of it is to go back. `due_at` is when the channel is to be asked next.
    """

    audit: ClassVar[Audit] = Audit.CHANGES
    audit_excluded: ClassVar[tuple[str, ...]] = ("due_at", "ask_count")

    order_id = models.BigIntegerField(_("order"))
    buyer_id = models.BigIntegerField(_("buyer"), default=0)
    channel = models.CharField(_("channel"), max_length=32)
    out_trade_no = models.CharField(_("our number"), max_length=32)
    transaction_id = models.CharField(_("channel's number"), max_length=64, blank=True, default="")
    state = models.CharField(_("state"), max_length=16, choices=[(s.value, s.value) for s in PaymentState], default="pending")
    amount_minor = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    description = models.CharField(_("description"), max_length=127, blank=True, default="")
    refund_held_minor = models.BigIntegerField(_("refunds asked for"), default=0)
    refunded_minor = models.BigIntegerField(_("refunded"), default=0)
    created_at = models.DateTimeField(_("created at"))
    expires_at = models.DateTimeField(_("expires at"))
    captured_at = models.DateTimeField(_("captured at"), null=True)
    is_extra = models.BooleanField(_("pays no order"), db_default=False)
    due_at = models.DateTimeField(_("ask the channel at"), null=True)
    ask_count = models.SmallIntegerField(_("asked"), default=0)

    class Meta:
        app_label = "payments"
        db_table = "payments_payments"
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "out_trade_no"], name="one_payment_per_number"),
            models.UniqueConstraint(
                fields=["tenant_id", "channel", "transaction_id"],
                name="one_payment_per_transaction",
                condition=~Q(transaction_id=""),
            ),
            models.UniqueConstraint(
                fields=["tenant_id", "order_id"], name="one_pending_payment_per_order", condition=Q(state="pending")
            ),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payment_amount_positive"),
            models.CheckConstraint(
                condition=Q(
                    refunded_minor__gte=0, refunded_minor__lte=F("refund_held_minor"), refund_held_minor__lte=F("amount_minor")
                ),
                name="refunds_within_captured",
            ),
            models.CheckConstraint(
                condition=Q(state="captured", captured_at__isnull=False)
                | (~Q(state="captured") & Q(captured_at=None, refund_held_minor=0)),
                name="captured_has_moment",
            ),
            models.CheckConstraint(condition=Q(is_extra=False) | Q(state="captured"), name="extra_is_captured"),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "order_id"], name="payment_by_order"),
            models.Index(fields=["tenant_id", "id"], name="payment_by_id"),
            models.Index(fields=["tenant_id", "buyer_id", "id"], name="payment_by_buyer", condition=Q(buyer_id__gt=0)),
            models.Index(fields=["tenant_id", "due_at"], name="payment_due", condition=~Q(state="captured")),
        ]

    def __str__(self) -> str:
        return self.out_trade_no


class RefundRow(TenantModel):
    """One refund of one payment. `out_refund_no` never changes, so the channel pays it once however often we ask.

    `due_at`: when a job looks at it next; while a job has it, the end of its lease; null when it has ended.
    """

    audit: ClassVar[Audit] = Audit.CHANGES
    audit_excluded: ClassVar[tuple[str, ...]] = ("due_at",)

    payment = models.ForeignKey(PaymentRow, on_delete=models.PROTECT, related_name="refunds")
    order_id = models.BigIntegerField(_("order"))
    channel = models.CharField(_("channel"), max_length=32)
    out_refund_no = models.CharField(_("our number"), max_length=32)
    reference = models.CharField(_("channel's number"), max_length=64, blank=True, default="")
    state = models.CharField(_("state"), max_length=16, choices=[(s.value, s.value) for s in RefundState], default="requested")
    amount_minor = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    reason = models.CharField(_("reason"), max_length=80, blank=True, default="")
    key = models.CharField(_("key"), max_length=120)
    attempt_count = models.SmallIntegerField(_("attempts"), default=0)
    failure = models.CharField(_("failure"), max_length=200, blank=True, default="")
    requested_at = models.DateTimeField(_("requested at"))
    completed_at = models.DateTimeField(_("completed at"), null=True)
    due_at = models.DateTimeField(_("due at"), null=True)

    class Meta:
        app_label = "payments"
        db_table = "payments_refunds"
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "key"], name="one_refund_per_key"),
            models.UniqueConstraint(fields=["tenant_id", "out_refund_no"], name="one_refund_per_number"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="refund_amount_positive"),
            models.CheckConstraint(
                condition=Q(state="completed", completed_at__isnull=False) | (~Q(state="completed") & Q(completed_at=None)),
                name="completed_has_moment",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "payment"], name="refund_by_payment"),
            models.Index(fields=["tenant_id", "order_id"], name="refund_by_order"),
            models.Index(fields=["tenant_id", "id"], name="refund_by_id"),
            models.Index(fields=["tenant_id", "due_at"], name="refund_due", condition=Q(due_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.out_refund_no


class IncidentRow(TenantModel):
    """A notice or answer that was not booked, or that somebody must look at. The same one again is counted, not repeated.

    `details` holds amounts and numbers of the channel, nothing personal. What a person writes about it is audited; that the same
    was seen once more is not.
    """

    audit: ClassVar[Audit] = Audit.CHANGES
    audit_excluded: ClassVar[tuple[str, ...]] = ("seen_count", "latest_seen_at")

    kind = models.CharField(_("kind"), max_length=32, choices=[(k.value, k.value) for k in IncidentKind])
    channel = models.CharField(_("channel"), max_length=32)
    number = models.CharField(_("number"), max_length=64, blank=True, default="")
    payment_id = models.BigIntegerField(_("payment"), default=0)
    details = models.JSONField(_("details"), default=dict)
    fingerprint = models.CharField(max_length=32)
    seen_count = models.BigIntegerField(_("times seen"), default=1)
    first_seen_at = models.DateTimeField(_("first seen at"))
    latest_seen_at = models.DateTimeField(_("latest seen at"))
    resolved_at = models.DateTimeField(_("resolved at"), null=True)
    resolution = models.CharField(_("resolution"), max_length=200, blank=True, default="")

    class Meta:
        app_label = "payments"
        db_table = "payment_incidents"
        verbose_name = _("payment incident")
        verbose_name_plural = _("payment incidents")
        constraints = [models.UniqueConstraint(fields=["tenant_id", "fingerprint"], name="one_incident_per_fingerprint")]
        indexes = [
            models.Index(fields=["tenant_id", "id"], name="incident_by_id"),
            models.Index(fields=["tenant_id", "latest_seen_at"], name="incident_open", condition=Q(resolved_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"
