"""Tables of fulfillment. Rows are made when a wave picks them or a parcel is sent, never at checkout."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from banyan.goods.catalog.models import Sku
from banyan.goods.inventory.models import Warehouse
from banyan.kernel.secrets.fields import EncryptedTextField
from banyan.kernel.tenancy.base import Audit, TenantModel
from banyan.trade.fulfillment.types import (
    GIVEN_UP,
    Booking,
    Delivered,
    FulfillmentState,
    ParcelState,
    PickupState,
    TrackCode,
)
from banyan.trade.orders.models import Order


def _order() -> Any:
    return models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False, verbose_name=_("order")
    )


def _warehouse() -> Any:
    return models.ForeignKey(
        Warehouse, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False, verbose_name=_("warehouse")
    )


def _sku() -> Any:
    return models.ForeignKey(
        Sku, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False, verbose_name=_("SKU")
    )


class WaveRow(TenantModel):
    """Orders that are picked together in one warehouse. A fact: what has become of them stands in their fulfillments."""

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.NONE

    warehouse = _warehouse()
    opened_at = models.DateTimeField(_("opened at"))
    opened_by = models.CharField(_("opened by"), max_length=80)

    class Meta:
        app_label = "fulfillment"
        db_table = "fulfillment_waves"
        verbose_name = _("wave")
        verbose_name_plural = _("waves")
        indexes = [models.Index(fields=["tenant_id", "warehouse", "id"], name="waves_by_warehouse")]

    def __str__(self) -> str:
        return str(self.pk)


class FulfillmentRow(TenantModel):
    """What one warehouse sends for one order."""

    audit: ClassVar[Audit] = Audit.CHANGES

    order = _order()
    buyer_id = models.BigIntegerField(_("buyer"))
    warehouse = _warehouse()
    wave = models.ForeignKey(
        WaveRow, on_delete=models.PROTECT, related_name="+", null=True, db_index=False, verbose_name=_("wave")
    )
    state = models.CharField(_("state"), max_length=10, choices=[(s.value, s.value) for s in FulfillmentState])
    opened_at = models.DateTimeField(_("opened at"))
    shipped_at = models.DateTimeField(_("shipped at"), null=True)
    delivered_at = models.DateTimeField(_("delivered at"), null=True)
    received_at = models.DateTimeField(_("received at"), null=True)

    class Meta:
        app_label = "fulfillment"
        db_table = "fulfillments"
        verbose_name = _("fulfillment")
        verbose_name_plural = _("fulfillments")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_id", "order", "warehouse"], condition=~Q(state="cancelled"), name="one_fulfillment_per_warehouse"
            )
        ]
        indexes = [
            models.Index(fields=["tenant_id", "order"], name="fulfillments_by_order"),
            models.Index(fields=["tenant_id", "wave"], condition=Q(wave__isnull=False), name="fulfillments_by_wave"),
            models.Index(fields=["tenant_id", "id"], condition=Q(state="open"), name="fulfillments_open"),
            models.Index(fields=["tenant_id", "delivered_at"], condition=Q(state="delivered"), name="fulfillments_to_receive"),
            models.Index(fields=["tenant_id", "shipped_at"], condition=Q(state="shipped"), name="fulfillments_under_way"),
        ]

    def __str__(self) -> str:
        return f"{self.order_id}@{self.warehouse_id}"


class FulfillmentLineRow(TenantModel):
    """What one warehouse sends of one order line. The CHECK is the last guard: nothing is packed or sent twice."""

    audit: ClassVar[Audit] = Audit.NONE

    fulfillment = models.ForeignKey(
        FulfillmentRow, on_delete=models.PROTECT, related_name="lines", db_index=False, verbose_name=_("fulfillment")
    )
    line_id = models.BigIntegerField(_("line"))
    sku = _sku()
    quantity = models.IntegerField(_("pieces"))
    packed_quantity = models.IntegerField(_("packed"), default=0)
    shipped_quantity = models.IntegerField(_("shipped"), default=0)

    class Meta:
        app_label = "fulfillment"
        db_table = "fulfillment_lines"
        verbose_name = _("fulfillment line")
        verbose_name_plural = _("fulfillment lines")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "fulfillment", "line_id"], name="one_row_per_fulfillment_line"),
            models.CheckConstraint(
                condition=Q(
                    shipped_quantity__gte=0, packed_quantity__gte=F("shipped_quantity"), quantity__gte=F("packed_quantity")
                ),
                name="pieces_packed_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.line_id} × {self.quantity}"


class ParcelRow(TenantModel):
    """A parcel. Its own number for the carrier is its public id. ``due_at``: when the carrier is to be called about it."""

    audit: ClassVar[Audit] = Audit.CHANGES

    fulfillment = models.ForeignKey(
        FulfillmentRow, on_delete=models.PROTECT, related_name="parcels", db_index=False, verbose_name=_("fulfillment")
    )
    order = _order()
    state = models.CharField(_("state"), max_length=20, choices=[(s.value, s.value) for s in ParcelState])
    carrier = models.CharField(_("carrier"), max_length=60, blank=True)
    tracking_number = models.CharField(_("tracking number"), max_length=80, blank=True)
    weight_grams = models.IntegerField(_("weight (g)"), default=0)
    booking = models.CharField(_("waybill"), max_length=10, choices=[(b.value, b.value) for b in Booking])
    due_at = models.DateTimeField(_("due at"), null=True)
    attempt_count = models.SmallIntegerField(_("attempts"), default=0)
    failure = models.CharField(_("failure"), max_length=200, blank=True)
    packed_at = models.DateTimeField(_("packed at"))
    shipped_at = models.DateTimeField(_("shipped at"), null=True)
    delivered_at = models.DateTimeField(_("delivered at"), null=True)
    delivered_by = models.CharField(_("delivered by"), max_length=10, choices=[(d.value, d.value) for d in Delivered], blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True)
    asked_again_at = models.DateTimeField(_("asked again at"), null=True)
    """When a person had the carrier asked again: its silence counts from there."""

    class Meta:
        app_label = "fulfillment"
        db_table = "fulfillment_parcels"
        verbose_name = _("parcel")
        verbose_name_plural = _("parcels")
        constraints = [
            models.CheckConstraint(condition=Q(weight_grams__gte=0), name="parcel_weight_not_negative"),
            models.CheckConstraint(condition=(Q(state="delivered") & ~Q(delivered_by="")) | ~Q(state="delivered"),
                                   name="delivered_by_somebody"),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["tenant_id", "id"], name="parcels_newest"),
            models.Index(fields=["tenant_id", "order"], name="parcels_by_order"),
            models.Index(fields=["tenant_id", "fulfillment"], name="parcels_by_fulfillment"),
            models.Index(fields=["tenant_id", "tracking_number"], condition=~Q(tracking_number=""), name="parcels_by_number"),
            models.Index(fields=["tenant_id", "due_at"], condition=Q(due_at__isnull=False), name="parcels_due"),
            models.Index(fields=["tenant_id", "id"], condition=Q(state="troubled"), name="parcels_troubled"),
            models.Index(fields=["tenant_id", "id"], condition=Q(failure__in=GIVEN_UP), name="parcels_given_up"),
        ]

    def __str__(self) -> str:
        return self.tracking_number or str(self.pk)


class ParcelLineRow(TenantModel):
    """What lies in a parcel. A fact: a parcel that is unpacked becomes void, and another one is packed."""

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.NONE

    parcel = models.ForeignKey(
        ParcelRow, on_delete=models.PROTECT, related_name="lines", db_index=False, verbose_name=_("parcel")
    )
    line_id = models.BigIntegerField(_("line"))
    sku = _sku()
    quantity = models.IntegerField(_("pieces"))

    class Meta:
        app_label = "fulfillment"
        db_table = "fulfillment_parcel_lines"
        verbose_name = _("parcel line")
        verbose_name_plural = _("parcel lines")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "parcel", "line_id"], name="one_row_per_parcel_line"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="parcel_line_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.line_id} × {self.quantity}"


class LabelRow(TenantModel):
    """What is stuck on a parcel; ``id`` is the parcel's. Personal: base64, encrypted, never in the audit log."""

    audit: ClassVar[Audit] = Audit.NONE

    content_type = models.CharField(max_length=60)
    content = EncryptedTextField()

    class Meta:
        app_label = "fulfillment"
        db_table = "fulfillment_labels"

    def __str__(self) -> str:
        return str(self.pk)


