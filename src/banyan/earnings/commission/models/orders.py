"""What orders earned: accruals, commissions and reversals. They are facts: PostgreSQL itself refuses to change them.

Ids of orders, lines, distributors and SKUs are plain numbers, as in the ledger: rows are written by set-based statements in
the transaction that read them, and `banyan verify` compares them with the houses they come from.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from banyan.earnings.commission.models.plans import PlanVersionRow
from banyan.earnings.commission.types import Cause, CommissionKind
from banyan.kernel.tenancy import Audit, TenantModel

# From the new rows outward by index, whatever the tables held when the connection planned it.
GUARD_REVERSALS_FUNCTION = """
CREATE OR REPLACE FUNCTION commission_guard_reversals() RETURNS trigger LANGUAGE plpgsql
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
DECLARE
  bad bigint;
BEGIN
  SELECT c.id INTO bad
  FROM (SELECT DISTINCT commission_id FROM new_rows) n JOIN commission_commissions c ON c.id = n.commission_id
  WHERE (SELECT sum(r.amount_minor) FROM commission_reversals r WHERE r.tenant_id = c.tenant_id AND r.commission_id = c.id)
        > c.amount_minor
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'commission % would be reversed beyond its amount', bad
      USING ERRCODE = 'check_violation', CONSTRAINT = 'commission_reversed_within_amount';
  END IF;
  RETURN NULL;
