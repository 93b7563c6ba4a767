"""Tables of flash sales."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from banyan.goods.catalog.models import Sku
from banyan.kernel.tenancy.base import Audit, TenantModel


class OfferRow(TenantModel):
    """A flash sale. ``place_count``: so many places in its queue were given."""

    audit: ClassVar[Audit] = Audit.CHANGES
    audit_excluded: ClassVar[tuple[str, ...]] = ("place_count",)

    name = models.CharField(_("name"), max_length=80)
    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("SKU"))
    price_minor = models.BigIntegerField(_("price"))
    quantity = models.BigIntegerField(_("pieces"))
    per_person = models.IntegerField(_("per person"))
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"))
    admit_per_second = models.IntegerField(_("let in per second"))
    puzzle_bits = models.SmallIntegerField(_("puzzle bits"))
    place_count = models.BigIntegerField(default=0)
    ended_at = models.DateTimeField(_("ended at"), null=True)

    class Meta:
        app_label = "offers"
        db_table = "offers_offers"
        verbose_name = _("flash sale")
        verbose_name_plural = _("flash sales")
        constraints = [
            models.CheckConstraint(
                condition=Q(price_minor__gte=0, quantity__gte=1, per_person__gte=1, ends_at__gt=F("starts_at")),
                name="offer_can_be_sold",
            ),
            models.CheckConstraint(
                condition=Q(admit_per_second__gte=0, puzzle_bits__gte=0, puzzle_bits__lte=24), name="offer_queue_moves"
            ),
        ]
        indexes = [models.Index(fields=["tenant_id", "id"], name="offers_newest")]

    def __str__(self) -> str:
        return self.name


class PlaceRow(TenantModel):
    """A buyer's place in the queue of a sale. ``buyer_id`` is plain: hot, and never joined."""

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.NONE

    offer = models.ForeignKey(OfferRow, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    buyer_id = models.BigIntegerField()
    position = models.BigIntegerField()
    joined_at = models.DateTimeField()

    class Meta:
        app_label = "offers"
        db_table = "offers_places"
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "offer", "buyer_id"], name="one_place_per_buyer"),
            models.UniqueConstraint(fields=["tenant_id", "offer", "position"], name="one_buyer_per_place"),
        ]

    def __str__(self) -> str:
        return str(self.position)


class ClaimRow(TenantModel):
    """What an order took of a sale. ``ended_at``: the order was given up, its buyer may buy again."""

    audit: ClassVar[Audit] = Audit.NONE

    offer = models.ForeignKey(OfferRow, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    order_id = models.BigIntegerField()
    buyer_id = models.BigIntegerField()
    quantity = models.BigIntegerField()
    claimed_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "offers"
        db_table = "offers_claims"
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "offer", "buyer_id", "order_id"], name="one_claim_per_order"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="claim_of_something"),
        ]
        indexes = [models.Index(fields=["tenant_id", "order_id"], name="claims_by_order")]

    def __str__(self) -> str:
        return f"{self.order_id} × {self.quantity}"
