"""The ledger in the back office: to read, never to write."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline

from banyan.kernel import ids
from banyan.kernel.backoffice import FactsAdmin, FindsById
from banyan.kernel.values.money import format_minor
from banyan.treasury.ledger import queries
from banyan.treasury.ledger.models import AccountRow, BalanceRow, EntryRow, PostingRow
from banyan.treasury.ledger.types import AccountKind, EntryKind


class _KindFilter(admin.SimpleListFilter):
    """By kind, from the list of kinds instead of a scan for those in use."""

    title = _("kind")
    parameter_name = "kind"
    kinds: tuple[str, ...] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Every kind there is."""
        return [(kind, _(kind)) for kind in self.kinds]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The chosen kind."""
        return queryset.filter(kind=self.value()) if self.value() else queryset


class EntryKindFilter(_KindFilter):
    """By kind of entry."""

    kinds = tuple(kind.value for kind in EntryKind)


class AccountKindFilter(_KindFilter):
    """By kind of account."""

    kinds = tuple(kind.value for kind in AccountKind)


class PostingInline(TabularInline):  # type: ignore[misc]
    """The lines of one entry: debit and credit."""

    model = PostingRow
    extra = 0
    fields = ("account_kind", "owner", "debit", "credit")
    readonly_fields = fields
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[PostingRow]:
        """With their accounts, in one statement."""
        return super().get_queryset(request).select_related("account").order_by("-amount_minor", "id")  # type: ignore[no-any-return]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    @admin.display(description=_("account"))
    def account_kind(self, row: PostingRow) -> Any:
        """What the account is for."""
        return _(row.account.kind)

    @admin.display(description=_("owner"))
    def owner(self, row: PostingRow) -> str:
        """Whose account it is."""
        return ids.public("dst", row.account.owner_id) if row.account.owner_id else "–"

    @admin.display(description=_("debit"))
    def debit(self, row: PostingRow) -> str:
        """The amount, when it is a debit."""
        return format_minor(row.amount_minor, row.currency) if row.amount_minor > 0 else ""

    @admin.display(description=_("credit"))
    def credit(self, row: PostingRow) -> str:
        """The amount, when it is a credit."""
        return format_minor(-row.amount_minor, row.currency) if row.amount_minor < 0 else ""


@admin.register(EntryRow)
class EntryAdmin(FactsAdmin, FindsById):
    """Entries, the latest first, each with its lines."""

    list_display = ("public_id", "shown_kind", "reference", "currency", "occurred_at", "posted_at")
    list_filter = (EntryKindFilter,)
    ordering = ("-id",)
    public_ids = (
        ("ent", "pk"), ("pay", "reference_id"), ("rfd", "reference_id"), ("pyo", "reference_id"), ("cms", "reference_id"),
        ("stm", "reference_id"),
    )  # fmt: skip
    exact_fields = ("key",)
    search_help_text = _("an entry's id or key, or the id of the payment, refund, commission, statement or payout")
    fields = ("public_id", "shown_kind", "reference", "currency", "occurred_at", "posted_at", "key")
    inlines = (PostingInline,)

    @admin.display(description=_("entry"))
    def public_id(self, row: EntryRow) -> str:
        """Its public id."""
        return ids.public("ent", row.pk)

    @admin.display(description=_("kind"))
    def shown_kind(self, row: EntryRow) -> Any:
        """Why money moved."""
        return _(row.kind)

    @admin.display(description=_("reference"))
    def reference(self, row: EntryRow) -> str:
        """The fact it comes from."""
        prefixes = {"payment": "pay", "refund": "rfd", "payout": "pyo", "commission": "cms", "statement": "stm"}
        return ids.public(prefixes.get(row.reference_kind, "ref"), row.reference_id)


@admin.register(AccountRow)
class AccountAdmin(FactsAdmin, FindsById):
    """Accounts with their balances."""

    list_display = ("public_id", "shown_kind", "owner", "balance", "currency", "opened_at")
    list_filter = (AccountKindFilter,)
    ordering = ("-id",)
    public_ids = (("acc", "pk"), ("dst", "owner_id"))
    search_help_text = _("an account's or a distributor's id")
    fields = list_display

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccountRow]:
        """With the guarded balances, in the same statement."""
        stored = BalanceRow.objects.filter(id=OuterRef("id")).values("balance_minor")
        return super().get_queryset(request).annotate(stored_minor=Subquery(stored))  # type: ignore[no-any-return]

    @admin.display(description=_("account"))
    def public_id(self, row: AccountRow) -> str:
        """Its public id."""
        return ids.public("acc", row.pk)

    @admin.display(description=_("kind"))
    def shown_kind(self, row: AccountRow) -> Any:
        """What it is for."""
        return _(row.kind)

    @admin.display(description=_("owner"))
    def owner(self, row: AccountRow) -> str:
        """The distributor; a dash for the shop's own."""
        return ids.public("dst", row.owner_id) if row.owner_id else "–"

    @admin.display(description=_("balance"))
    def balance(self, row: Any) -> str:
        """In the natural sign. The shop's own accounts, a handful, are summed from their checkpoints."""
        minor = row.stored_minor if row.is_guarded else queries.get_account(row.pk).balance_minor
        return format_minor(minor, row.currency)
