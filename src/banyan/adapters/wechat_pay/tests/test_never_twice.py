"""Whatever is lost, repeated, late or canceled: nobody is paid twice, and what we believe is what happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from banyan.adapters.simulators.wechat_pay import SandboxKeys, WeChatPaySimulator, generate
from banyan.adapters.simulators.wechat_pay.protocol import ApiError
from banyan.adapters.wechat_pay import WeChatPayoutChannel
from banyan.kernel import clock
from banyan.treasury.payments.types import ChannelError, ChannelUnknown
from banyan.treasury.payouts.types import ChannelPayoutState as State

from .conftest import settings_for
from .orders import transfer

_KEYS: list[SandboxKeys] = []
_START = datetime(2026, 3, 1, tzinfo=UTC)
_ENDED = (State.COMPLETED, State.FAILED, State.EXPIRED, State.CANCELLED)
_AMOUNT = 5_000
_FAULTS = ("lose_answer", "lose_request", "garbage", "error_after", "error", "no_signature")
numbers = st.integers(1, 3)


class Transfers(RuleBasedStateMachine):
    """Three payouts to three payees under every sequence of events. ``believed`` is what the adapter told us last."""

    @initialize()
    def open(self) -> None:
        if not _KEYS:
            _KEYS.append(generate())
        clock.drive(_START)
        self.simulator = WeChatPaySimulator(_KEYS[0], deliver=False).start()
        self.channel = WeChatPayoutChannel(settings_for(_KEYS[0], self.simulator.base_url))
        self.opening = self.simulator.world.balance_minor()
        self.believed: dict[int, State] = {}

    def teardown(self) -> None:
        self.simulator.stop()
        clock.drive(None)

    def _ask(self, number: int, submit: bool) -> None:
        try:
            order = transfer(number, _AMOUNT, account=f"o-{number}")
            answer = self.channel.submit(order) if submit else self.channel.query(order.out_bill_no)
        except (ChannelUnknown, ChannelError):
            return
        before = self.believed.get(number)
        if before in _ENDED:
            assert answer.state is before, "an end is an end"
        self.believed[number] = answer.state

    @rule(number=numbers, fault=st.sampled_from((None, *_FAULTS)))
    def submit(self, number: int, fault: str | None) -> None:
        if fault:
            self.simulator.break_next("transfer", fault)
        self._ask(number, submit=True)

    @rule(number=numbers, fault=st.sampled_from((None, *_FAULTS)))
    def query(self, number: int, fault: str | None) -> None:
        if fault:
            self.simulator.break_next("query_transfer", fault)
        self._ask(number, submit=False)

    @rule(number=numbers)
    def cancel(self, number: int) -> None:
        answer = self.channel.cancel(f"{number:032x}")
        self.believed[number] = answer.state

    @rule(number=numbers, verb=st.sampled_from(("confirm", "reject", "expire")))
    def happen(self, number: int, verb: str) -> None:
        try:
            getattr(self.simulator, verb)(f"{number:032x}")
        except ApiError:
            pass

    @rule(hours=st.integers(1, 30))
    def wait(self, hours: int) -> None:
        clock.advance(timedelta(hours=hours))
        self.simulator.tick()

    @invariant()
    def nobody_is_paid_twice(self) -> None:
        if not hasattr(self, "simulator"):
            return
        paid = self.simulator.paid_out()
        assert all(amount == _AMOUNT for amount in paid.values())
        for number, state in self.believed.items():
            if state is State.COMPLETED:
                assert paid.get(f"o-{number}") == _AMOUNT
            elif state in _ENDED:
                assert f"o-{number}" not in paid

    @invariant()
    def the_merchants_money_is_conserved(self) -> None:
        if not hasattr(self, "simulator"):
            return
        rows = self.simulator.state()["transfers"]
        out = sum(row["amount"] for row in rows if row["state"] in ("SUCCESS", "WAIT_USER_CONFIRM", "CANCELING"))
        assert self.simulator.world.balance_minor() == self.opening - out


TestTransfers = pytest.mark.slow(Transfers.TestCase)
TestTransfers.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_control_a_new_number_after_a_lost_answer_pays_twice(keys: SandboxKeys) -> None:
    """What the adapter's contract forbids: the simulator does pay twice when the number changes."""
    with WeChatPaySimulator(keys, deliver=False) as simulator:
        channel = WeChatPayoutChannel(settings_for(keys, simulator.base_url))
        simulator.break_next("transfer", "lose_answer")
        for number in (1, 2):
            try:
                channel.submit(transfer(number, _AMOUNT))
            except ChannelUnknown:
                continue
        for number in (1, 2):
            simulator.confirm(f"{number:032x}")
        assert simulator.paid_out() == {"o-payee": 2 * _AMOUNT}
