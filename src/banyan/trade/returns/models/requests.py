"""Returns, from the request to the refund."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from banyan.kernel.tenancy.base import Audit, TenantModel
from banyan.trade.returns.types import Disposition, Fault, Mode, ReturnStatus


class ReturnRow(TenantModel):
    """One return, from the request to the refund."""

    audit: ClassVar[Audit] = Audit.CHANGES

    order_id = models.BigIntegerField(_("order"))
    buyer_id = models.BigIntegerField(_("buyer"))
    status = models.CharField(_("status"), max_length=13, choices=[(one.value, one.value) for one in ReturnStatus])
    mode = models.CharField(_("mode"), max_length=12, choices=[(one.value, one.value) for one in Mode])
    fault = models.CharField(_("fault"), max_length=10, choices=[(one.value, one.value) for one in Fault])
    goodwill = models.BooleanField(_("goodwill"), default=False)
    reason = models.CharField(_("reason"), max_length=500)
    decision_reason = models.CharField(_("reason of the decision"), max_length=500, blank=True)
    currency = models.CharField(_("currency"), max_length=3)
    refund_minor = models.BigIntegerField(_("refund"), default=0)
    freight_minor = models.BigIntegerField(_("freight in the refund"), default=0)
    refund_attempt = models.PositiveSmallIntegerField(_("refund attempt"), default=1)
    key = models.CharField(_("key"), max_length=120)
    digest = models.BinaryField(max_length=16)
    requested_by = models.BigIntegerField(_("requested by"))
    requested_at = models.DateTimeField(_("requested at"))
    decided_by = models.BigIntegerField(_("decided by"), null=True)
    decided_at = models.DateTimeField(_("decided at"), null=True)
    received_by = models.BigIntegerField(_("received by"), null=True)
    received_at = models.DateTimeField(_("received at"), null=True)
    warehouse_id = models.BigIntegerField(_("warehouse"), null=True)
    reason_code = models.CharField(_("reason code"), max_length=40, blank=True, default="")
    ruling = models.JSONField(_("why it was reviewed or not"), default=list)
    is_automatic = models.BooleanField(_("approved without review"), default=False)
    deadline_at = models.DateTimeField(_("could be asked for until"), null=True)
    deadline_ground = models.CharField(_("ground of the deadline"), max_length=60, blank=True, default="")
    send_back_by = models.DateTimeField(_("goods to be sent until"), null=True)
    address = models.JSONField(_("return address"), null=True)
    carrier = models.CharField(_("carrier"), max_length=60, blank=True, default="")
    tracking_number = models.CharField(_("tracking number"), max_length=80, blank=True, default="")
    sent_at = models.DateTimeField(_("sent at"), null=True)
    hand_back_carrier = models.CharField(_("carrier to the buyer"), max_length=60, blank=True, default="")
    hand_back_number = models.CharField(_("tracking number to the buyer"), max_length=80, blank=True, default="")
    handed_back_at = models.DateTimeField(_("sent back to the buyer at"), null=True)
    replacement_order_id = models.BigIntegerField(_("replacement order"), null=True)
    difference_minor = models.BigIntegerField(_("difference of an exchange"), default=0)
    accepted_at = models.DateTimeField(_("accepted at"), null=True)
    refunded_at = models.DateTimeField(_("refunded at"), null=True)

    class Meta:
        app_label = "returns"
        db_table = "returns"
        verbose_name = _("return")
        verbose_name_plural = _("returns")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "key"], name="return_once_per_key"),
            models.CheckConstraint(
                condition=Q(freight_minor__gte=0, refund_minor__gte=F("freight_minor")), name="return_refund_holds_freight"
            ),
            models.CheckConstraint(
                condition=Q(accepted_at__isnull=True, refund_minor=0)
                | Q(status__in=("accepted", "refunded", "refund_failed", "exchanged"), accepted_at__isnull=False),
                name="return_refund_is_accepted",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "order_id"], name="return_by_order"),
            models.Index(fields=["tenant_id", "buyer_id", "id"], name="return_by_buyer"),
            models.Index(fields=["tenant_id", "status", "id"], name="return_by_status"),
            models.Index(
                fields=["tenant_id", "replacement_order_id"],
                name="return_by_replacement",
                condition=Q(replacement_order_id__isnull=False),
            ),
            models.Index(fields=["tenant_id", "send_back_by"], name="return_awaited", condition=Q(status="approved")),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.refund_minor}"


class ReturnLineRow(TenantModel):
    """One order line within a return."""

    return_row = models.ForeignKey(
        ReturnRow, on_delete=models.PROTECT, related_name="lines", db_column="return_id", db_index=False, verbose_name=_("return")
    )
    line_id = models.BigIntegerField(_("order line"))
    sku_id = models.BigIntegerField(_("SKU"))
    quantity = models.IntegerField(_("quantity"))
    amount_minor = models.BigIntegerField(_("asked amount"))
    restock_quantity = models.IntegerField(_("restocked"), default=0)
    scrap_quantity = models.IntegerField(_("scrapped"), default=0)
    refund_minor = models.BigIntegerField(_("refund"), default=0)
    of_quantity = models.IntegerField(_("sold quantity"))
    of_minor = models.BigIntegerField(_("sold for"))
    quarantine_quantity = models.IntegerField(_("quarantined"), default=0)
    granted_minor = models.BigIntegerField(_("granted amount"), null=True)
    deducted_minor = models.BigIntegerField(_("kept for damage"), default=0)
    deduction_reason = models.CharField(_("why it was kept"), max_length=500, blank=True, default="")
    carried_minor = models.BigIntegerField(_("carried on to the replacement"), default=0)
    exchange_sku_id = models.BigIntegerField(_("SKU wanted instead"), null=True)
    exchange_unit_minor = models.BigIntegerField(_("price of a piece wanted instead"), null=True)

    class Meta:
        app_label = "returns"
        db_table = "return_lines"
        verbose_name = _("return line")
        verbose_name_plural = _("return lines")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "return_row", "line_id"], name="return_line_once"),
            models.CheckConstraint(
                condition=Q(quantity__gt=0, amount_minor=0) | Q(quantity=0, amount_minor__gt=0),
                name="return_line_units_or_amount",
            ),
            models.CheckConstraint(
                condition=Q(restock_quantity__gte=0, scrap_quantity__gte=0, quarantine_quantity__gte=0)
                & Q(quantity__gte=F("restock_quantity") + F("scrap_quantity") + F("quarantine_quantity")),
                name="return_line_inspected_within",
            ),
            models.CheckConstraint(
                condition=Q(refund_minor__gte=0, deducted_minor__gte=0, carried_minor__gte=0)
                & Q(of_minor__gte=F("refund_minor") + F("deducted_minor") + F("carried_minor")),
                name="return_line_refund_within",
            ),
            models.CheckConstraint(
                condition=Q(granted_minor__isnull=True) | Q(granted_minor__gte=1, granted_minor__lte=F("amount_minor")),
                name="return_line_granted_within",
            ),
        ]
        indexes = [models.Index(fields=["tenant_id", "line_id"], name="return_line_by_order_line")]

    def __str__(self) -> str:
        return f"{self.quantity}/{self.of_quantity}"


class PieceRow(TenantModel):
    """Pieces of one line that the inspection found alike: for sale again, set apart, or scrapped; by lot."""

    immutable: ClassVar[bool] = True

    return_row = models.ForeignKey(
        ReturnRow,
        on_delete=models.PROTECT,
        related_name="pieces",
        db_column="return_id",
        db_index=False,
        verbose_name=_("return"),
    )
    line_id = models.BigIntegerField(_("order line"))
    quantity = models.IntegerField(_("quantity"))
    disposition = models.CharField(_("disposition"), max_length=12, choices=[(one.value, one.value) for one in Disposition])
    lot_id = models.BigIntegerField(_("lot"), null=True)
    note = models.CharField(_("note"), max_length=200, blank=True)

    class Meta:
        app_label = "returns"
        db_table = "return_pieces"
        verbose_name = _("inspected pieces")
        verbose_name_plural = _("inspected pieces")
        constraints = [models.CheckConstraint(condition=Q(quantity__gt=0), name="return_piece_counts")]
        indexes = [models.Index(fields=["tenant_id", "return_row"], name="return_piece_by_return")]

    def __str__(self) -> str:
        return f"{self.quantity} {self.disposition}"


class DrawRow(TenantModel):
    """What an accepted return took from the money of one order line: its own, or what an exchange carried on from another.

    Of a return's line, `line_id` is the line that came back and `source_line_id` the one whose money it was.
    """

    immutable: ClassVar[bool] = True

    return_row = models.ForeignKey(
        ReturnRow,
        on_delete=models.PROTECT,
        related_name="draws",
        db_column="return_id",
        db_index=False,
        verbose_name=_("return"),
    )
    line_id = models.BigIntegerField(_("order line"))
    source_order_id = models.BigIntegerField(_("order that was paid"))
    source_line_id = models.BigIntegerField(_("line that was paid"))
    refund_minor = models.BigIntegerField(_("refund"))
    deducted_minor = models.BigIntegerField(_("kept for damage"), default=0)
    carried_minor = models.BigIntegerField(_("carried on to a replacement"), default=0)

    class Meta:
        app_label = "returns"
        db_table = "return_draws"
        verbose_name = _("drawn money")
        verbose_name_plural = _("drawn money")
        constraints = [
            models.CheckConstraint(
                condition=Q(refund_minor__gte=0, deducted_minor__gte=0, carried_minor__gte=0), name="return_draw_adds"
            )
        ]
        indexes = [
            models.Index(fields=["tenant_id", "return_row"], name="return_draw_by_return"),
            models.Index(fields=["tenant_id", "source_line_id"], name="return_draw_by_source"),
        ]

    def __str__(self) -> str:
        return str(self.refund_minor)


class RefundPartRow(TenantModel):
    """One refund of a return: the part that goes back to one order's payment. `attempt` counts the tries at the channel."""

    audit: ClassVar[Audit] = Audit.CHANGES

    return_row = models.ForeignKey(
        ReturnRow,
        on_delete=models.PROTECT,
        related_name="parts",
        db_column="return_id",
        db_index=False,
        verbose_name=_("return"),
    )
    order_id = models.BigIntegerField(_("order that was paid"))
    payment_id = models.BigIntegerField(_("payment"), null=True)
    amount_minor = models.BigIntegerField(_("amount"))
    attempt = models.PositiveSmallIntegerField(_("refund attempt"), default=1)
    completed = models.BooleanField(_("completed"), null=True)
    ended_at = models.DateTimeField(_("ended at"), null=True)

    class Meta:
        app_label = "returns"
        db_table = "return_refunds"
        verbose_name = _("part of a refund")
        verbose_name_plural = _("parts of refunds")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "return_row", "order_id"], name="return_refund_once"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="return_refund_positive"),
        ]
        indexes = [models.Index(fields=["tenant_id", "order_id"], name="return_refund_by_order")]

    def __str__(self) -> str:
        return str(self.amount_minor)


class PhotoRow(TenantModel):
    """An uploaded photo; its bytes lie in the photo store under its id."""

    return_id = models.BigIntegerField(_("return"), null=True)
    media_type = models.CharField(_("media type"), max_length=20)
    size = models.IntegerField(_("bytes"))
    digest = models.CharField(_("digest"), max_length=64)
    uploaded_by = models.BigIntegerField(_("uploaded by"))
    uploaded_at = models.DateTimeField(_("uploaded at"))

    class Meta:
        app_label = "returns"
        db_table = "return_photos"
        verbose_name = _("photo")
        verbose_name_plural = _("photos")
        indexes = [
            models.Index(fields=["tenant_id", "return_id"], name="return_photo_by_return"),
            models.Index(fields=["tenant_id", "uploaded_by"], name="return_photo_by_person"),
        ]

    def __str__(self) -> str:
        return self.media_type
