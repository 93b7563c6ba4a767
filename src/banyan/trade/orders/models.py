"""Tables of orders. The hot ones carry few indexes and no foreign key triggers: the command that writes an order writes its
lines in the same transaction, and ``orders.totals`` checks the sums."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from banyan.goods.catalog.models import Sku
from banyan.kernel.secrets.fields import EncryptedTextField
from banyan.kernel.tenancy.base import Audit, TenantModel
from banyan.trade.orders.types import OrderState


class Order(TenantModel):
    """An order. Amounts are minor units of ``currency``; total = gross − discount + shipping, tax contained."""

    audit: ClassVar[Audit] = Audit.CHANGES
    database_rules: ClassVar[tuple[str, ...]] = ("ALTER TABLE orders_orders SET (fillfactor = 85)",)

    number = models.CharField(_("order number"), max_length=25)
    buyer_id = models.BigIntegerField(_("buyer"))
    state = models.CharField(_("state"), max_length=16, choices=[(s.value, s.value) for s in OrderState])
    currency = models.CharField(_("currency"), max_length=3)
    gross_minor = models.BigIntegerField(_("goods (minor units)"))
    discount_minor = models.BigIntegerField(_("discount (minor units)"))
    shipping_minor = models.BigIntegerField(_("shipping (minor units)"))
    tax_minor = models.BigIntegerField(_("contained tax (minor units)"))
    total_minor = models.BigIntegerField(_("total (minor units)"))
    channel = models.CharField(_("sales channel"), max_length=20)
    placed_at = models.DateTimeField(_("placed at"))
    expires_at = models.DateTimeField(_("to be paid until"))
    payment_id = models.BigIntegerField(_("payment"), null=True)
    paid_at = models.DateTimeField(_("paid at"), null=True)
    shipped_at = models.DateTimeField(_("shipped at"), null=True)
    received_at = models.DateTimeField(_("received at"), null=True)
    closed_at = models.DateTimeField(_("closed at"), null=True)
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True)
    cancel_reason = models.CharField(_("reason of cancellation"), max_length=20, db_default="")
    is_tracked = models.BooleanField(_("tracked"), db_default=False)
    """Its parcels are followed by the fulfillment house, which says when it was received; the days after shipping do not."""

    class Meta:
        app_label = "orders"
        db_table = "orders_orders"
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        constraints = [
            models.CheckConstraint(
                condition=Q(total_minor=F("gross_minor") - F("discount_minor") + F("shipping_minor"))
                & Q(gross_minor__gte=F("discount_minor"), discount_minor__gte=0, shipping_minor__gte=0, tax_minor__gte=0),
                name="order_total_adds_up",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "id"], name="orders_newest"),
            models.Index(fields=["tenant_id", "buyer_id", "id"], name="orders_by_buyer"),
            models.Index(fields=["tenant_id", "expires_at"], condition=Q(state="placed"), name="orders_to_expire"),
            models.Index(fields=["tenant_id", "paid_at"], condition=Q(paid_at__isnull=False), name="orders_by_paid_at"),
            models.Index(
                fields=["tenant_id", "paid_at"], condition=Q(state__in=["paid", "partly_shipped"]), name="orders_to_ship"
            ),
            models.Index(fields=["tenant_id", "shipped_at"], condition=Q(state="shipped"), name="orders_to_receive"),
            models.Index(fields=["tenant_id", "received_at"], condition=Q(state="received"), name="orders_to_close"),
        ]

    def __str__(self) -> str:
        return self.number


class OrderLine(TenantModel):
    """One line with everything that was true of its SKU at placement. A fact: never edited."""

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.NONE

    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="lines", db_index=False, db_constraint=False, verbose_name=_("order")
    )
    position = models.SmallIntegerField(_("position"))
    sku = models.ForeignKey(
        Sku, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False, verbose_name=_("SKU")
    )
    product_id = models.BigIntegerField(_("product"))
    quantity = models.IntegerField(_("quantity"))
    unit_price_minor = models.BigIntegerField(_("unit price (minor units)"))
    unit_cost_minor = models.BigIntegerField(_("unit cost (minor units)"))
    gross_minor = models.BigIntegerField(_("goods (minor units)"))
    discount_minor = models.BigIntegerField(_("discount (minor units)"))
    payable_minor = models.BigIntegerField(_("payable (minor units)"))
    tax_minor = models.BigIntegerField(_("contained tax (minor units)"))
    commissionable_minor = models.BigIntegerField(_("commissionable (minor units)"))
    is_commissionable = models.BooleanField(_("pays commission"))
    tax_bp = models.IntegerField(_("contained tax (bp)"))
    category_path = ArrayField(models.BigIntegerField(), verbose_name=_("category path"))
    tags = ArrayField(models.TextField(), verbose_name=_("tags"))
    supplier_id = models.BigIntegerField(_("supplier"), null=True)
    listed_at = models.DateTimeField(_("listed at"))
    bundle_sku_id = models.BigIntegerField(_("from the bundle"), null=True)

    class Meta:
        app_label = "orders"
        db_table = "orders_lines"
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")
        constraints = [
            models.CheckConstraint(
                condition=Q(gross_minor=F("quantity") * F("unit_price_minor"))
                & Q(payable_minor=F("gross_minor") - F("discount_minor"))
                & Q(quantity__gt=0, discount_minor__gte=0, payable_minor__gte=0, tax_minor__gte=0, commissionable_minor__gte=0)
                & Q(commissionable_minor__lte=F("payable_minor") - F("tax_minor")),
                name="line_amounts_add_up",
            ),
        ]
        indexes = [models.Index(fields=["tenant_id", "order"], name="order_lines_by_order")]

    def __str__(self) -> str:
        return f"{self.order_id}/{self.position}"


class ClientKey(TenantModel):
    """A caller's idempotency key: ``id`` is the order that answered it, ``digest`` what was asked."""

    audit: ClassVar[Audit] = Audit.NONE

    client_key = models.CharField(max_length=120)
    digest = models.BinaryField(max_length=16)

    class Meta:
        app_label = "orders"
        db_table = "orders_client_keys"
        constraints = [models.UniqueConstraint(fields=["tenant_id", "client_key"], name="one_order_per_client_key")]

    def __str__(self) -> str:
        return self.client_key


