"""The base of back-office lists: facts to read, actions that call commands, and no count over millions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin
from unfold.forms import ActionForm
from unfold.widgets import UnfoldAdminTextInputWidget

from banyan.kernel import ids
from banyan.kernel.values.errors import Refusal
from banyan.kernel.words import said

COUNT_MAX = 10_000
SHOWN_MAX = 5


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts to 10,000 and no further: whoever looks for more should filter."""

    @cached_property
    def count(self) -> int:
        """How many rows there are, at most 10,000."""
        rows: Any = self.object_list
        return len(rows.order_by().values_list("pk")[:COUNT_MAX])


class ReasonForm(ActionForm):  # type: ignore[misc]
    """An action with the reason that some decisions need."""

    reason = forms.CharField(
        required=False, max_length=200, label="", widget=UnfoldAdminTextInputWidget(attrs={"placeholder": _("Reason")})
    )


class FactsAdmin(ModelAdmin):  # type: ignore[misc]
    """A list of facts: nobody adds, edits or deletes by form; actions call one command each."""

    list_per_page = 50
    show_full_result_count = False
    paginator = CappedPaginator
    list_disable_select_all = True

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Iterable[str]:
        """Everything shown."""
        return self.fields or [field.name for field in self.opts.fields]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never by form."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never by form."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_act_permission(self, request: HttpRequest) -> bool:
        """For actions with ``permissions=["act"]``: whoever may change this house's rows over the API."""
        return request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")

    def tell(self, request: HttpRequest, work: Callable[[], Iterable[Refusal | None]]) -> None:
        """Run a batch command and tell how many were done and why the others were not."""
        try:
            refusals = list(work())
        except Refusal as error:
            messages.error(request, said(error))
            return
        refused = [refusal for refusal in refusals if refusal is not None]
        done = len(refusals) - len(refused)
        if done:
            messages.success(request, ngettext("%(count)d done.", "%(count)d done.", done) % {"count": done})
        for refusal in refused[:SHOWN_MAX]:
            messages.warning(request, said(refusal))
        if len(refused) > SHOWN_MAX:
            messages.warning(request, _("%(count)d more were refused.") % {"count": len(refused) - SHOWN_MAX})


class FindsById(ModelAdmin):  # type: ignore[misc]
    """Search by what operators paste: a public id, or one of our or a channel's numbers, whole. Never a scan."""

    search_fields = ("id",)
    public_ids: tuple[tuple[str, str], ...] = ()
    """Prefix of the public id, and the field that it is looked up in."""
    exact_fields: tuple[str, ...] = ()
    """Indexed text fields that are compared whole."""

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        """The rows that the text names; nothing for text that names none."""
        text = search_term.strip()
        if not text:
            return queryset, False
        for prefix, field in self.public_ids:
            try:
                return queryset.filter(**{field: ids.parse(prefix, text)}), False
            except ids.BadPublicId:
                continue
        named = Q(pk__in=[])
        for field in self.exact_fields:
            named |= Q(**{field: text})
        return queryset.filter(named), False
