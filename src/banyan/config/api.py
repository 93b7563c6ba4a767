"""What joins several houses, for the shop's staff and only about their own shop: `GET /explain/{id}` says what `banyan explain`
says, `GET /returns/{id}/money` everything that a return turned back."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Path, Router, Schema

from banyan.config import explaining
from banyan.console import reversals
from banyan.kernel.http import ErrorBody, PublicId, endpoint, missing_scope, principal_of
from banyan.kernel.values.errors import Forbidden
from banyan.people.identity.types import CONSOLE_ROLES, Scope
from banyan.trade.returns import queries as returns

router = Router(tags=["explain"])
ERRORS: dict[int, Any] = {401: ErrorBody, 403: ErrorBody, 404: ErrorBody, 422: ErrorBody}
SCOPES: dict[str, Scope] = {
    "pay": Scope.PAYMENTS_READ,
    "ord": Scope.ORDERS_READ,
    "cms": Scope.COMMISSIONS_READ,
    "crv": Scope.COMMISSIONS_READ,
    "clg": Scope.PLANS_READ,
    "ret": Scope.RETURNS_READ,
    "rfd": Scope.PAYMENTS_READ,
    "stm": Scope.SETTLEMENTS_READ,
    "pyo": Scope.PAYOUTS_READ,
    "ent": Scope.LEDGER_READ,
}
"""What a token must carry to be told about a kind of thing, alone or in the chain of another."""
PublicIdText = Annotated[str, Path(pattern=rf"^({'|'.join(sorted(SCOPES))})_[0-9a-hjkmnp-tv-z]{{13}}$")]


class ExplainedOut(Schema):
    """One thing, why it is so, and its chain: pairs of an id and a line about it, nearest first."""

    id: str
    kind: str
    tenant: str
    facts: dict[str, Any]
    words: list[str]
    came_from: list[tuple[str, str]]
    led_to: list[tuple[str, str]]


@router.get("/explain/{public_id}", response={200: ExplainedOut, **ERRORS}, summary="What stands behind an id")
@endpoint(scope=Scope.ORDERS_READ)
def explain(request: HttpRequest, public_id: PublicIdText) -> dict[str, Any]:
    """A payment, order, commission, reversal, return, refund, statement, payout, ledger entry or closing, whence and whereto.

    For staff; kinds whose read scope the token lacks are left out of the chain. Distributors have their own commissions
    explained under /commissions.
    """
    principal = principal_of(request)
    if not principal.is_any(*CONSOLE_ROLES):
        raise Forbidden("Only the shop's staff may see this.")
    seen = {prefix for prefix, scope in SCOPES.items() if scope in principal.scopes}
    prefix = public_id.partition("_")[0]
    if prefix not in seen:
        raise missing_scope(SCOPES[prefix])
    return asdict(explaining.explain_here(public_id, seen))


class RefundPartOut(Schema):
    """A part of a return's refund: to which order's payment it goes, and how the channel stands."""

    order_id: Annotated[int, PublicId("ord")]
    payment_id: Annotated[int, PublicId("pay")]
    refund_id: Annotated[int, PublicId("rfd")]
    channel: str
    amount_minor: int
    attempt: int
    state: str
    out_refund_no: str
    failure: str
    completed_at: datetime | None


class TakenBackOut(Schema):
    """One commission that was taken back; the three parts say from which balance, and sum to the amount."""

    reversal_id: Annotated[int, PublicId("crv")]
    commission_id: Annotated[int, PublicId("cms")]
    order_id: Annotated[int, PublicId("ord")]
    payee_id: Annotated[int, PublicId("dst")]
    rule_key: str
    depth: int
    earned_minor: int
    amount_minor: int
    from_pending_minor: int
    from_available_minor: int
    from_debt_minor: int


class DebtOut(Schema):
    """What a payee from whom debt was taken owes now."""

    distributor_id: Annotated[int, PublicId("dst")]
    amount_minor: int


class TouchedOut(Schema):
    """A statement with a line of one of the reversals; `stands` false: the line was taken out again."""

    statement_id: Annotated[int, PublicId("stm")]
    distributor_id: Annotated[int, PublicId("dst")]
    status: str
    amount_minor: int
    stands: bool


class PostedOut(Schema):
    """One posting; debit positive."""

    account: str
    owner_id: Annotated[int, PublicId("dst")] | None
    amount_minor: int


class PostedEntryOut(Schema):
    """One balanced entry."""

    entry_id: Annotated[int, PublicId("ent")]
    kind: str
    occurred_at: datetime
    postings: list[PostedOut]


class ReversalsOut(Schema):
    """Everything that a return turned back. `is_waiting`: commission has still to hear of it."""

    return_id: Annotated[int, PublicId("ret")]
    currency: str
    refund_minor: int
    freight_minor: int
    taken_back_minor: int
    refunds: list[RefundPartOut]
    taken_back: list[TakenBackOut]
    debts: list[DebtOut]
    statements: list[TouchedOut]
    entries: list[PostedEntryOut]
    is_waiting: bool


@router.get("/returns/{return_id}/money", response={200: ReversalsOut, **ERRORS}, summary="What a return turned back")
@endpoint(scope=Scope.RETURNS_READ)
def return_money(request: HttpRequest, return_id: Annotated[int, PublicId("ret")]) -> dict[str, Any]:
    """What was refunded where and how the channel ended it, which commission of whom was taken back and from which balance,
    debts, statements and postings. For staff; what the token's scopes do not cover is left out."""
    principal = principal_of(request)
    if not principal.is_any(*CONSOLE_ROLES):
        raise Forbidden("Only the shop's staff may see this.")
    one = returns.get_return(return_id)
    found = reversals.of_return(
        one,
        money=Scope.PAYMENTS_READ in principal.scopes,
        earned=Scope.COMMISSIONS_READ in principal.scopes,
        books=Scope.LEDGER_READ in principal.scopes,
    )
    return {
        "return_id": one.return_id,
        "currency": one.currency,
        "refund_minor": one.refund_minor,
        "freight_minor": one.freight_minor,
        "taken_back_minor": found.taken_back_minor,
        "refunds": [asdict(part) for part in found.refunds],
        "taken_back": [asdict(each) for each in found.taken_back],
        "debts": [{"distributor_id": payee, "amount_minor": amount} for payee, amount in found.debts],
        "statements": [asdict(each) for each in found.statements],
        "entries": [
            {
                "entry_id": entry.entry_id,
                "kind": entry.kind.value,
                "occurred_at": entry.occurred_at,
                "postings": [
                    {
                        "account": posting.account.kind.value,
                        "owner_id": posting.account.owner_id or None,
                        "amount_minor": posting.amount_minor,
                    }
                    for posting in entry.postings
                ],
            }
            for entry in found.entries
        ],
        "is_waiting": found.is_waiting,
    }
