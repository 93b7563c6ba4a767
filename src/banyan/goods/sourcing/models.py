"""Tables of sourcing. Choices are facts; tariffs and policies are the shop's own, read once in half a minute."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from banyan.goods.catalog.models import Sku
from banyan.goods.inventory.models import Warehouse
from banyan.goods.sourcing.types import BackorderState, Cause, Shortfall, Split
from banyan.kernel.tenancy.base import Audit, TenantModel


class SourcingPolicyRow(TenantModel):
    """The shop's policy; absent means off, with the defaults of ``types.Policy``."""

    audit: ClassVar[Audit] = Audit.ALL

    is_on = models.BooleanField(_("switched on"), default=False)
    split = models.CharField(_("several parcels"), max_length=12, choices=[(s.value, s.value) for s in Split])
    shortfall = models.CharField(_("missing pieces"), max_length=12, choices=[(s.value, s.value) for s in Shortfall])
    promise_hours = models.IntegerField(_("promised within (h)"))
    fresh_days = models.IntegerField(_("days left on arrival"))
    late_minor = models.BigIntegerField(_("an hour late (minor units)"))
    fresh_minor = models.BigIntegerField(_("a piece a day too old (minor units)"))
    load_minor = models.BigIntegerField(_("a parcel beyond capacity (minor units)"))
    split_minor = models.BigIntegerField(_("a further parcel (minor units)"))
    priority_minor = models.BigIntegerField(_("a step of priority (minor units)"))

    class Meta:
        app_label = "sourcing"
        db_table = "sourcing_policies"
        verbose_name = _("sourcing policy")
        verbose_name_plural = _("sourcing policies")
        constraints = [models.UniqueConstraint(fields=["tenant_id"], name="one_sourcing_policy_per_tenant")]

    def __str__(self) -> str:
        return "policy"


class ZoneRow(TenantModel):
    """One zone of the shop's freight tariff; the first by ``position`` that fits a way counts."""

    audit: ClassVar[Audit] = Audit.ALL

    position = models.SmallIntegerField(_("position"))
    code = models.CharField(_("code"), max_length=20)
    name = models.CharField(_("name"), max_length=60)
    up_to_km = models.IntegerField(_("up to (km)"), null=True)
    provinces = ArrayField(models.CharField(max_length=2), verbose_name=_("provinces"))
    first_grams = models.IntegerField(_("first weight (g)"))
    first_minor = models.BigIntegerField(_("freight up to the first weight (minor units)"))
    step_grams = models.IntegerField(_("further weight (g)"))
    step_minor = models.BigIntegerField(_("freight per further weight (minor units)"))
    hours = models.IntegerField(_("under way (h)"))

    class Meta:
        app_label = "sourcing"
        db_table = "sourcing_zones"
        verbose_name = _("freight zone")
        verbose_name_plural = _("freight zones")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "code"], name="one_zone_per_code"),
            models.CheckConstraint(
                condition=Q(first_grams__gte=0, first_minor__gte=0, step_grams__gt=0, step_minor__gte=0, hours__gte=0),
                name="zone_costs_are_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class CapacityRow(TenantModel):
    """How many parcels a warehouse sends a day without extra cost; absent: no limit."""

    audit: ClassVar[Audit] = Audit.ALL

    warehouse = models.ForeignKey(
        Warehouse, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("warehouse")
    )
    parcels_per_day = models.IntegerField(_("parcels a day"))

    class Meta:
        app_label = "sourcing"
        db_table = "sourcing_capacities"
        verbose_name = _("capacity")
        verbose_name_plural = _("capacities")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "warehouse"], name="one_capacity_per_warehouse"),
            models.CheckConstraint(condition=Q(parcels_per_day__gte=0), name="capacity_not_negative"),
        ]

    def __str__(self) -> str:
        return str(self.parcels_per_day)


class DecisionRow(TenantModel):
    """Why an order's warehouses were chosen, as it was then. A fact: a later choice is another row."""

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.NONE

    order_id = models.BigIntegerField(_("order"))
    cause = models.CharField(_("cause"), max_length=20, choices=[(c.value, c.value) for c in Cause])
    region_code = models.CharField(_("region"), max_length=6, blank=True)
    hours = models.IntegerField(_("promised within (h)"), null=True)
    method = models.CharField(_("method"), max_length=10)
    gap_bp = models.BigIntegerField(_("gap of the batch (bp)"))
    moved_pieces = models.IntegerField(_("moved pieces"))
    is_kept = models.BooleanField(_("kept what was held"))
    warehouse_ids = ArrayField(models.BigIntegerField(), verbose_name=_("warehouses"))
    choice = models.JSONField(_("choice"))
    decided_at = models.DateTimeField(_("decided at"))

    class Meta:
        app_label = "sourcing"
        db_table = "sourcing_decisions"
        verbose_name = _("choice of warehouses")
        verbose_name_plural = _("choices of warehouses")
        indexes = [
            models.Index(fields=["tenant_id", "order_id", "id"], name="decisions_by_order"),
            models.Index(fields=["tenant_id", "decided_at"], name="decisions_by_day"),
        ]

    def __str__(self) -> str:
        return self.cause


class BackorderRow(TenantModel):
    """Pieces of a paid line that wait for goods."""

    audit: ClassVar[Audit] = Audit.CHANGES

    order_id = models.BigIntegerField(_("order"))
    line_id = models.BigIntegerField(_("line"))
    sku = models.ForeignKey(
        Sku, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False, verbose_name=_("SKU")
    )
    quantity = models.IntegerField(_("quantity"))
    shortfall = models.CharField(_("missing pieces"), max_length=12, choices=[(s.value, s.value) for s in Shortfall])
    state = models.CharField(_("state"), max_length=10, choices=[(s.value, s.value) for s in BackorderState])
    cause = models.CharField(_("cause"), max_length=20, choices=[(c.value, c.value) for c in Cause])
    opened_at = models.DateTimeField(_("opened at"))
    ended_at = models.DateTimeField(_("ended at"), null=True)

    class Meta:
        app_label = "sourcing"
        db_table = "sourcing_backorders"
        verbose_name = _("backorder")
        verbose_name_plural = _("backorders")
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="backorder_quantity_positive"),
            models.CheckConstraint(
                condition=Q(state="open", ended_at__isnull=True) | Q(~Q(state="open"), ended_at__isnull=False),
                name="backorder_ends_once",
            ),
            models.UniqueConstraint(
                fields=["tenant_id", "line_id", "cause"], condition=Q(state="open"), name="one_open_backorder_per_line_and_cause"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "id"], condition=Q(state="open"), name="backorders_open"),
            models.Index(fields=["tenant_id", "order_id"], name="backorders_by_order"),
        ]

    def __str__(self) -> str:
        return f"{self.sku_id} × {self.quantity}"
