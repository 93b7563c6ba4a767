"""Tables of inventory."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from banyan.goods.catalog.models import Sku
from banyan.goods.inventory.types import LotState, LotTurn, MovementKind, ReservationState, WarehouseKind
from banyan.kernel.tenancy.base import Audit, TenantModel


class Warehouse(TenantModel):
    """A place that holds stock. The lowest ``priority`` is served from first."""

    audit: ClassVar[Audit] = Audit.ALL

    code = models.CharField(_("code"), max_length=40)
    name = models.CharField(_("name"), max_length=120)
    priority = models.IntegerField(_("priority"), default=100)
    is_active = models.BooleanField(_("active"), default=True)
    kind = models.CharField(
        _("kind"), max_length=10, choices=[(k.value, k.value) for k in WarehouseKind], default=WarehouseKind.REGIONAL.value
    )
    region_code = models.CharField(_("region code"), max_length=6, blank=True, default="")
    address = models.CharField(_("address"), max_length=200, blank=True, default="")

    class Meta:
        app_label = "inventory"
        db_table = "inventory_warehouses"
        verbose_name = _("warehouse")
        verbose_name_plural = _("warehouses")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "code"], name="one_warehouse_per_code"),
            models.CheckConstraint(condition=Q(region_code__regex=r"^([0-9]{6})?$"), name="warehouse_region_is_a_code"),
        ]

    def __str__(self) -> str:
        return self.name


FREE = "s.on_hand - s.quarantined - s.held - s.reserved - s.allocated - s.set_aside"
"""Pieces of a level ``s`` that can still be promised, in SQL. The table's CHECK says that it is never negative."""


class StockLevel(TenantModel):
    """How much of one SKU one warehouse has and has promised: a cache of movements and open reservations, checked by replay.

    The CHECKs are the last guard: whatever a statement does, nothing can be promised that is not there.
    """

    audit: ClassVar[Audit] = Audit.NONE
    database_rules: ClassVar[tuple[str, ...]] = (
        # Levels are rewritten for every order: room in the page keeps those updates off the indexes (HOT).
        "ALTER TABLE inventory_stock_levels SET (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05)",
    )

    warehouse = models.ForeignKey(
        Warehouse, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("warehouse")
    )
    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("SKU"))
    on_hand = models.BigIntegerField(_("on hand"), default=0)
    reserved = models.BigIntegerField(_("reserved"), default=0)
    allocated = models.BigIntegerField(_("allocated"), default=0)
    quarantined = models.BigIntegerField(_("quarantined"), default=0, db_default=0)
    held = models.BigIntegerField(_("held"), default=0, db_default=0)
    set_aside = models.BigIntegerField(_("set aside for channels"), default=0, db_default=0)

    class Meta:
        app_label = "inventory"
        db_table = "inventory_stock_levels"
        verbose_name = _("stock level")
        verbose_name_plural = _("stock levels")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "sku", "warehouse"], name="one_level_per_sku_and_warehouse"),
            models.CheckConstraint(
                condition=Q(
                    reserved__gte=0,
                    allocated__gte=0,
                    quarantined__gte=0,
                    held__gte=0,
                    set_aside__gte=0,
                    on_hand__gte=F("reserved") + F("allocated") + F("quarantined") + F("held") + F("set_aside"),
                ),
                name="stock_never_oversold",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sku_id}@{self.warehouse_id}"