class TrackEventRow(TenantModel):
    """One event of a carrier about one tracking number, kept once however often it is told."""

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.NONE

    carrier = models.CharField(_("carrier"), max_length=60)
    tracking_number = models.CharField(_("tracking number"), max_length=80)
    key = models.CharField(max_length=80)
    code = models.CharField(_("event"), max_length=20, choices=[(c.value, c.value) for c in TrackCode])
    occurred_at = models.DateTimeField(_("occurred at"))
    place = models.CharField(_("place"), max_length=100, blank=True)
    text = models.CharField(_("text"), max_length=300, blank=True)
    noted_at = models.DateTimeField(_("noted at"))

    class Meta:
        app_label = "fulfillment"
        db_table = "fulfillment_track_events"
        verbose_name = _("track event")
        verbose_name_plural = _("track events")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "carrier", "tracking_number", "key"], name="one_track_event_per_key")
        ]

    def __str__(self) -> str:
        return f"{self.tracking_number} {self.code}"


class ShelfRow(TenantModel):
    """Where a SKU lies in a warehouse: what pick lists are sorted by."""

    audit: ClassVar[Audit] = Audit.NONE

    warehouse = _warehouse()
    sku = _sku()
    shelf = models.CharField(_("shelf"), max_length=40)

    class Meta:
        app_label = "fulfillment"
        db_table = "fulfillment_shelves"
        verbose_name = _("shelf")
        verbose_name_plural = _("shelves")
        constraints = [models.UniqueConstraint(fields=["tenant_id", "warehouse", "sku"], name="one_shelf_per_sku")]

    def __str__(self) -> str:
        return self.shelf


