"""The words of the ledger. Amounts are integer minor units; a debit is positive, a credit is negative."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, NewType

EntryId = NewType("EntryId", int)
AccountId = NewType("AccountId", int)


class AccountKind(StrEnum):
    """What an account is for. The four distributor kinds carry a guarded balance that never goes below zero."""

    DISTRIBUTOR_PENDING = "distributor_pending"
    DISTRIBUTOR_AVAILABLE = "distributor_available"
    DISTRIBUTOR_PAYABLE = "distributor_payable"
    DISTRIBUTOR_DEBT = "distributor_debt"
    CHANNEL_RECEIVABLE = "channel_receivable"
    SALES_CLEARING = "sales_clearing"
    COMMISSION_EXPENSE = "commission_expense"
    PAYOUT_CLEARING = "payout_clearing"
    CHANNEL_CASH = "channel_cash"

    @property
    def sign(self) -> int:
        """+1 when the natural balance is a debit (assets, expenses), -1 when it is a credit (what we owe, income)."""
        return 1 if self in _DEBIT_KINDS else -1

    @property
    def is_guarded(self) -> bool:
        """True for accounts whose natural balance is stored, locked and never below zero."""
        return self in GUARDED_KINDS


GUARDED_KINDS = frozenset(
    {
        AccountKind.DISTRIBUTOR_PENDING,
        AccountKind.DISTRIBUTOR_AVAILABLE,
        AccountKind.DISTRIBUTOR_PAYABLE,
        AccountKind.DISTRIBUTOR_DEBT,
    }
)
_DEBIT_KINDS = frozenset(
    {
        AccountKind.DISTRIBUTOR_DEBT,
        AccountKind.CHANNEL_RECEIVABLE,
        AccountKind.COMMISSION_EXPENSE,
        AccountKind.CHANNEL_CASH,
    }
)


class EntryKind(StrEnum):
    """Why money moved: one kind per line of the table "river of money" in ARCHITECTURE.md."""

    PAYMENT_CAPTURED = "payment_captured"
    PAYMENT_REFUNDED = "payment_refunded"
    COMMISSION_ACCRUED = "commission_accrued"
    COMMISSION_RELEASED = "commission_released"
    COMMISSION_REVERSED = "commission_reversed"
    STATEMENT_APPROVED = "statement_approved"
    PAYOUT_SUBMITTED = "payout_submitted"
    PAYOUT_COMPLETED = "payout_completed"
    PAYOUT_FAILED = "payout_failed"
    PAYOUT_RETURNED = "payout_returned"
    ADJUSTMENT = "adjustment"


class AccountRef(NamedTuple):
    """An account by meaning: its kind and whose it is. Owner 0 is the tenant itself."""

    kind: AccountKind
    owner_id: int = 0


class NewEntry(NamedTuple):
    """One balanced entry to post: the amounts (minor units, debit positive) add up to zero.

    `key` is unique per tenant: posting the same content under it again changes nothing, other content is refused.
    `reference_kind` and `reference_id` name the fact it comes from ("payment", "commission", "payout", …).
    `currency` is the tenant's own when left empty. Postings on one account of one entry are added up.
    """

    kind: EntryKind
    reference_kind: str
    reference_id: int
    occurred_at: datetime
    postings: tuple[tuple[AccountRef, int], ...]
    key: str
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Posting:
    """One line of an entry."""

    account: AccountRef
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A posted entry as it is read back."""

    entry_id: EntryId
    kind: EntryKind
    reference_kind: str
    reference_id: int
    currency: str
    occurred_at: datetime
    posted_at: datetime
    key: str
    postings: tuple[Posting, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """An account with its natural balance at the moment of reading."""

    account_id: AccountId
    ref: AccountRef
    currency: str
    balance_minor: int
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class AccountLine:
    """One line of an account's statement. `amount_minor` and `balance_minor` (after the line) are in the natural sign."""

    posting_id: int
    entry_id: EntryId
    kind: EntryKind
    reference_kind: str
    reference_id: int
    amount_minor: int
    balance_minor: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class TrialBalanceLine:
    """Totals of one kind of account in one currency."""

    kind: AccountKind
    currency: str
    account_count: int
    debit_minor: int
    credit_minor: int
    balance_minor: int
