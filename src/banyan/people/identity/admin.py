"""The back office of identity: users, tokens, login attempts, platform visits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from banyan.kernel import ids
from banyan.kernel.backoffice import FactsAdmin
from banyan.kernel.values.errors import Forbidden, Refusal
from banyan.kernel.values.masks import masked
from banyan.people.identity import commands, queries
from banyan.people.identity.models import LoginAttempt, Token, User, Visit
from banyan.people.identity.types import Role, TokenId, UserId


class RoleFilter(admin.SimpleListFilter):
    """Users who have a role."""

    title = _("role")
    parameter_name = "role"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """All roles."""
        return [(role.value, _(role.value)) for role in Role]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        """Users with the chosen role."""
        return queryset.filter(roles__contains=[self.value()]) if self.value() else queryset


@admin.register(User)
class UserAdmin(FactsAdmin):
    """People of this shop. Names and phones are masked; exact phone numbers, logins and public ids find them."""

    list_display = ("login", "masked_name", "masked_phone", "role_names", "is_on", "joined_at", "latest_sign_in_at")
    list_filter = ("active", RoleFilter)
    search_fields = ("login",)
    search_help_text = _("login, whole phone number or usr_ id")
    ordering = ("-id",)
    actions = ("deactivate", "activate", "lift_lock", "revoke_tokens")
    fields = (
        "login", "masked_name", "masked_phone", "role_names", "active", "joined_at", "latest_sign_in_at", "password_changed_at",
    )  # fmt: skip

    @admin.display(description=_("name"))
    def masked_name(self, row: User) -> str:
        """The first character only."""
        return masked(row.display_name)

    @admin.display(description=_("phone"))
    def masked_phone(self, row: User) -> str:
        """The first and last digits only."""
        return masked(row.phone)

    @admin.display(description=_("roles"))
    def role_names(self, row: User) -> str:
        """All roles."""
        return "、".join(str(_(role)) for role in row.roles) or "–"

    @admin.display(description=_("active"), boolean=True)
    def is_on(self, row: User) -> bool:
        """Whether the account works."""
        return row.active

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[User], search_term: str) -> tuple[QuerySet[User], bool]:
        """Exact matches through the indexes: a sealed phone number cannot be searched in part."""
        words = search_term.strip()
        if not words:
            return queryset, False
        found = [user.id for user in queries.list_users_by_phone(words)]
        by_login = queries.find_user_by_login(words)
        found += [by_login.id] if by_login else []
        try:
            found.append(UserId(ids.parse("usr", words)))
        except ids.BadPublicId:
            pass
        return queryset.filter(pk__in=found), False

    def _others(self, request: HttpRequest, rows: QuerySet[User], act: Callable[[UserId], object]) -> None:
        def one(row: User) -> Refusal | None:
            if row.pk == request.user.pk:
                return Forbidden(str(_("Nobody does this to the own account.")))
            act(UserId(row.pk))
            return None

        self.tell(request, lambda: [one(row) for row in rows])

    @admin.action(description=_("Deactivate"), permissions=["act"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Tokens and sessions stop with the next request."""
        self._others(request, queryset, lambda user_id: commands.set_active(user_id, False))

    @admin.action(description=_("Activate"), permissions=["act"])
    def activate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """The account works again."""
        self._others(request, queryset, lambda user_id: commands.set_active(user_id, True))

    @admin.action(description=_("Lift the login lock"), permissions=["act"])
    def lift_lock(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Forgive the failed sign-ins of the past quarter of an hour."""
        self.tell(request, lambda: _each(queryset, lambda row: commands.lift_lock(row.login)))

    @admin.action(description=_("Revoke all tokens"), permissions=["act"])
    def revoke_tokens(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Every API token of the chosen users answers 401 from now on."""
        self._others(request, queryset, commands.revoke_tokens_of)


def _each(rows: QuerySet[Any], act: Callable[[Any], object]) -> list[Refusal | None]:
    """Run a command that does not refuse for each row."""
    done: list[Refusal | None] = []
    for row in rows:
        act(row)
        done.append(None)
    return done


@admin.register(Token)
class TokenAdmin(FactsAdmin):
    """API tokens without their secrets."""

    list_display = ("name", "user", "issued_at", "expires_at", "revoked_at", "scope_count")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("user",)
    search_fields = ("user__login__exact",)
    ordering = ("-id",)
    actions = ("revoke",)
    fields = ("name", "user", "scopes", "issued_at", "expires_at", "revoked_at")

    @admin.display(description=_("scopes"))
    def scope_count(self, row: Token) -> int:
        """How many rights the token carries."""
        return len(row.scopes)

    @admin.action(description=_("Revoke"), permissions=["act"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Token]) -> None:
        """The tokens answer 401 from now on."""
        self.tell(request, lambda: _each(queryset, lambda row: commands.revoke_token(UserId(row.user_id), TokenId(row.pk))))


@admin.register(LoginAttempt)
class LoginAttemptAdmin(FactsAdmin):
    """Who tried to sign in, from where, with what success."""

    list_display = ("attempted_at", "user", "address", "outcome")
    list_filter = ("outcome", "attempted_at")
    list_select_related = ("user",)
    search_fields = ("address__exact", "user__login__exact")
    ordering = ("-attempted_at",)
    fields = ("attempted_at", "user", "address", "outcome")


@admin.register(Visit)
class VisitAdmin(FactsAdmin):
    """When the platform's people were in this shop, and why."""

    list_display = ("entered_at", "left_at", "visitor_login", "reason")
    search_fields = ("visitor_login__exact",)
    ordering = ("-entered_at",)
    fields = ("entered_at", "left_at", "visitor_login", "reason")
