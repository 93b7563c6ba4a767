"""One look for the lists and records that the houses register: money, rates, states and counts.

Houses name plain model fields in `list_display` and `fields`; here a field that ends in `_minor` is shown as money, one in
`_bp` as a percentage, one with choices as a colored word in the active language. A column that a house has written
itself is left as it is. No list counts further than 10,000 rows.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from django.contrib import admin
from django.contrib.admin.filters import ChoicesFieldListFilter
from django.contrib.admin.utils import get_fields_from_path
from django.core.exceptions import FieldDoesNotExist
from django.core.paginator import Paginator
from django.db import models
from django.utils.functional import lazy
from django.utils.html import format_html, strip_tags
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from banyan.console import showing, trail
from banyan.kernel import tenancy
from banyan.kernel.backoffice import FactsAdmin
from banyan.kernel.tenancy.registry import get_tenant

COUNTED = 10_000
UNIT = re.compile(r"\s*[(（][^()（）]*[)）]$")
CODES = ("tier", "channel")
"""Text fields that hold a code word, without being choices."""
REASONS = ("reason", "ended_reason")
"""Text fields in which houses write why, in code words where no person did it."""


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts at most 10,000 rows: an operator filters; nobody turns to page 2,000 of a million."""

    @cached_property
    def count(self) -> int:
        """The number of rows, at most 10,000."""
        rows = self.object_list
        if isinstance(rows, models.QuerySet):
            return int(rows.order_by().values("pk")[:COUNTED].count())
        return len(rows)


