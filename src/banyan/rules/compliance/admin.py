"""Who accepted which reading of the law: facts to read. Rule sets are files; the console's page on law shows them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from banyan.kernel import ids
from banyan.kernel.values.money import format_rate
from banyan.rules.compliance.models import ReadingAcknowledgement


@admin.register(ReadingAcknowledgement)
class ReadingAcknowledgementAdmin(ModelAdmin):  # type: ignore[misc]
    """Read only: a row is written by the acknowledge command alone and is immutable in the database."""

    list_display = ("accepted_at", "jurisdiction", "reading", "granted", "rule_set", "accepted_by", "numbers")
    list_filter = ("jurisdiction", "reading", "granted")
    ordering = ("-accepted_at",)
    list_per_page = 50
    show_full_result_count = False
    fields = ("accepted_at", "jurisdiction", "reading", "granted", "rule_set", "statement", "accepted_by", "roles", "numbers")
    readonly_fields = fields

    @admin.display(description=_("accepted by"))
    def accepted_by(self, row: ReadingAcknowledgement) -> str:
        """The person's public id."""
        return ids.public("usr", row.accepted_by_id)

    @admin.display(description=_("counsel's numbers"))
    def numbers(self, row: ReadingAcknowledgement) -> str:
        """Depth and rate given by counsel, if any."""
        depth = "" if row.upline_depth_paid is None else f"{_('depth')} {row.upline_depth_paid}"
        rate = "" if row.total_rate_bp is None else f"{_('rate')} {format_rate(row.total_rate_bp)}"
        return " · ".join(part for part in (depth, rate) if part) or "–"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never by form."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False
