"""Users, API tokens, login attempts and the platform's visits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from banyan.kernel.secrets.fields import EncryptedTextField
from banyan.kernel.tenancy.base import Audit, TenantModel
from banyan.people.identity.engine import permissions
from banyan.people.identity.types import CONSOLE_ROLES, Role, scopes_of


class UserManager(BaseUserManager["User"]):
    """Looks users up by login inside the entered tenant."""


VISITOR_FUNCTION = """
CREATE OR REPLACE FUNCTION banyan_visitor(visitor_id bigint)
RETURNS TABLE (id bigint, tenant_id bigint, login text, password text, roles text[], joined_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT u.id, u.tenant_id, u.login, u.password, u.roles::text[], u.joined_at
  FROM identity_users u JOIN tenants t ON t.id = u.tenant_id AND t.slug = 'platform'
  WHERE u.id = visitor_id AND u.active AND 'platform' = ANY (u.roles)
$$
"""
"""A platform user works in a merchant's tenant, where row-level security hides the own row; this finds that one row."""


class User(TenantModel, AbstractBaseUser):
    """A person of one tenant. The same person in two shops is two users."""

    audit: ClassVar[Audit] = Audit.ALL
    audit_excluded: ClassVar[tuple[str, ...]] = ("password", "display_name", "phone", "phone_index", "latest_sign_in_at")
    database_rules: ClassVar[tuple[str, ...]] = (
        VISITOR_FUNCTION,
        "REVOKE ALL ON FUNCTION banyan_visitor(bigint) FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION banyan_visitor(bigint) TO {app_role}",
    )

    login = models.CharField(_("login"), max_length=80)
    display_name = EncryptedTextField(_("name"))
    phone = EncryptedTextField(_("phone"), null=True)
    phone_index = models.BinaryField(max_length=16, null=True, editable=False)
    roles = ArrayField(models.CharField(max_length=20), verbose_name=_("roles"))
    active = models.BooleanField(_("active"), default=True)
    joined_at = models.DateTimeField(_("joined at"))
    password_changed_at = models.DateTimeField(_("password changed at"), null=True)
    latest_sign_in_at = models.DateTimeField(_("latest sign-in"), null=True)

    last_login = None  # Django's own column; ours is latest_sign_in_at, written by the sign-in command
    is_superuser: ClassVar[bool] = False

    objects = UserManager()
    USERNAME_FIELD = "login"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        db_table = "identity_users"
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "login"], name="one_login_per_tenant"),
            models.CheckConstraint(
                condition=models.Q(roles__contained_by=[role.value for role in Role]), name="known_roles_only"
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant_id", "phone_index"], name="users_by_phone", condition=models.Q(phone_index__isnull=False)
            ),
            models.Index(fields=["tenant_id", "joined_at"], name="users_by_joined_at"),
        ]

    def __str__(self) -> str:
        return self.login

    @property
    def is_active(self) -> bool:  # type: ignore[override]
        """Django's name for ``active``."""
        return self.active

    @property
    def is_staff(self) -> bool:
        """Whether this person may open the console at all."""
        return self.active and not CONSOLE_ROLES.isdisjoint(self.roles)

    @property
    def scopes(self) -> frozenset[str]:
        """Every right of this person."""
        return scopes_of(self.roles)

    def has_scope(self, scope: str) -> bool:
        """Whether this person has one right now; console actions ask this."""
        return self.active and scope in self.scopes

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Django's permissions, derived from the roles; there are no permission tables."""
        return self.active and permissions.allows(self.roles, perm)

    def has_perms(self, perm_list: Iterable[str], obj: Any = None) -> bool:
        """Whether all of the permissions are granted."""
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        """Whether anything of that house may be seen."""
        return self.active and permissions.may_open(self.roles, app_label)


class Token(TenantModel):
    """An API token. Only the SHA-256 of the secret is stored; ``tenant_id`` is where it works."""

    audit: ClassVar[Audit] = Audit.ALL
    audit_excluded: ClassVar[tuple[str, ...]] = ("digest",)

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("user"))
    name = models.CharField(_("name"), max_length=80)
    digest = models.BinaryField(max_length=32, editable=False)
    actor = models.CharField(max_length=40, editable=False)
    scopes = ArrayField(models.CharField(max_length=40), verbose_name=_("scopes"))
    issued_at = models.DateTimeField(_("issued at"))
    expires_at = models.DateTimeField(_("expires at"), null=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True)

    class Meta:
        db_table = "identity_tokens"
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        constraints = [
            # The one index that does not start with the tenant: a request's token is looked up before its tenant is known.
            models.UniqueConstraint(fields=["digest"], name="tokens_by_digest"),
        ]
        indexes = [models.Index(fields=["tenant_id", "user"], name="tokens_by_user")]

    def __str__(self) -> str:
        return self.name


class LoginAttempt(TenantModel):
    """One try to sign in. The login is kept as a blind index only: people type passwords into the wrong field.

    Tenant 0 holds the tries against shops that do not exist.
    """

    audit: ClassVar[Audit] = Audit.NONE
    may_belong_to_nobody: ClassVar[bool] = True

    class Outcome(models.TextChoices):
        """Failed until the password proved right, so that concurrent tries count each other."""

        FAILED = "failed", _("failed")
        SUCCEEDED = "succeeded", _("succeeded")
        LIFTED = "lifted", _("lifted by an operator")
        SIGNED_UP = "signed_up", _("signed up")

    login_index = models.BinaryField(max_length=16, editable=False)
    address = models.CharField(_("address"), max_length=45)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False, null=True, verbose_name=_("user"))
    attempted_at = models.DateTimeField(_("attempted at"))
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome.choices, default=Outcome.FAILED)

    class Meta:
        db_table = "identity_login_attempts"
        verbose_name = _("login attempt")
        verbose_name_plural = _("login attempts")
        indexes = [
            models.Index(fields=["tenant_id", "login_index", "attempted_at"], name="attempts_by_login"),
            models.Index(fields=["tenant_id", "address", "attempted_at"], name="attempts_by_address"),
            models.Index(fields=["tenant_id", "attempted_at"], name="attempts_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.attempted_at:%Y-%m-%d %H:%M} {self.outcome}"


class Visit(TenantModel):
    """A platform user entered this tenant, with the reason given. The tenant's auditors see it."""

    audit: ClassVar[Audit] = Audit.ALL

    visitor = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("platform user"))
    visitor_login = models.CharField(_("platform login"), max_length=80)
    reason = models.CharField(_("reason"), max_length=200)
    entered_at = models.DateTimeField(_("entered at"))
    left_at = models.DateTimeField(_("left at"), null=True)

    class Meta:
        db_table = "identity_visits"
        verbose_name = _("platform visit")
        verbose_name_plural = _("platform visits")
        indexes = [models.Index(fields=["tenant_id", "entered_at"], name="visits_by_time")]

    def __str__(self) -> str:
        return f"{self.visitor_login} {self.entered_at:%Y-%m-%d %H:%M}"
