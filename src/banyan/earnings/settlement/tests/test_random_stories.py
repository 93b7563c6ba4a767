"""Random stories: whatever people, channels and time do to settlement, the books agree after every step that a reader"
" could see."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from banyan.earnings.settlement import commands, queries
from banyan.earnings.settlement.tests.making import (
    ANNA,
    AUTOMATIC,
    BERT,
    decide,
    earn,
    make_distributors,
    open_all,
    open_policy,
    take_away,
)
from banyan.earnings.settlement.types import OPEN_STATUSES, Cycle, Decision, Lane, PayeeAccount, Rhythm, Scope, StatementStatus
from banyan.kernel import clock, sql
from banyan.people.distributors import commands as distributors
from banyan.people.distributors.types import Tier
from banyan.treasury.payouts import commands as payouts
from banyan.treasury.payouts import queries as payout_queries
from banyan.treasury.payouts.types import ChannelPayoutState, PayoutNotice, PayoutState

START = datetime(2026, 3, 1, tzinfo=UTC)
RUNNING = (PayoutState.REQUESTED, PayoutState.AWAITING_CONFIRMATION, PayoutState.PROCESSING)


class Story:
    """A shop with a few distributors, and everything that may happen to it."""

    def __init__(self, shop: Any, seed: int) -> None:
        self.shop, self.random, self.done = shop, Random(seed), Counter[str]()
        with shop.enter():
            open_policy(
                replace(AUTOMATIC, rhythm=Rhythm(Cycle.DAILY), minimum_minor=300, review_minor=2_000, four_eyes_minor=4_000)
            )
            open_policy(replace(AUTOMATIC, rhythm=Rhythm(Cycle.WEEKLY), lane=Lane.REVIEWED), Scope.TIER, "gold")
            self.payees = make_distributors(4) + make_distributors(1, account=False)
        self.frozen: set[int] = set()

    def run(self, steps: int) -> None:
        actions = [
            self.earn, self.earn, self.earn, self.reverse, self.reverse, self.tomorrow, self.tomorrow, self.open, self.open,
            self.review, self.review, self.review, self.pay, self.payout, self.payout, self.payout, self.freeze, self.tier,
            self.policy, self.give_up, self.account,
        ]  # fmt: skip
        for _ in range(steps):
            action = self.random.choice(actions)
            with self.shop.enter():
                action()
            self.done[action.__name__] += 1
            self.shop.drain()
            findings = self.shop.verify()
            assert findings == [], (action.__name__, findings)

    def payee(self) -> int:
        return self.random.choice(self.payees)

    def earn(self) -> None:
        earn([(self.payee(), self.random.randint(1, 3_000)) for _ in range(self.random.randint(1, 3))])

    def reverse(self) -> None:
        take_away(self.payee(), self.random.randint(1, 2_000))

    def tomorrow(self) -> None:
        clock.advance(timedelta(hours=self.random.choice((5, 20, 30, 80))))

    def open(self) -> None:
        open_all(limit=self.random.choice((1, 2, 500)))

    def review(self) -> None:
        waiting = queries.list_statements(statuses=OPEN_STATUSES)
        if waiting:
            chosen = self.random.choice(waiting)
            decision = self.random.choice((Decision.APPROVE, Decision.APPROVE, Decision.APPROVE, *Decision))
            decide(chosen.statement_id, decision, self.random.choice((ANNA, BERT)), "x")

    def pay(self) -> None:
        commands.pay_due(clock.now())

    def payout(self) -> None:
        everything = payout_queries.list_payouts(limit=200)
        running = [one for one in everything if one.state in RUNNING]
        chosen = self.random.choice(running or everything) if everything else None
        if chosen is not None:
            state = self.random.choice(
                (
                    ChannelPayoutState.COMPLETED,
                    ChannelPayoutState.COMPLETED,
                    ChannelPayoutState.FAILED,
                    ChannelPayoutState.EXPIRED,
                    ChannelPayoutState.RETURNED,
                )
            )
            notice = PayoutNotice(
                chosen.channel, chosen.out_bill_no, state, "r", chosen.amount_minor, chosen.currency, clock.now()
            )
            payouts.record_results([notice] * self.random.choice((1, 3)))

    def freeze(self) -> None:
        payee = self.payee()
        if payee in self.frozen:
            distributors.unfreeze([payee])  # type: ignore[list-item]
            self.frozen.discard(payee)
        else:
            distributors.freeze([payee], "x")  # type: ignore[list-item]
            self.frozen.add(payee)

    def tier(self) -> None:
        distributors.set_tiers({self.payee(): self.random.choice((Tier.GOLD, Tier.BRONZE))}, clock.now(), "x")  # type: ignore[dict-item]

    def policy(self) -> None:
        rhythm = Rhythm(self.random.choice(list(Cycle)), self.random.randint(0, 6), self.random.randint(1, 31))
        open_policy(replace(AUTOMATIC, rhythm=rhythm, minimum_minor=self.random.randint(1, 900), attempt_count=2))

    def give_up(self) -> None:
        failed = queries.list_statements(status=StatementStatus.PAYOUT_FAILED)
        if failed:
            chosen = [self.random.choice(failed).statement_id]
            if self.random.random() < 0.5:
                commands.retry_payout(chosen)
            else:
                commands.return_to_next(chosen, "x")

    def account(self) -> None:
        commands.set_payee_accounts([PayeeAccount(self.payee(), "wechat_pay", "openid-x")])


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 123, 136, 158])
def test_the_books_agree_whatever_happens(tenant: Any, driven_clock: Any, seed: int) -> None:
    driven_clock(START)
    story = Story(tenant, seed)
    story.run(140)
    with tenant.enter():
        rows = sql.fetch("SELECT count(*) FROM settlement_lines WHERE stands GROUP BY source_kind, source_id HAVING count(*) > 1")
        assert rows == []
        assert queries.list_statements(), story.done
