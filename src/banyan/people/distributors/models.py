"""Distributors with their status and tier, as of now and as dated facts."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from banyan.kernel import dated
from banyan.kernel.tenancy.base import Audit, TenantModel
from banyan.people.distributors.types import Status, Tier

# Sequential scans are off in both: a plan made while a table was empty would be kept by the connection while it grows.
AUTHENTICATE_FUNCTION = """
CREATE OR REPLACE FUNCTION banyan_authenticate(token_digest bytea, at timestamptz, origin text DEFAULT '')
RETURNS TABLE (tenant_id bigint, user_id bigint, roles text[], scopes text[], distributor_id bigint, status text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 1 SET search_path = public, pg_temp SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  actor text;
BEGIN
  SELECT t.tenant_id, t.user_id, u.roles::text[], t.scopes::text[], d.id, t.actor,
         CASE WHEN t.revoked_at IS NOT NULL THEN 'revoked'
              WHEN t.expires_at <= at THEN 'expired'
              WHEN NOT u.active THEN 'inactive'
              ELSE 'ok' END
  INTO banyan_authenticate.tenant_id, banyan_authenticate.user_id, banyan_authenticate.roles, banyan_authenticate.scopes,
       banyan_authenticate.distributor_id, actor, banyan_authenticate.status
  FROM identity_tokens t
  JOIN identity_users u ON u.id = t.user_id
  LEFT JOIN distributors d ON d.tenant_id = t.tenant_id AND d.user_id = t.user_id
  WHERE t.digest = token_digest;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  IF status = 'ok' THEN
    PERFORM set_config('banyan.tenant', tenant_id::text, true), set_config('banyan.actor', actor, true),
            set_config('banyan.reason', 'api', true), set_config('banyan.origin', banyan_authenticate.origin, true);
  END IF;
  RETURN NEXT;
END $$
"""
"""The look-up of every API request: finds the token before any tenant is known, and enters its tenant.

``origin`` is where the caller is, for the audit log. The function stands here because this is the lowest house that knows
tokens, users and distributors.
"""
AUTHENTICATE_ALL_FUNCTION = """
CREATE OR REPLACE FUNCTION banyan_authenticate_all(token_digests bytea[], at timestamptz)
RETURNS TABLE (digest bytea, user_id bigint, roles text[], scopes text[], distributor_id bigint, status text)
LANGUAGE sql STABLE ROWS 10 SET search_path = public, pg_temp SET enable_seqscan = off AS $$
  SELECT t.digest, t.user_id, u.roles::text[], t.scopes::text[], d.id,
         CASE WHEN t.revoked_at IS NOT NULL THEN 'revoked'
              WHEN t.expires_at <= at THEN 'expired'
              WHEN NOT u.active THEN 'inactive'
              ELSE 'ok' END
  FROM identity_tokens t
  JOIN identity_users u ON u.id = t.user_id
  LEFT JOIN distributors d ON d.tenant_id = t.tenant_id AND d.user_id = t.user_id
  WHERE t.digest = ANY (token_digests)
$$
"""
"""The same for a group of requests of one shop, inside its tenant: row-level security shows only this shop's tokens."""


class Distributor(TenantModel):
    """Somebody who may earn. ``status`` and ``tier`` are the newest facts, repeated here for lists and quick answers."""

    audit: ClassVar[Audit] = Audit.CHANGES
    database_rules: ClassVar[tuple[str, ...]] = (
        "DROP FUNCTION IF EXISTS banyan_authenticate(bytea, timestamptz)",  # before it took the origin
        AUTHENTICATE_FUNCTION,
        "REVOKE ALL ON FUNCTION banyan_authenticate(bytea, timestamptz, text) FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION banyan_authenticate(bytea, timestamptz, text) TO {app_role}",
        AUTHENTICATE_ALL_FUNCTION,
    )

    user = models.ForeignKey("identity.User", on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("user"))
    code = models.CharField(_("referral code"), max_length=12)
    status = models.CharField(_("status"), max_length=10, choices=[(s.value, _(s.value)) for s in Status])
    status_since = models.DateTimeField(_("status since"))
    tier = models.CharField(_("tier"), max_length=10, choices=[(t.value, _(t.value)) for t in Tier])
    tier_since = models.DateTimeField(_("tier since"))
    sponsor = models.ForeignKey(
        "self", on_delete=models.PROTECT, related_name="+", db_index=False, null=True, verbose_name=_("named sponsor")
    )
    applied_at = models.DateTimeField(_("applied at"))
    approved_at = models.DateTimeField(_("approved at"), null=True)

    class Meta:
        db_table = "distributors"
        verbose_name = _("distributor")
        verbose_name_plural = _("distributors")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "user"], name="one_distributor_per_user"),
            models.UniqueConstraint(fields=["tenant_id", "code"], name="one_distributor_per_code"),
            models.CheckConstraint(condition=models.Q(status__in=[s.value for s in Status]), name="known_status"),
            models.CheckConstraint(condition=models.Q(tier__in=[t.value for t in Tier]), name="known_tier"),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "status", "applied_at"], name="distributors_by_status"),
            models.Index(fields=["tenant_id", "tier"], name="distributors_by_tier"),
        ]

    def __str__(self) -> str:
        return self.code


class StatusFact(TenantModel):
    """A distributor's status from ``valid_from`` until before ``valid_to``; open-ended while it holds."""

    audit: ClassVar[Audit] = Audit.CHANGES
    database_rules: ClassVar[tuple[str, ...]] = dated.rules("distributors_status_facts", "distributor_id")

    distributor = models.ForeignKey(
        Distributor, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("distributor")
    )
    status = models.CharField(_("status"), max_length=10, choices=[(s.value, _(s.value)) for s in Status])
    valid_from = models.DateTimeField(_("valid from"))
    valid_to = models.DateTimeField(_("valid to"), null=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        db_table = "distributors_status_facts"
        verbose_name = _("status fact")
        verbose_name_plural = _("status history")
        constraints = dated.constraints("status", "distributor")
        indexes = [models.Index(fields=["tenant_id", "distributor", "valid_from"], name="status_facts_by_time")]

    def __str__(self) -> str:
        return self.status


class TierFact(TenantModel):
    """A distributor's tier from ``valid_from`` until before ``valid_to``; open-ended while it holds."""

    audit: ClassVar[Audit] = Audit.CHANGES
    database_rules: ClassVar[tuple[str, ...]] = dated.rules("distributors_tier_facts", "distributor_id")

    distributor = models.ForeignKey(
        Distributor, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("distributor")
    )
    tier = models.CharField(_("tier"), max_length=10, choices=[(t.value, _(t.value)) for t in Tier])
    valid_from = models.DateTimeField(_("valid from"))
    valid_to = models.DateTimeField(_("valid to"), null=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        db_table = "distributors_tier_facts"
        verbose_name = _("tier fact")
        verbose_name_plural = _("tier history")
        constraints = dated.constraints("tier", "distributor")
        indexes = [models.Index(fields=["tenant_id", "distributor", "valid_from"], name="tier_facts_by_time")]

    def __str__(self) -> str:
        return self.tier
