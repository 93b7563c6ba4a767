"""The audit log: who changed what, from what, to what, why. Read only, newest first."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from django.apps import apps
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from banyan.console import paging, showing
from banyan.console.access import page, show
from banyan.kernel.audit.models import AuditEntry
from banyan.kernel.tenancy.base import Audit

OPERATIONS = ("insert", "update", "delete")


@page("audit:read")
def listing(request: HttpRequest) -> HttpResponse:
    """Filters: table, row, actor, operation, day (in the tenant's zone)."""
    wanted = {key: request.GET.get(key, "").strip() for key in ("table", "row", "actor", "operation", "day")}
    day = _day(wanted["day"])

    def fetch(before: int | None, count: int) -> list[AuditEntry]:
        rows = AuditEntry.objects.order_by("-id")
        if wanted["table"]:
            rows = rows.filter(table_name=wanted["table"])
        if wanted["row"].isdigit():
            rows = rows.filter(row_id=int(wanted["row"][:18]))
        if wanted["actor"]:
            rows = rows.filter(actor__startswith=wanted["actor"])
        if wanted["operation"] in OPERATIONS:
            rows = rows.filter(operation=wanted["operation"])
        if day is not None:
            start = timezone.make_aware(datetime.combine(day, time.min))
            rows = rows.filter(occurred_at__gte=start, occurred_at__lt=start + timedelta(days=1))
        if before is not None:
            rows = rows.filter(id__lt=before)
        return list(rows[:count])

    tables = audited()
    context = paging.page(request, fetch, lambda row: int(row.pk))
    for row in context["rows"]:
        row.changes = _changes(row, tables.get(row.table_name))
        row.table_words = _words(tables.get(row.table_name), row.table_name)
        row.actor_words = showing.actor_of(row.actor)
    return show(
        request, "console/audit.html", _("Audit log"), wanted=wanted, operations=OPERATIONS,
        tables=[(name, _words(model, name)) for name, model in sorted(tables.items())], **context,
    )  # fmt: skip


def audited() -> dict[str, type[Model]]:
    """What an audited table's rows and columns are called, by the table's name."""
    return {
        model._meta.db_table: model
        for model in apps.get_models()
        if getattr(model, "audit", Audit.NONE) is not Audit.NONE and not model._meta.proxy
    }


def _words(model: type[Model] | None, name: str) -> str:
    return name if model is None else showing.word_of(model._meta.verbose_name)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _changes(row: AuditEntry, model: type[Model] | None) -> list[tuple[str, str, str, str]]:
    """(column, in words, before, after), long values shortened."""
    before, after = row.before or {}, row.after or {}
    names = sorted((set(before) | set(after)) - {"id", "tenant_id"})
    return [(name, _column(model, name), _short(before.get(name)), _short(after.get(name))) for name in names[:24]]


def _column(model: type[Model] | None, name: str) -> str:
    fields = model._meta.concrete_fields if model is not None else ()
    return next((showing.word_of(field.verbose_name) for field in fields if field.column == name), name)


def _short(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= 90 else text[:88] + "…"