class Reservation(TenantModel):
    """Pieces held in one warehouse for one order line. ``order_id`` and ``line_id`` are plain: orders stands above."""

    audit: ClassVar[Audit] = Audit.NONE
    # Half of a page is left free: all rows of an order change together, twice, and should find room beside themselves.
    database_rules: ClassVar[tuple[str, ...]] = ("ALTER TABLE inventory_reservations SET (fillfactor = 50)",)

    order_id = models.BigIntegerField(_("order"))
    line_id = models.BigIntegerField(_("line"))
    warehouse = models.ForeignKey(
        Warehouse, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False, verbose_name=_("warehouse")
    )
    sku = models.ForeignKey(
        Sku, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False, verbose_name=_("SKU")
    )
    quantity = models.IntegerField(_("quantity"))
    state = models.CharField(_("state"), max_length=10, choices=[(s.value, s.value) for s in ReservationState])
    expires_at = models.DateTimeField(_("expires at"), null=True)
    channel_stock_id = models.BigIntegerField(_("channel stock"), null=True)
    changed_at = models.DateTimeField(_("changed at"))
    lost_at = models.DateTimeField(_("lost at"), null=True)

    class Meta:
        app_label = "inventory"
        db_table = "inventory_reservations"
        verbose_name = _("reservation")
        verbose_name_plural = _("reservations")
        constraints = [models.CheckConstraint(condition=Q(quantity__gt=0), name="reservation_quantity_positive")]
        indexes = [
            models.Index(fields=["tenant_id", "order_id"], name="reservations_by_order"),
            # By a column that no other turn touches: an index that names `state` would cost every allocation its HOT update.
            models.Index(fields=["tenant_id", "sku", "id"], condition=Q(lost_at__isnull=False), name="reservations_lost"),
        ]

    def __str__(self) -> str:
        return f"{self.sku_id} × {self.quantity}"


class Lot(TenantModel):
    """A production batch of one lot-tracked SKU. ``state`` is the last decision about it."""

    audit: ClassVar[Audit] = Audit.ALL

    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("SKU"))
    number = models.CharField(_("lot number"), max_length=80)
    produced_on = models.DateField(_("produced on"), null=True)
    expires_on = models.DateField(_("expires on"), null=True)
    supplier_note = models.CharField(_("supplier note"), max_length=200, blank=True)
    state = models.CharField(
        _("state"), max_length=10, choices=[(s.value, s.value) for s in LotState], default=LotState.OPEN.value
    )
    created_at = models.DateTimeField(_("created at"))
    warned_at = models.DateTimeField(_("warned at"), null=True)

    class Meta:
        app_label = "inventory"
        db_table = "inventory_lots"
        verbose_name = _("lot")
        verbose_name_plural = _("lots")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "sku", "number"], name="one_lot_per_sku_and_number"),
            models.CheckConstraint(
                condition=Q(produced_on=None) | Q(expires_on=None) | Q(expires_on__gte=F("produced_on")),
                name="lot_expires_after_production",
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant_id", "expires_on"], condition=Q(state="open", expires_on__isnull=False), name="lots_to_expire"
            )
        ]

    def __str__(self) -> str:
        return self.number


class LotStock(TenantModel):
    """Pieces of one lot in one warehouse: a cache of movements like the levels, checked by replay."""

    audit: ClassVar[Audit] = Audit.NONE

    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("lot"))
    warehouse = models.ForeignKey(
        Warehouse, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("warehouse")
    )
    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("SKU"))
    on_hand = models.BigIntegerField(_("on hand"), default=0)
    quarantined = models.BigIntegerField(_("quarantined"), default=0)

    class Meta:
        app_label = "inventory"
        db_table = "inventory_lot_stock"
        verbose_name = _("stock of a lot")
        verbose_name_plural = _("stock of lots")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "lot", "warehouse"], name="one_stock_per_lot_and_warehouse"),
            models.CheckConstraint(condition=Q(quarantined__gte=0, on_hand__gte=F("quarantined")), name="lot_has_what_is_taken"),
        ]
        indexes = [
            # Used-up lots stay for ever; picking looks only at what is there.
            models.Index(fields=["tenant_id", "sku", "warehouse"], condition=Q(on_hand__gt=0), name="lot_stock_that_is_there")
        ]

    def __str__(self) -> str:
        return f"{self.lot_id}@{self.warehouse_id}"


DAYS_OF_WARNING = 30
"""Before expiry, where neither the SKU nor the shop says otherwise."""

