"""Tables of attribution. ``id`` of referrals and snapshots is the order's id: one of each per order, without another index."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from banyan.kernel.tenancy.base import Audit, TenantModel
from banyan.trade.attribution.types import Source

_SOURCES = [(source.value, source.value) for source in Source]


class SharingLink(TenantModel):
    """A distributor's link; ``token`` travels in the address or by hand (口令)."""

    audit: ClassVar[Audit] = Audit.ALL

    token = models.CharField(_("token"), max_length=20)
    distributor_id = models.BigIntegerField(_("distributor"))
    product_id = models.BigIntegerField(_("product"), null=True)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        app_label = "attribution"
        db_table = "attribution_links"
        verbose_name = _("sharing link")
        verbose_name_plural = _("sharing links")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "token"], name="one_link_per_token"),
            models.UniqueConstraint(
                fields=["tenant_id", "distributor_id", "product_id"],
                name="one_link_per_distributor_and_product",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return self.token


class LinkClick(TenantModel):
    """Somebody opened a link. The visitor is a digest only."""

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.NONE

    link = models.ForeignKey(
        SharingLink, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("sharing link")
    )
    visitor = models.BinaryField(_("visitor"), max_length=16)
    clicked_at = models.DateTimeField(_("clicked at"))

    class Meta:
        app_label = "attribution"
        db_table = "attribution_clicks"
        verbose_name = _("click")
        verbose_name_plural = _("clicks")
        indexes = [models.Index(fields=["tenant_id", "link", "clicked_at"], name="clicks_by_link")]

    def __str__(self) -> str:
        return str(self.pk)


class Referral(TenantModel):
    """Who referred an order, decided at placement. A fact: never edited."""

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.NONE

    buyer_id = models.BigIntegerField(_("buyer"))
    buyer_distributor_id = models.BigIntegerField(_("buyer as distributor"), null=True)
    referrer_id = models.BigIntegerField(_("referrer"), null=True)
    source = models.CharField(_("source"), max_length=20, choices=_SOURCES)
    note = models.CharField(_("note"), max_length=80, blank=True)
    link_id = models.BigIntegerField(_("sharing link"), null=True)
    recorded_at = models.DateTimeField(_("recorded at"))

    class Meta:
        app_label = "attribution"
        db_table = "attribution_referrals"
        verbose_name = _("referral")
        verbose_name_plural = _("referrals")
        indexes = [
            models.Index(
                fields=["tenant_id", "referrer_id", "id"], condition=Q(referrer_id__isnull=False), name="referrals_by_referrer"
            )
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.source}"


class Snapshot(TenantModel):
    """The referrer and his whole upline as they stood at payment: what commission is computed from for ever.

    The arrays run in parallel, the referrer first (depth 0).
    """

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.NONE

    buyer_id = models.BigIntegerField(_("buyer"))
    buyer_distributor_id = models.BigIntegerField(_("buyer as distributor"), null=True)
    referrer_id = models.BigIntegerField(_("referrer"), null=True)
    source = models.CharField(_("source"), max_length=20, choices=_SOURCES)
    upline_ids = ArrayField(models.BigIntegerField(), verbose_name=_("upline"))
    upline_tiers = ArrayField(models.TextField(), verbose_name=_("tiers"))
    upline_statuses = ArrayField(models.TextField(), verbose_name=_("statuses"))
    paid_at = models.DateTimeField(_("paid at"))

    class Meta:
        app_label = "attribution"
        db_table = "attribution_snapshots"
        verbose_name = _("frozen attribution")
        verbose_name_plural = _("frozen attributions")
        constraints = [
            models.CheckConstraint(
                condition=Q(referrer_id=None, upline_ids__len=0) | Q(referrer_id__isnull=False, upline_ids__len__gt=0),
                name="snapshot_has_its_upline",
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)


class AttributionPolicy(TenantModel):
    """The tenant's say; absent means the defaults of ``types.Policy``."""

    audit: ClassVar[Audit] = Audit.ALL

    self_purchase = models.BooleanField(_("distributors may refer themselves"), default=False)

    class Meta:
        app_label = "attribution"
        db_table = "attribution_policies"
        verbose_name = _("attribution policy")
        verbose_name_plural = _("attribution policies")
        constraints = [models.UniqueConstraint(fields=["tenant_id"], name="one_attribution_policy_per_tenant")]

    def __str__(self) -> str:
        return "policy"
