"""The ledger's tables. PostgreSQL itself holds the laws: entries balance, rows stand, guarded balances stay at or above zero."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from banyan.kernel.events.models import CommitOrder
from banyan.kernel.tenancy.base import Audit, TenantModel

ENTRY_BALANCES = "ledger_entry_balances"
POSTING_FITS_ACCOUNT = "ledger_posting_fits_account"
BALANCE_NOT_NEGATIVE = "ledger_balance_not_negative"

OPEN_BALANCES_FUNCTION = """
CREATE OR REPLACE FUNCTION ledger_open_balances() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO ledger_balances (id, tenant_id, balance_minor)
  SELECT id, tenant_id, 0 FROM new_rows WHERE is_guarded ORDER BY id ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$
"""

# Joins are forced to go by index from the new rows outward: plpgsql keeps one plan for one posting and for forty thousand,
# and a plan with a hash over the whole entry table would make every small entry as slow as the ledger is long.
APPLY_POSTINGS_FUNCTION = """
CREATE OR REPLACE FUNCTION ledger_apply_postings() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off SET enable_seqscan = off SET jit = off AS $$
DECLARE
  bad record;
  account_ids bigint[];
  deltas bigint[];
  touched bigint;
BEGIN
  SELECT g.entry_id, g.total, g.line_count, e.posting_count INTO bad
  FROM (SELECT tenant_id, entry_id, currency, count(*) AS line_count, sum(amount_minor) AS total
        FROM new_rows GROUP BY tenant_id, entry_id, currency) g
  LEFT JOIN ledger_entries e ON e.id = g.entry_id AND e.tenant_id = g.tenant_id
  WHERE e.id IS NULL OR g.total <> 0 OR g.line_count <> e.posting_count OR g.currency <> e.currency
     OR e.commit_order <> pg_current_xact_id()::text::bigint;
  IF FOUND THEN
    RAISE EXCEPTION 'entry % does not balance or is not whole: sum %, % of % lines, mixed currencies, or an older entry',
      bad.entry_id, bad.total, bad.line_count, bad.posting_count
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entry_balances';
  END IF;

  SELECT g.account_id INTO bad
  FROM (SELECT DISTINCT tenant_id, account_id, currency FROM new_rows) g
  LEFT JOIN ledger_accounts a ON a.id = g.account_id AND a.tenant_id = g.tenant_id
  WHERE a.id IS NULL OR a.currency <> g.currency;
  IF FOUND THEN
    RAISE EXCEPTION 'account % does not exist here or is of another currency', bad.account_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_posting_fits_account';
  END IF;

  SELECT array_agg(d.account_id ORDER BY d.account_id), array_agg(d.delta ORDER BY d.account_id) INTO account_ids, deltas
  FROM (SELECT g.account_id, (a.natural_sign * g.total)::bigint AS delta
        FROM (SELECT account_id, sum(amount_minor) AS total FROM new_rows GROUP BY account_id) g
        JOIN ledger_accounts a ON a.id = g.account_id
        WHERE a.is_guarded AND g.total <> 0) d;
  IF account_ids IS NOT NULL THEN
    -- One lock order for everybody: account id ascending.
    PERFORM 1 FROM ledger_balances b WHERE b.id = ANY(account_ids) ORDER BY b.id FOR NO KEY UPDATE;
    SELECT d.id, b.balance_minor, d.delta INTO bad
    FROM unnest(account_ids, deltas) AS d(id, delta)
    CROSS JOIN LATERAL (SELECT l.balance_minor FROM ledger_balances l WHERE l.id = d.id OFFSET 0) b
    WHERE b.balance_minor + d.delta < 0;
    IF FOUND THEN
      RAISE EXCEPTION 'account % would fall below zero', bad.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_balance_not_negative',
              DETAIL = bad.id || ' ' || bad.balance_minor || ' ' || bad.delta;
    END IF;
    UPDATE ledger_balances b SET balance_minor = b.balance_minor + d.delta
    FROM unnest(account_ids, deltas) AS d(id, delta) WHERE b.id = d.id;
    GET DIAGNOSTICS touched = ROW_COUNT;
    IF touched <> cardinality(account_ids) THEN
      RAISE EXCEPTION 'a guarded account has no balance row'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_posting_fits_account';
    END IF;
  END IF;
  RETURN NULL;