class PickupRow(TenantModel):
    """An order that its buyer fetches at a store. Of the code only a keyed digest is kept."""

    audit: ClassVar[Audit] = Audit.CHANGES
    audit_excluded: ClassVar[tuple[str, ...]] = ("code_index",)

    order = _order()
    buyer_id = models.BigIntegerField(_("buyer"))
    warehouse = _warehouse()
    state = models.CharField(_("state"), max_length=10, choices=[(s.value, s.value) for s in PickupState])
    chosen_at = models.DateTimeField(_("chosen at"))
    ready_at = models.DateTimeField(_("ready at"), null=True)
    expires_at = models.DateTimeField(_("to be fetched until"), null=True)
    code_index = models.BinaryField(max_length=16, null=True)
    code_issued_at = models.DateTimeField(_("code issued at"), null=True)
    redeemed_at = models.DateTimeField(_("redeemed at"), null=True)
    redeemed_by = models.BigIntegerField(_("redeemed by"), null=True)

    class Meta:
        app_label = "fulfillment"
        db_table = "fulfillment_pickups"
        verbose_name = _("pickup")
        verbose_name_plural = _("pickups")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "order"], condition=~Q(state="cancelled"), name="one_pickup_per_order"),
            models.UniqueConstraint(fields=["tenant_id", "code_index"], condition=Q(state="ready"), name="one_pickup_per_code"),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "id"], name="pickups_newest"),
            models.Index(fields=["tenant_id", "chosen_at"], condition=Q(state="chosen"), name="pickups_chosen"),
            models.Index(fields=["tenant_id", "expires_at"], condition=Q(state="ready"), name="pickups_to_expire"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class PickupTryRow(TenantModel):
    """A try of a code at the desk: what the lock against guessing counts."""

    audit: ClassVar[Audit] = Audit.NONE

    staff_id = models.BigIntegerField(_("staff"))
    tried_at = models.DateTimeField(_("tried at"))
    was_right = models.BooleanField(_("right"))

    class Meta:
        app_label = "fulfillment"
        db_table = "fulfillment_pickup_tries"
        indexes = [models.Index(fields=["tenant_id", "staff_id", "tried_at"], name="pickup_tries_by_staff")]

    def __str__(self) -> str:
        return str(self.pk)


class PolicyRow(TenantModel):
    """A tenant's terms; absent means the defaults of ``types.Policy``."""

    audit: ClassVar[Audit] = Audit.ALL

    receive_after_days = models.IntegerField(_("received after delivery (days)"))
    pickup_days = models.IntegerField(_("kept at the store (days)"))
    sender_phone = models.CharField(_("sender's phone"), max_length=30, blank=True)
    silent_days = models.IntegerField(_("asked no more after silence (days)"), default=30, db_default=30)

    class Meta:
        app_label = "fulfillment"
        db_table = "fulfillment_policies"
        verbose_name = _("fulfillment policy")
        verbose_name_plural = _("fulfillment policies")
        constraints = [models.UniqueConstraint(fields=["tenant_id"], name="one_fulfillment_policy_per_tenant")]

    def __str__(self) -> str:
        return "policy"