END $$
"""


class AccrualRow(TenantModel):
    """The decision on one paid order, whose id it bears: one per order, whether it paid anybody or not.

    `inputs` is the frozen snapshot (lines, upline) as compact JSON text; with the plan version and the law's ceiling beside
    it, the whole decision can be computed again. The hold lives here: received, due, released.
    """

    audit: ClassVar[Audit] = Audit.NONE  # only the hold moves; the application can change nothing else
    app_rights: ClassVar[str] = "SELECT, INSERT, UPDATE (received_at, release_after, due_at, released_at)"

    plan_version = models.ForeignKey(
        PlanVersionRow, on_delete=models.PROTECT, related_name="+", db_index=False, null=True, verbose_name=_("plan version")
    )
    paid_at = models.DateTimeField(_("paid at"))
    accrued_at = models.DateTimeField(_("accrued at"))
    currency = models.CharField(_("currency"), max_length=3)
    rule_set = models.CharField(_("rule set"), max_length=80)
    legal_depth = models.SmallIntegerField(_("legal depth"))
    legal_bp = models.IntegerField(_("legal rate (bp)"))
    inputs = models.TextField(_("frozen inputs"))
    total_minor = models.BigIntegerField(_("commission total"))
    hold_days = models.SmallIntegerField(_("holding days"))
    received_at = models.DateTimeField(_("received at"), null=True)
    release_after = models.DateTimeField(_("release after"), null=True)
    due_at = models.DateTimeField(_("due at"), null=True)
    released_at = models.DateTimeField(_("released at"), null=True)
    is_closing = models.BooleanField(_("of a period"), default=False, db_default=False)
    """Whether these are a period's rewards, not an order's commission; then the id is the period's first closing's."""

    class Meta:
        app_label = "commission"
        db_table = "commission_accruals"
        verbose_name = _("order commission")
        verbose_name_plural = _("order commissions")
        indexes = [
            models.Index(fields=["tenant_id", "paid_at"], name="commission_accruals_paid"),
            models.Index(
                fields=["tenant_id", "due_at", "id"],
                name="commission_accruals_due",
                condition=Q(due_at__isnull=False, released_at__isnull=True),
            ),
            models.Index(
                fields=["tenant_id", "released_at", "id"],
                name="commission_accruals_released",
                condition=Q(released_at__isnull=False),
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(total_minor__gte=0), name="commission_accrual_not_negative"),
            models.CheckConstraint(
                condition=Q(released_at__isnull=True) | Q(release_after__isnull=False, released_at__gte=F("release_after")),
                name="commission_released_after_hold",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class CommissionRow(TenantModel):
    """One commission: a line, a payee, a rule, a kind. Never changed; what goes back is a reversal."""

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.NONE

    order_id = models.BigIntegerField(_("order"))
    line_id = models.BigIntegerField(_("order line"))
    payee_id = models.BigIntegerField(_("payee"))
    rule_key = models.CharField(_("rule"), max_length=40)
    kind = models.CharField(_("kind"), max_length=12, choices=[(each.value, _(each.value)) for each in CommissionKind])
    depth = models.SmallIntegerField(_("depth"))
    base_minor = models.BigIntegerField(_("base"))
    rate_bp = models.IntegerField(_("rate (bp)"))
    amount_minor = models.BigIntegerField(_("amount"))

    class Meta:
        app_label = "commission"
        db_table = "commission_commissions"
        verbose_name = _("commission")
        verbose_name_plural = _("commissions")
        constraints = [
            # A line has one order: with the order before it, the same index finds the commissions of an order.
            models.UniqueConstraint(
                fields=["tenant_id", "order_id", "line_id", "payee_id", "rule_key", "kind"],
                name="one_commission_per_line_payee_rule",
            ),
            models.CheckConstraint(
                condition=Q(amount_minor__gt=0, amount_minor__lte=F("base_minor")), name="commission_within_base"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "payee_id", "id"], name="commission_by_payee"),
        ]

    def __str__(self) -> str:
        return f"{self.rule_key} {self.amount_minor}"


class ReversalRow(TenantModel):
    """What one return took back of one commission, and from where. Never changed."""

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.NONE
    database_rules: ClassVar[tuple[str, ...]] = (
        GUARD_REVERSALS_FUNCTION,
        "DROP TRIGGER IF EXISTS guard_reversals ON commission_reversals",
        "CREATE TRIGGER guard_reversals AFTER INSERT ON commission_reversals REFERENCING NEW TABLE AS new_rows "
        "FOR EACH STATEMENT EXECUTE FUNCTION commission_guard_reversals()",
    )

    commission = models.ForeignKey(
        CommissionRow, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("commission")
    )
    order_id = models.BigIntegerField(_("order"))
    payee_id = models.BigIntegerField(_("payee"))
    cause = models.CharField(_("cause"), max_length=12, choices=[(each.value, _(each.value)) for each in Cause])
    cause_id = models.BigIntegerField(_("cause id"))
    returned_minor = models.BigIntegerField(_("returned"))
    amount_minor = models.BigIntegerField(_("amount"))
    from_pending_minor = models.BigIntegerField(_("from pending"))
    from_available_minor = models.BigIntegerField(_("from available"))
    from_debt_minor = models.BigIntegerField(_("became debt"))
    lowered_minor = models.BigIntegerField(_("lowered by"), default=0, db_default=0)
    """Of a true-up: by how much the commission itself became less; later returns take their part of the rest."""
    occurred_at = models.DateTimeField(_("occurred at"))

    class Meta:
        app_label = "commission"
        db_table = "commission_reversals"
        verbose_name = _("commission reversal")
        verbose_name_plural = _("commission reversals")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_id", "commission", "cause", "cause_id"], name="one_reversal_per_commission_cause"
            ),
            models.CheckConstraint(
                condition=Q(
                    returned_minor__gte=0,
                    amount_minor__gte=0,
                    from_pending_minor__gte=0,
                    from_available_minor__gte=0,
                    from_debt_minor__gte=0,
                ),
                name="commission_reversal_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(amount_minor=F("from_pending_minor") + F("from_available_minor") + F("from_debt_minor")),
                name="commission_reversal_has_source",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "order_id"], name="commission_reversal_by_order"),
            models.Index(fields=["tenant_id", "payee_id", "id"], name="commission_reversal_by_payee"),
        ]

    def __str__(self) -> str:
        return f"{self.cause} {self.amount_minor}"