END $$
"""


class AccountRow(TenantModel):
    """One account: a kind, an owner (0 is the tenant) and a currency. Opened by the first posting, never changed."""

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.NONE
    database_rules: ClassVar[tuple[str, ...]] = (
        OPEN_BALANCES_FUNCTION,
        "DROP TRIGGER IF EXISTS open_balances ON ledger_accounts",
        (
            "CREATE TRIGGER open_balances AFTER INSERT ON ledger_accounts REFERENCING NEW TABLE AS new_rows "
            "FOR EACH STATEMENT EXECUTE FUNCTION ledger_open_balances()"
        ),
    )

    kind = models.CharField(_("kind"), max_length=32)
    owner_id = models.BigIntegerField(_("owner"), default=0)
    currency = models.CharField(_("currency"), max_length=3)
    natural_sign = models.SmallIntegerField(_("natural sign"))
    is_guarded = models.BooleanField(_("guarded"))
    opened_at = models.DateTimeField(_("opened at"))

    class Meta:
        app_label = "ledger"
        db_table = "ledger_accounts"
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "owner_id", "kind", "currency"], name="one_account_per_meaning"),
            models.CheckConstraint(condition=models.Q(natural_sign__in=(1, -1)), name="account_natural_sign"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.currency}"


class EntryRow(TenantModel):
    """One balanced entry. `digest` covers kind, reference, currency and postings, so that a repeated key is compared.

    `commit_order` is the writing transaction: its lines must come in the same one, so nothing can be added later.
    """

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.NONE

    kind = models.CharField(_("kind"), max_length=32)
    reference_kind = models.CharField(_("reference kind"), max_length=32)
    reference_id = models.BigIntegerField(_("reference"))
    currency = models.CharField(_("currency"), max_length=3)
    posting_count = models.SmallIntegerField(_("postings"))
    occurred_at = models.DateTimeField(_("occurred at"))
    posted_at = models.DateTimeField(_("posted at"))
    key = models.CharField(_("key"), max_length=120)
    digest = models.BinaryField(max_length=16)
    commit_order = models.BigIntegerField(db_default=CommitOrder(), editable=False)

    class Meta:
        app_label = "ledger"
        db_table = "ledger_entries"
        verbose_name = _("entry")
        verbose_name_plural = _("entries")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "key"], name="one_entry_per_key"),
            models.CheckConstraint(condition=models.Q(posting_count__gte=2), name="entry_has_two_sides"),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "reference_kind", "reference_id"], name="entry_by_reference"),
            models.Index(fields=["tenant_id", "id"], name="entry_by_id"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class PostingRow(TenantModel):
    """One line of an entry; debit positive, credit negative, minor units.

    No foreign key constraints to entry and account: the statement trigger checks both for all new rows at once, while a
    constraint would look each row up and lock the tenant's few hot accounts. `commit_order` is the writing transaction:
    checkpoints read up to a horizon of it, so a late commit can never be missed.
    """

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.NONE
    database_rules: ClassVar[tuple[str, ...]] = (
        APPLY_POSTINGS_FUNCTION,
        "DROP TRIGGER IF EXISTS apply_postings ON ledger_postings",
        (
            "CREATE TRIGGER apply_postings AFTER INSERT ON ledger_postings REFERENCING NEW TABLE AS new_rows "
            "FOR EACH STATEMENT EXECUTE FUNCTION ledger_apply_postings()"
        ),
    )

    entry = models.ForeignKey(EntryRow, on_delete=models.PROTECT, related_name="postings", db_constraint=False, db_index=False)
    account = models.ForeignKey(AccountRow, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    amount_minor = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    occurred_at = models.DateTimeField(_("occurred at"))
    commit_order = models.BigIntegerField(db_default=CommitOrder(), editable=False)

    class Meta:
        app_label = "ledger"
        db_table = "ledger_postings"
        verbose_name = _("posting")
        verbose_name_plural = _("postings")
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "entry", "account"], name="one_posting_per_account"),
            models.CheckConstraint(condition=~models.Q(amount_minor=0), name="posting_moves_something"),
        ]
        indexes = [
            models.Index(
                fields=["tenant_id", "account", "commit_order", "id"],
                name="posting_by_account",
                include=["amount_minor", "occurred_at"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} {self.currency}"


class BalanceRow(TenantModel):
    """The natural balance of one guarded account; `id` is the account's. Only the posting trigger writes it."""

    audit: ClassVar[Audit] = Audit.NONE
    app_rights: ClassVar[str] = "SELECT"
    database_rules: ClassVar[tuple[str, ...]] = ("ALTER TABLE ledger_balances SET (fillfactor = 70)",)

    balance_minor = models.BigIntegerField(_("balance"), default=0)

    class Meta:
        app_label = "ledger"
        db_table = "ledger_balances"
        verbose_name = _("balance")
        verbose_name_plural = _("balances")
        constraints = [models.CheckConstraint(condition=models.Q(balance_minor__gte=0), name=BALANCE_NOT_NEGATIVE)]

    def __str__(self) -> str:
        return str(self.balance_minor)


class CheckpointRow(TenantModel):
    """The debit-positive sum of an unguarded account over all postings with `commit_order` below the stored one.

    `id` is the account's. Below a snapshot's horizon no transaction is running any more, so the sum is final.
    """

    audit: ClassVar[Audit] = Audit.NONE

    through_commit_order = models.BigIntegerField(_("through"))
    balance_minor = models.BigIntegerField(_("balance"))
    made_at = models.DateTimeField(_("made at"))

    class Meta:
        app_label = "ledger"
        db_table = "ledger_checkpoints"
        verbose_name = _("checkpoint")
        verbose_name_plural = _("checkpoints")

    def __str__(self) -> str:
        return str(self.balance_minor)
