"""What one return turned back: refunds and how the channel ended them, commission by person, debts, statements, postings.

Houses know their own part only; this joins them by the return that caused it. Amounts in minor units of the order's currency.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from banyan.earnings.commission import queries as commissions
from banyan.earnings.commission.types import Cause, Commission
from banyan.earnings.settlement import queries as settlement
from banyan.earnings.settlement.types import SourceKind
from banyan.kernel import events
from banyan.trade.returns import queries as returns
from banyan.trade.returns.events import ReturnAccepted
from banyan.trade.returns.types import Return
from banyan.treasury.ledger import queries as ledger
from banyan.treasury.ledger.types import AccountKind, AccountRef, Entry, EntryKind
from banyan.treasury.payments import queries as payments


@dataclass(frozen=True)
class RefundPart:
    """A part of the refund: to which order's payment, by which channel, and how that stands."""

    order_id: int
    payment_id: int
    refund_id: int
    channel: str
    amount_minor: int
    attempt: int
    state: str
    out_refund_no: str
    failure: str
    completed_at: datetime | None


@dataclass(frozen=True)
class TakenBack:
    """One commission that was taken back, and from which of the payee's balances."""

    reversal_id: int
    commission_id: int
    order_id: int
    payee_id: int
    rule_key: str
    depth: int
    earned_minor: int
    amount_minor: int
    from_pending_minor: int
    from_available_minor: int
    from_debt_minor: int


@dataclass(frozen=True)
class Touched:
    """A statement with a line of one of these reversals."""

    statement_id: int
    distributor_id: int
    status: str
    amount_minor: int
    stands: bool


@dataclass(frozen=True)
class Reversals:
    """Everything together. `is_waiting`: commission has still to hear of the return; it will in a moment."""

    refunds: tuple[RefundPart, ...]
    taken_back: tuple[TakenBack, ...]
    debts: tuple[tuple[int, int], ...]
    """What payees owe now, of those from whom debt was taken: (distributor, minor units)."""
    statements: tuple[Touched, ...]
    entries: tuple[Entry, ...]
    is_waiting: bool

    @property
    def refund_minor(self) -> int:
        """All refunds."""
        return sum(part.amount_minor for part in self.refunds)

    @property
    def taken_back_minor(self) -> int:
        """All commission."""
        return sum(one.amount_minor for one in self.taken_back)


def of_return(one: Return, *, money: bool = True, earned: bool = True, books: bool = True) -> Reversals:
    """Join what the return turned back; parts that the reader may not see (payments, commissions, ledger) stay empty."""
    parts = returns.list_refund_parts(one.return_id)
    found = payments.find_refunds_by_keys([part.key for part in parts])
    refunds = tuple(
        RefundPart(
            refund.order_id, refund.payment_id, refund.refund_id, refund.channel, refund.amount_minor, part.attempt,
            refund.state.value, refund.out_refund_no, refund.failure, refund.completed_at,
        )
        for part in parts
        if (refund := found.get(part.key)) is not None
    )  # fmt: skip
    orders = sorted({one.order_id, *(part.order_id for part in parts)})
    taken = _taken_back(one, orders) if earned else ()
    return Reversals(
        refunds=refunds if money else (),
        taken_back=taken,
        debts=_debts(taken, one.currency) if books else (),
        statements=_statements(taken) if earned else (),
        entries=_entries(one, [part.refund_id for part in refunds], orders) if books else (),
        is_waiting=earned and one.accepted_at is not None and not taken and _is_waiting(one),
    )


def _taken_back(one: Return, orders: Sequence[int]) -> tuple[TakenBack, ...]:
    known: dict[int, Commission] = {
        commission.commission_id: commission
        for of_order in commissions.list_for_orders(orders).values()
        for commission in of_order
    }
    return tuple(
        TakenBack(
            each.reversal_id, each.commission_id, known[each.commission_id].order_id, each.payee_id,
            known[each.commission_id].rule_key, known[each.commission_id].depth, known[each.commission_id].amount_minor,
            each.amount_minor, each.from_pending_minor, each.from_available_minor, each.from_debt_minor,
        )
        for each in commissions.list_reversals(list(known))
        if each.cause is Cause.RETURN and each.cause_id == one.return_id
    )  # fmt: skip


def _debts(taken: Sequence[TakenBack], currency: str) -> tuple[tuple[int, int], ...]:
    owing = sorted({one.payee_id for one in taken if one.from_debt_minor})
    if not owing:
        return ()
    refs = [AccountRef(AccountKind.DISTRIBUTOR_DEBT, payee_id) for payee_id in owing]
    balances = ledger.balances(refs, currency)
    return tuple((ref.owner_id, balances.get(ref, 0)) for ref in refs)


def _statements(taken: Sequence[TakenBack]) -> tuple[Touched, ...]:
    found = settlement.list_lines_of(SourceKind.COMMISSION_REVERSED, [one.reversal_id for one in taken])
    return tuple(
        Touched(int(of.statement_id), of.distributor_id, of.status.value, line.amount_minor, line.stands) for of, line in found
    )


def _entries(one: Return, refund_ids: Sequence[int], orders: Sequence[int]) -> tuple[Entry, ...]:
    """The postings of these refunds, and those that took the commission back: they bear the return's number in their key."""
    found = ledger.list_entries_for_many("refund", refund_ids)
    prefix = f"commission.reversed:return:{one.return_id}"
    found += [
        entry
        for entry in ledger.list_entries_for_many("commission_accrual", orders)
        if entry.kind is EntryKind.COMMISSION_REVERSED and (entry.key == prefix or entry.key.startswith(f"{prefix}:"))
    ]
    return tuple(sorted(found, key=lambda entry: (entry.occurred_at, entry.entry_id)))


def _is_waiting(one: Return) -> bool:
    return any(event.return_id == one.return_id for event in events.unheard("commission.reverse", ReturnAccepted))