class WordsFilter(ChoicesFieldListFilter):
    """The choices of a filter as the column beside it says them: in words."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        for each in super().choices(changelist):
            yield {**each, "display": showing.word_of(each["display"])}


class Titled:
    """A record is headed by what its list shows first: an id, a name or a moment, never a row's code words."""

    def render_change_form(self, request: Any, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        row = context.get("original")
        heading = self.heading_of(row) if row is not None else ""
        if row is not None and heading:
            context |= {"subtitle": heading, "original": Headed(row, heading)}
        return super().render_change_form(request, context, *args, **kwargs)  # type: ignore[misc]

    def heading_of(self, row: Any) -> str:
        """The first column of this row, as plain text."""
        first = str(self.list_display[0])  # type: ignore[attr-defined]
        written = getattr(self, first, None)
        value = written(row) if callable(written) else getattr(row, first, "")
        return showing.moment(value) if isinstance(value, datetime) else strip_tags(str(value or ""))


class Headed:
    """A row whose name is its heading: the way to the page is written with it."""

    is_heading = True

    def __init__(self, row: models.Model, heading: str) -> None:
        self._row, self._heading = row, heading

    def __getattr__(self, name: str) -> Any:
        return getattr(self._row, name)

    def __str__(self) -> str:
        return self._heading


def dressed(model: type[models.Model], admin_class: Any) -> Any:
    """A subclass of a house's admin class whose plain columns are shown as operators read them."""
    columns: dict[str, Any] = {}

    def dress(name: Any) -> Any:
        if not isinstance(name, str) or name in getattr(admin_class, "list_editable", ()):
            return name
        written = getattr(admin_class, name, None)
        if callable(written):
            columns[f"linked_{name}"] = _linking(written)
            return f"linked_{name}"
        try:
            field = model._meta.get_field(name)
        except FieldDoesNotExist:
            return name
        shown = _shown_as(field)
        if shown is None:
            return name
        column = f"shown_{name}"
        label = field.verbose_name  # type: ignore[union-attr]
        label = _without_unit(label) if name.endswith(("_minor", "_bp")) else label
        columns[column] = admin.display(description=label, ordering=name)(shown)
        return column

    attributes: dict[str, Any] = {"__module__": admin_class.__module__, "__doc__": admin_class.__doc__}
    if hasattr(admin_class, "list_display"):
        attributes["paginator"] = CappedPaginator
        first, *others = admin_class.list_display or ("__str__",)
        # The first column is the row's own link already, and one link cannot hold another.
        keep = callable(getattr(admin_class, str(first), None))
        attributes["list_filter"] = [_worded(model, name) for name in admin_class.list_filter]
        attributes["list_display"] = (first if keep else dress(first), *_each(others, dress))
    else:
        attributes["hide_title"] = True  # an inline's rows say the same in their columns
    if getattr(admin_class, "inlines", ()):
        attributes["inlines"] = tuple(dressed(inline.model, inline) for inline in admin_class.inlines)
    read_only, is_fact = set(admin_class.readonly_fields or ()), issubclass(admin_class, FactsAdmin)

    def dress_read_only(name: Any) -> Any:
        return dress(name) if is_fact or name in read_only else name

    if admin_class.fields:
        attributes["fields"] = _each(admin_class.fields, dress_read_only)
    if admin_class.fieldsets:
        attributes["fieldsets"] = tuple(
            (title, {**options, "fields": _each(options["fields"], dress_read_only)}) for title, options in admin_class.fieldsets
        )
    attributes["readonly_fields"] = _each(admin_class.readonly_fields or (), dress)
    if model._meta.label_lower in trail.JOINED and "list_display" in attributes:
        columns["joined_page"] = _joined(model._meta.label_lower)
        for place in ("list_display", "readonly_fields", "fields"):
            if place in attributes:
                attributes[place] = (*attributes[place], "joined_page")
    attributes |= columns
    return type(admin_class.__name__, (Titled, admin_class) if "list_display" in attributes else (admin_class,), attributes)


def _without_unit(label: Any) -> Any:
    """A label without the unit that it ends in, as `price (fen)`: the amount beside it has its own sign."""
    return lazy(lambda: UNIT.sub("", str(label)), str)()  # in the language of whoever looks


def _each(names: Any, dress: Callable[[Any], Any]) -> Any:
    if not isinstance(names, Sequence) or isinstance(names, str):
        return names
    return tuple(_each(name, dress) if isinstance(name, list | tuple) else dress(name) for name in names)


def _worded(model: type[models.Model], name: Any) -> Any:
    """A filter on a field with choices speaks words; any other is left as the house wrote it."""
    if not isinstance(name, str):
        return name
    field = get_fields_from_path(model, name)[-1]
    return (name, WordsFilter) if getattr(field, "choices", None) else name


def _joined(label: str) -> Callable[..., Any]:
    """A column that leads from a house's record to the console's page that joins several houses around it."""

    @admin.display(description=gettext_lazy("more"))
    def joined_page(self: Any, row: Any) -> SafeString:
        title, url = trail.JOINED[label]
        return format_html('<a class="bn-link bn-nowrap" href="{}">{}</a>', url(int(row.pk)), title)

    return joined_page


def _linking(written: Callable[..., Any]) -> Callable[..., Any]:
    """A house's own column, with a link where it answers a public id: order ↔ commission ↔ entry ↔ statement ↔ payout."""

    @functools.wraps(written)
    def linked(*args: Any) -> Any:
        answer = written(*args)
        url = trail.public_url(answer) if isinstance(answer, str) and not isinstance(answer, SafeString) else ""
        return format_html('<a class="bn-link" href="{}">{}</a>', url, answer) if url else answer

    return linked


def _shown_as(field: Any) -> Callable[[Any, Any], Any] | None:
    """How a field is shown, as an admin method; None leaves it to Django."""
    name = field.name
    if name.endswith("_minor"):

        def money(self: Any, row: Any) -> str:
            currency = getattr(row, "currency", None) or get_tenant(tenancy.current_tenant_id()).currency
            return showing.money(getattr(row, name), currency)

        return money
    if name.endswith("_bp"):

        def percent(self: Any, row: Any) -> str:
            return showing.percent(getattr(row, name))

        return percent
    if isinstance(field, models.DateTimeField):

        def moment(self: Any, row: Any) -> SafeString:
            return format_html('<span class="bn-nowrap">{}</span>', showing.moment(getattr(row, name)))

        return moment
    if isinstance(field, models.JSONField):

        def document(self: Any, row: Any) -> SafeString:
            text = json.dumps(getattr(row, name), ensure_ascii=False, indent=2, default=str)
            return format_html('<pre class="bn-document">{}</pre>', text)

        return document
    if name in CODES and not field.choices:

        def code(self: Any, row: Any) -> str:
            return showing.word_of(getattr(row, name))

        return code
    if name in REASONS and not field.choices:

        def reason(self: Any, row: Any) -> str:
            return showing.reason_of(getattr(row, name))

        return reason
    if getattr(field, "choices", None):

        def state(self: Any, row: Any) -> SafeString | str:
            value = getattr(row, name)
            if value in (None, ""):
                return "–"
            return format_html('<span class="bn-pill bn-pill-{}">{}</span>', showing.tone_of(value), showing.word_of(value))

        return state
    return None