class Recipient(TenantModel):
    """Where an order goes; ``id`` is the order's. Encrypted, and never copied into the audit log."""

    audit: ClassVar[Audit] = Audit.CHANGES
    audit_excluded: ClassVar[tuple[str, ...]] = ("name", "phone", "address")

    name = EncryptedTextField(_("recipient"))
    phone = EncryptedTextField(_("phone"))
    address = EncryptedTextField(_("address"))
    region_code = models.CharField(_("region"), max_length=6, blank=True, db_default="")
    """The division's six-digit code: a district is no person, and sourcing reads it for whole batches. Empty: not told."""

    class Meta:
        app_label = "orders"
        db_table = "orders_recipients"
        verbose_name = _("recipient")
        verbose_name_plural = _("recipients")

    def __str__(self) -> str:
        return str(self.pk)


class OrderShipment(TenantModel):
    """A parcel handed to a carrier."""

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.NONE

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("order"))
    carrier = models.CharField(_("carrier"), max_length=60, blank=True)
    tracking_number = models.CharField(_("tracking number"), max_length=80, blank=True)
    shipped_at = models.DateTimeField(_("shipped at"))

    class Meta:
        app_label = "orders"
        db_table = "orders_shipments"
        verbose_name = _("shipment")
        verbose_name_plural = _("shipments")
        indexes = [models.Index(fields=["tenant_id", "order"], name="shipments_by_order")]

    def __str__(self) -> str:
        return self.tracking_number


class OrderPolicy(TenantModel):
    """The tenant's times; absent means the defaults of ``types.Policy``."""

    audit: ClassVar[Audit] = Audit.ALL

    payment_window_seconds = models.IntegerField(_("payment window (s)"))
    receive_after_days = models.IntegerField(_("received by itself after (days)"))
    close_after_days = models.IntegerField(_("closed after receipt (days)"))
    freight_base_minor = models.BigIntegerField(_("freight up to the first weight (minor units)"), default=0)
    freight_first_grams = models.IntegerField(_("first weight (g)"), default=1000)
    freight_step_grams = models.IntegerField(_("further weight (g)"), default=1000)
    freight_step_minor = models.BigIntegerField(_("freight per further weight (minor units)"), default=0)
    freight_free_from_minor = models.BigIntegerField(_("free from (minor units)"), null=True)

    class Meta:
        app_label = "orders"
        db_table = "orders_policies"
        verbose_name = _("order policy")
        verbose_name_plural = _("order policies")
        constraints = [models.UniqueConstraint(fields=["tenant_id"], name="one_order_policy_per_tenant")]

    def __str__(self) -> str:
        return "policy"
