"""Distributors with released commission for tests. The ledger entries are those of the river's table, posted by its own door;
the items come in through this house's door, as they do from commission's events."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Any

from django.db import connections

from banyan.earnings.settlement import commands
from banyan.earnings.settlement.types import (
    Cycle,
    Decision,
    Lane,
    NewItem,
    NewPolicy,
    PayeeAccount,
    PolicyId,
    PolicyTerms,
    ReviewOutcome,
    ReviewRequest,
    Rhythm,
    Scope,
    SourceKind,
)
from banyan.kernel import clock
from banyan.people.distributors import commands as distributors
from banyan.people.distributors.types import Application
from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role
from banyan.treasury.ledger import commands as ledger
from banyan.treasury.ledger.types import AccountKind, AccountRef, EntryKind, NewEntry

OPENER, ANNA, BERT = 9_001, 9_002, 9_003
"""Who opened the policy, and two reviewers."""
MONTHLY = PolicyTerms(Rhythm(Cycle.MONTHLY), Lane.REVIEWED, minimum_minor=100)
AUTOMATIC = replace(MONTHLY, lane=Lane.AUTOMATIC)
_numbers = count(1_000_000)


def open_policy(terms: PolicyTerms = MONTHLY, scope: Scope = Scope.TENANT, subject: str = "") -> PolicyId:
    return commands.open_policy(NewPolicy(scope, subject, terms, OPENER))


def make_distributors(number: int = 1, *, account: bool = True) -> list[int]:
    """Active distributors, with a payee account unless told otherwise."""
    users = identity.register_users(
        [NewUser(f"d{uuid.uuid4().hex[:10]}", None, "测试", None, (Role.DISTRIBUTOR,)) for _ in range(number)]
    )
    applied = distributors.apply([Application(user_id, None, clock.now()) for user_id in users])
    made = [one.distributor_id for one in applied]  # type: ignore[union-attr]
    distributors.approve(made, clock.now())
    if account:
        commands.set_payee_accounts([PayeeAccount(one, "wechat_pay", f"openid-{one}") for one in made])
    return [int(one) for one in made]


def earn(pairs: list[tuple[int, int]], at: datetime | None = None, *, heard: bool = True) -> list[int]:
    """Released commission for (distributor, amount) pairs; returns the commission ids. A release pays off debt first.
    `heard`: settlement got the event."""
    at = at or clock.now()
    items, entries, left = [], [], {}  # type: tuple[list[NewItem], list[NewEntry], dict[AccountRef, int]]
    from banyan.treasury.ledger import queries as balances

    for distributor_id, amount_minor in pairs:
        commission_id = next(_numbers)
        pending = AccountRef(AccountKind.DISTRIBUTOR_PENDING, distributor_id)
        available = AccountRef(AccountKind.DISTRIBUTOR_AVAILABLE, distributor_id)
        debt = AccountRef(AccountKind.DISTRIBUTOR_DEBT, distributor_id)
        expense = AccountRef(AccountKind.COMMISSION_EXPENSE)
        accrued = ((expense, amount_minor), (pending, -amount_minor))
        entries.append(NewEntry(EntryKind.COMMISSION_ACCRUED, "commission", commission_id, at, accrued, f"a{commission_id}"))
        left.setdefault(debt, balances.balances([debt])[debt])
        netted = min(left[debt], amount_minor)
        left[debt] -= netted
        released = tuple(
            part for part in ((pending, amount_minor), (debt, -netted), (available, netted - amount_minor)) if part[1]
        )
        entries.append(NewEntry(EntryKind.COMMISSION_RELEASED, "commission", commission_id, at, released, f"r{commission_id}"))
        items.append(NewItem(distributor_id, "CNY", SourceKind.COMMISSION_RELEASED, commission_id, amount_minor, at))
    ledger.post(entries)
    if heard:
        commands.take_in(items)
    return [item.source_id for item in items]


def take_away(distributor_id: int, amount_minor: int, *, heard: bool = True) -> NewItem:
    """A reversal after release: from the available balance, the rest becomes debt. `heard`: settlement got the event."""
    from banyan.treasury.ledger import queries as balances

    available = AccountRef(AccountKind.DISTRIBUTOR_AVAILABLE, distributor_id)
    debt = AccountRef(AccountKind.DISTRIBUTOR_DEBT, distributor_id)
    reversal_id = next(_numbers)
    taken = min(balances.balances([available])[available], amount_minor)
    parts = ((available, taken), (debt, amount_minor - taken), (AccountRef(AccountKind.COMMISSION_EXPENSE), -amount_minor))
    postings = tuple(part for part in parts if part[1])
    ledger.post([NewEntry(EntryKind.COMMISSION_REVERSED, "commission", reversal_id, clock.now(), postings, f"v{reversal_id}")])
    item = NewItem(distributor_id, "CNY", SourceKind.COMMISSION_REVERSED, reversal_id, -amount_minor, clock.now(), 1)
    if heard:
        hear([item])
    return item


def hear(items: list[NewItem]) -> None:
    """What the reaction does with reversals."""
    commands.take_in(items)
    commands.take_reversals({item.distributor_id for item in items})


def open_all(at: datetime | None = None, limit: int = 500) -> int:
    """Open statements until nothing is due; returns how many calendars were done."""
    done = 0
    while batch := commands.open_statements(at or clock.now(), limit):
        done += batch
    return done


def decide(
    statement_id: int, decision: Decision = Decision.APPROVE, reviewer: int = ANNA, reason: str = "", **more: Any
) -> ReviewOutcome:
    """One decision of one person."""
    return commands.review([ReviewRequest(statement_id, decision, reviewer, reason, **more)])[0]  # type: ignore[arg-type]


def at_once(jobs: list[Callable[[], Any]]) -> list[Any]:
    """Run every job in a thread of its own, all started together; an error is an answer."""
    answers: list[Any] = [None] * len(jobs)
    start = threading.Barrier(len(jobs))

    def run(position: int) -> None:
        try:
            start.wait()
            answers[position] = jobs[position]()
        except Exception as error:  # what a test must see
            answers[position] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(position,)) for position in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
