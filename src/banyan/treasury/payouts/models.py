"""Payouts: one row per decision to pay somebody."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from banyan.kernel.secrets.fields import EncryptedTextField
from banyan.kernel.tenancy.base import Audit, TenantModel
from banyan.treasury.payouts.types import PayoutState


class PayoutRow(TenantModel):
    """One payout. `out_bill_no` never changes, so the channel pays it once however often we ask.

    `due_at`: when the job looks at it next; while the job has it, the end of its lease; null when nothing is expected any more.
    `cancel_reason` is what a person gave for taking it back; empty when a freeze asked it back.
    The receiver's account and name are sealed and never shown or audited.
    """

    audit: ClassVar[Audit] = Audit.CHANGES
    audit_excluded: ClassVar[tuple[str, ...]] = ("account", "account_name", "confirm_package", "due_at", "ask_count")

    distributor_id = models.BigIntegerField(_("distributor"))
    statement_id = models.BigIntegerField(_("statement"))
    channel = models.CharField(_("channel"), max_length=32)
    account = EncryptedTextField(_("receiver's account"))
    account_name = EncryptedTextField(_("receiver's name"))
    out_bill_no = models.CharField(_("our number"), max_length=32)
    reference = models.CharField(_("channel's number"), max_length=64, blank=True, default="")
    state = models.CharField(_("state"), max_length=24, choices=[(s.value, s.value) for s in PayoutState], default="requested")
    amount_minor = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    key = models.CharField(_("key"), max_length=120)
    attempt_count = models.SmallIntegerField(_("attempts"), default=0)
    ask_count = models.SmallIntegerField(_("asked"), default=0)
    failure_code = models.CharField(_("failure code"), max_length=64, blank=True, default="")
    failure = models.CharField(_("failure"), max_length=200, blank=True, default="")
    confirm_package = models.TextField(_("confirmation package"), blank=True, default="")
    held_reason = models.CharField(_("held back because"), max_length=32, blank=True, default="")
    requested_at = models.DateTimeField(_("requested at"))
    submitted_at = models.DateTimeField(_("submitted at"), null=True)
    confirm_by = models.DateTimeField(_("confirm by"), null=True)
    told_at = models.DateTimeField(_("channel spoke at"), null=True)
    ended_at = models.DateTimeField(_("ended at"), null=True)
    cancel_requested_at = models.DateTimeField(_("cancellation asked for at"), null=True)
    cancel_reason = models.CharField(_("taken back because"), max_length=200, blank=True, db_default="")
    due_at = models.DateTimeField(_("due at"), null=True)

    class Meta:
        app_label = "payouts"
        db_table = "payouts_payouts"
        verbose_name = _("payout")
        verbose_name_plural = _("payouts")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "key"], name="one_payout_per_key"),
            models.UniqueConstraint(fields=["tenant_id", "out_bill_no"], name="one_payout_per_number"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payout_amount_positive"),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "id"], name="payout_by_id"),
            models.Index(fields=["tenant_id", "distributor_id", "id"], name="payout_by_distributor"),
            models.Index(fields=["tenant_id", "statement_id"], name="payout_by_statement"),
            models.Index(fields=["tenant_id", "due_at"], name="payout_due", condition=Q(due_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.out_bill_no
