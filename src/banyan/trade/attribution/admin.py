"""The back office of attribution: who referred which order and why, frozen uplines, links."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _

from banyan.kernel import ids
from banyan.kernel.backoffice import FactsAdmin
from banyan.trade.attribution.models import Referral, SharingLink, Snapshot


class ByPublicId(FactsAdmin):
    """Lists whose row id is the order's, searched by order, buyer or referrer."""

    search_fields = ("pk",)
    search_help_text = _("ord_, usr_ or dst_ id")
    ordering = ("-id",)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        """The rows that the public id names; nothing for other text."""
        words = search_term.strip()
        for prefix, field in (("ord", "pk"), ("usr", "buyer_id"), ("dst", "referrer_id")):
            if words.startswith(f"{prefix}_"):
                try:
                    return queryset.filter(**{field: ids.parse(prefix, words)}), False
                except ids.BadPublicId:
                    break
        return (queryset.none() if words else queryset), False

    @admin.display(description=_("order"))
    def order(self, row: Any) -> str:
        """Its public id."""
        return ids.public("ord", row.pk)

    @admin.display(description=_("buyer"))
    def buyer(self, row: Any) -> str:
        """The user's public id."""
        return ids.public("usr", row.buyer_id)

    @admin.display(description=_("referrer"))
    def referrer(self, row: Any) -> str:
        """The distributor's public id."""
        return ids.public("dst", row.referrer_id) if row.referrer_id else "–"


@admin.register(Referral)
class ReferralAdmin(ByPublicId):
    """What was recorded at placement."""

    list_display = ("order", "buyer", "referrer", "source", "note", "recorded_at")
    list_filter = ("source", "recorded_at")
    fields = (*list_display, "link")

    @admin.display(description=_("sharing link"))
    def link(self, row: Referral) -> str:
        """The token of the link that the buyer came with."""
        found = SharingLink.objects.filter(pk=row.link_id).first() if row.link_id else None
        return found.token if found else "–"


@admin.register(Snapshot)
class SnapshotAdmin(ByPublicId):
    """What was frozen at payment."""

    list_display = ("order", "buyer", "referrer", "source", "depth", "paid_at")
    list_filter = ("source", "paid_at")
    fields = ("order", "buyer", "referrer", "source", "upline", "paid_at")

    @admin.display(description=_("upline depth"))
    def depth(self, row: Snapshot) -> int:
        """How many stand above the referrer."""
        return max(0, len(row.upline_ids) - 1)

    @admin.display(description=_("upline"))
    def upline(self, row: Snapshot) -> Any:
        """The referrer first, with tier and status at payment."""
        members = enumerate(zip(row.upline_ids, row.upline_tiers, row.upline_statuses, strict=True))
        rows = [(depth, ids.public("dst", member), tier, status) for depth, (member, tier, status) in members]
        return format_html("<ol>{}</ol>", format_html_join("", "<li>{} · {} · {} · {}</li>", rows)) if rows else "–"


@admin.register(SharingLink)
class SharingLinkAdmin(FactsAdmin):
    """Who shares what."""

    list_display = ("token", "distributor", "product_id", "created_at")
    list_filter = ("created_at",)
    search_fields = ("token",)
    ordering = ("-id",)
    fields = ("token", "distributor", "product_id", "created_at")

    @admin.display(description=_("distributor"))
    def distributor(self, row: SharingLink) -> str:
        """The distributor's public id."""
        return ids.public("dst", row.distributor_id)
