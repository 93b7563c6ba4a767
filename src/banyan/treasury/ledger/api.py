"""The ledger over HTTP: for the shop's people whole, for a distributor the own accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import AwareDatetime

from banyan.kernel import ids
from banyan.kernel.http import ErrorBody, Page, PublicId, endpoint, page_of, principal_of
from banyan.kernel.values.errors import Forbidden
from banyan.people.identity.types import OWN_ROWS_ROLES, Scope
from banyan.treasury.ledger import queries
from banyan.treasury.ledger.types import Account, AccountKind, AccountLine, Entry, EntryKind

router = Router(tags=["ledger"])
ERRORS: dict[int, Any] = {400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 404: ErrorBody, 422: ErrorBody}
AccountIdOut = Annotated[int, PublicId("acc")]
EntryIdOut = Annotated[int, PublicId("ent")]
DistributorIdOut = Annotated[int, PublicId("dst")]
Limit = Annotated[int, Query(ge=1, le=200)]
PREFIXES = {"payment": "pay", "refund": "rfd", "payout": "pyo", "commission": "cms", "statement": "stm", "order": "ord"}
"""How the ids of the facts that entries come from are shown; others are shown as `ref_…`."""


class LedgerPostingOut(Schema):
    """One line: debit positive, credit negative, minor units."""

    kind: AccountKind
    distributor_id: DistributorIdOut | None
    amount_minor: int


class EntryOut(Schema):
    """One balanced entry."""

    id: EntryIdOut
    kind: EntryKind
    reference_kind: str
    reference_id: str
    currency: str
    occurred_at: datetime
    posted_at: datetime
    postings: list[LedgerPostingOut]


class LedgerAccountOut(Schema):
    """An account with its balance in its natural sign, minor units. `distributor_id` null: the shop's own."""

    id: AccountIdOut
    kind: AccountKind
    distributor_id: DistributorIdOut | None
    currency: str
    balance_minor: int
    opened_at: datetime


class LedgerLineOut(Schema):
    """One line of an account's statement, in its natural sign; `balance_minor` after the line."""

    entry_id: EntryIdOut
    kind: EntryKind
    reference_kind: str
    reference_id: str
    amount_minor: int
    balance_minor: int
    occurred_at: datetime


class TrialBalanceOut(Schema):
    """Totals of one kind of account; over all kinds of a currency, debit equals credit."""

    kind: AccountKind
    currency: str
    account_count: int
    debit_minor: int
    credit_minor: int
    balance_minor: int


def _reference(kind: str, reference_id: int) -> str:
    return ids.public(PREFIXES.get(kind, "ref"), reference_id)


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.entry_id,
        "kind": entry.kind,
        "reference_kind": entry.reference_kind,
        "reference_id": _reference(entry.reference_kind, entry.reference_id),
        "currency": entry.currency,
        "occurred_at": entry.occurred_at,
        "posted_at": entry.posted_at,
        "postings": [
            {"kind": p.account.kind, "distributor_id": p.account.owner_id or None, "amount_minor": p.amount_minor}
            for p in entry.postings
        ],
    }


def _account(account: Account) -> dict[str, Any]:
    return {
        "id": account.account_id,
        "kind": account.ref.kind,
        "distributor_id": account.ref.owner_id or None,
        "currency": account.currency,
        "balance_minor": account.balance_minor,
        "opened_at": account.opened_at,
    }


def _line(line: AccountLine) -> dict[str, Any]:
    names = ("entry_id", "kind", "reference_kind", "amount_minor", "balance_minor", "occurred_at")
    shown = {name: getattr(line, name) for name in names}
    return shown | {"reference_id": _reference(line.reference_kind, line.reference_id)}


def _own(request: HttpRequest) -> int | None:
    """The distributor whose accounts alone are shown (-1: nobody's), or None for the shop's people."""
    principal = principal_of(request)
    return (principal.distributor_id or -1) if principal.roles <= OWN_ROWS_ROLES else None


def _shop_only(request: HttpRequest) -> None:
    if _own(request) is not None:
        raise Forbidden("Entries and totals of the shop are for its own people.", scope=Scope.LEDGER_READ.value)


@router.get("/ledger/entries", response={200: Page[EntryOut], **ERRORS}, summary="Ledger entries")
@endpoint(scope=Scope.LEDGER_READ)
def list_entries(
    request: HttpRequest, cursor: str | None = None, limit: Limit = 50, kind: EntryKind | None = None
) -> dict[str, Any]:
    """Latest first. For the shop's people."""
    _shop_only(request)
    page = page_of(
        lambda before, count: queries.list_entries(kind=kind, before=before, limit=count), cursor, limit, lambda e: e.entry_id
    )
    return {**page, "items": [_entry(entry) for entry in page["items"]]}


@router.get("/ledger/entries/{entry_id}", response={200: EntryOut, **ERRORS}, summary="One ledger entry")
@endpoint(scope=Scope.LEDGER_READ)
def get_entry(request: HttpRequest, entry_id: EntryIdOut) -> dict[str, Any]:
    """For the shop's people."""
    _shop_only(request)
    return _entry(queries.get_entry(entry_id))


@router.get("/ledger/accounts", response={200: Page[LedgerAccountOut], **ERRORS}, summary="Accounts and balances")
@endpoint(scope=Scope.LEDGER_READ)
def list_accounts(
    request: HttpRequest,
    cursor: str | None = None,
    limit: Limit = 50,
    kind: AccountKind | None = None,
    distributor_id: Annotated[DistributorIdOut | None, Query()] = None,
) -> dict[str, Any]:
    """Latest opened first. A distributor gets the own accounts."""
    own = _own(request)
    hidden = own is not None and distributor_id not in (None, own)
    owner_id = distributor_id if own is None else own

    def fetch(before: int | None, count: int) -> list[Account]:
        return [] if hidden else queries.list_accounts(owner_id=owner_id, kind=kind, before=before, limit=count)

    page = page_of(fetch, cursor, limit, lambda account: account.account_id)
    return {**page, "items": [_account(account) for account in page["items"]]}


@router.get("/ledger/accounts/{account_id}", response={200: LedgerAccountOut, **ERRORS}, summary="One account")
@endpoint(scope=Scope.LEDGER_READ)
def get_account(request: HttpRequest, account_id: AccountIdOut) -> dict[str, Any]:
    """404 for other people's."""
    return _account(queries.get_account(account_id, owner_id=_own(request)))


@router.get(
    "/ledger/accounts/{account_id}/lines", response={200: Page[LedgerLineOut], **ERRORS}, summary="Statement of an account"
)
@endpoint(scope=Scope.LEDGER_READ)
def list_lines(request: HttpRequest, account_id: AccountIdOut, cursor: str | None = None, limit: Limit = 50) -> dict[str, Any]:
    """Latest recorded first, with the balance after each line. 404 for other people's accounts."""
    queries.get_account(account_id, owner_id=_own(request))
    page = page_of(
        lambda before, count: queries.list_account_lines(account_id, before=before, limit=count),
        cursor,
        limit,
        lambda line: line.posting_id,
    )
    return {**page, "items": [_line(line) for line in page["items"]]}


@router.get("/ledger/trial-balance", response={200: list[TrialBalanceOut], **ERRORS}, summary="Trial balance")
@endpoint(scope=Scope.LEDGER_READ)
def trial_balance(request: HttpRequest, at: AwareDatetime | None = None) -> list[Any]:
    """Now, or counting the entries that occurred at or before `at`. For the shop's people."""
    _shop_only(request)
    return list(queries.trial_balance(at))