NEARING = f"""
SELECT l.id, l.sku_id, l.expires_on, l.warned_at FROM inventory_lots l
LEFT JOIN inventory_lot_rules own ON own.tenant_id = l.tenant_id AND own.sku_id = l.sku_id
LEFT JOIN inventory_lot_rules shop ON shop.tenant_id = l.tenant_id AND shop.sku_id IS NULL
WHERE l.tenant_id = %s AND l.state = 'open' AND l.expires_on IS NOT NULL
  AND l.expires_on <= %s + coalesce(own.near_expiry_days, shop.near_expiry_days, {DAYS_OF_WARNING})
  AND EXISTS (SELECT 1 FROM inventory_lot_stock k WHERE k.tenant_id = l.tenant_id AND k.lot_id = l.id AND k.on_hand > 0)
"""
"""Lots with pieces whose days of warning have begun, for (tenant, day)."""


class LotDecision(TenantModel):
    """One turn in the life of a lot, with its reason. A fact: never edited."""

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.NONE

    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("lot"))
    turn = models.CharField(_("turn"), max_length=10, choices=[(t.value, t.value) for t in LotTurn])
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    decided_by = models.CharField(_("decided by"), max_length=120)
    decided_at = models.DateTimeField(_("decided at"))

    class Meta:
        app_label = "inventory"
        db_table = "inventory_lot_decisions"
        verbose_name = _("decision about a lot")
        verbose_name_plural = _("decisions about lots")
        indexes = [models.Index(fields=["tenant_id", "lot", "id"], name="lot_decisions_by_lot")]

    def __str__(self) -> str:
        return f"{self.lot_id} {self.turn}"


class LotRule(TenantModel):
    """A SKU with a row is lot-tracked. The row without a SKU holds the shop's own days of warning."""

    audit: ClassVar[Audit] = Audit.ALL

    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="+", db_index=False, null=True, verbose_name=_("SKU"))
    near_expiry_days = models.IntegerField(_("days of warning before expiry"), null=True)

    class Meta:
        app_label = "inventory"
        db_table = "inventory_lot_rules"
        verbose_name = _("lot rule")
        verbose_name_plural = _("lot rules")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "sku"], nulls_distinct=False, name="one_lot_rule_per_sku"),
            models.CheckConstraint(
                condition=Q(near_expiry_days=None) | Q(near_expiry_days__range=(0, 3650)), name="days_of_warning_in_range"
            ),
        ]

    def __str__(self) -> str:
        return str(self.sku_id)


class Movement(TenantModel):
    """One change of the pieces on hand. A fact: never edited."""

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.NONE

    warehouse = models.ForeignKey(
        Warehouse, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False, verbose_name=_("warehouse")
    )
    sku = models.ForeignKey(
        Sku, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False, verbose_name=_("SKU")
    )
    kind = models.CharField(_("kind"), max_length=20, choices=[(k.value, k.value) for k in MovementKind])
    quantity_change = models.BigIntegerField(_("change"))
    order_id = models.BigIntegerField(_("order"), null=True)
    reference = models.CharField(_("reference"), max_length=200, blank=True)
    key = models.CharField(_("key"), max_length=120, null=True)
    occurred_at = models.DateTimeField(_("occurred at"))
    lot = models.ForeignKey(
        Lot, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False, null=True, verbose_name=_("lot")
    )
    quarantined = models.BooleanField(_("quarantined"), default=False, db_default=False)

    class Meta:
        app_label = "inventory"
        db_table = "inventory_movements"
        verbose_name = _("stock movement")
        verbose_name_plural = _("stock movements")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "key"], condition=Q(key__isnull=False), name="one_movement_per_key"),
            models.CheckConstraint(condition=~Q(quantity_change=0), name="movement_not_empty"),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "sku", "id"], name="movements_by_sku"),
            # For traces and recalls; movements without a lot cost nothing here.
            models.Index(fields=["tenant_id", "lot", "order_id"], condition=Q(lot__isnull=False), name="movements_by_lot"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.quantity_change}"
