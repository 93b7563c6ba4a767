"""Merchant transfers over real HTTP: waiting for the payee, 24 hours, same-number retry, cancellation."""

from __future__ import annotations

from datetime import timedelta

import pytest

from banyan.adapters.simulators.wechat_pay import WeChatPaySimulator
from banyan.adapters.wechat_pay import WeChatPayoutChannel
from banyan.kernel import clock
from banyan.treasury.payments.types import ChannelError, ChannelUnknown
from banyan.treasury.payouts.types import ChannelPayoutState

from .orders import transfer

NUMBER = f"{1:032x}"


def test_a_transfer_waits_for_the_payee_and_then_completes(simulator: WeChatPaySimulator, payout: WeChatPayoutChannel) -> None:
    waiting = payout.submit(transfer())
    assert waiting.state is ChannelPayoutState.AWAITING_CONFIRMATION and waiting.confirm_package
    assert simulator.paid_out() == {}
    simulator.confirm(NUMBER)
    done = payout.query(NUMBER)
    assert (done.state, done.amount_minor, done.reference) == (ChannelPayoutState.COMPLETED, 5_000, waiting.reference)
    assert simulator.paid_out() == {"o-payee": 5_000}


def test_the_same_number_is_one_transfer_and_gives_the_package_again(
    simulator: WeChatPaySimulator, payout: WeChatPayoutChannel
) -> None:
    first, again = payout.submit(transfer()), payout.submit(transfer())
    assert (first.reference, first.confirm_package) == (again.reference, again.confirm_package)
    assert len(simulator.state()["transfers"]) == 1


def test_the_same_number_with_other_parameters_leaves_it_open(payout: WeChatPayoutChannel) -> None:
    """A bill of this number lives at the platform, so it would be wrong to say that nothing will be paid."""
    payout.submit(transfer())
    with pytest.raises(ChannelUnknown, match="ALREADY_EXISTS"):
        payout.submit(transfer(amount_minor=6_000))
    assert payout.query(NUMBER).amount_minor == 5_000


@pytest.mark.parametrize("effect", ["lose_answer", "lose_request", "garbage", "bad_signature", "stale"])
def test_a_lost_answer_is_unknown_and_asking_by_our_number_tells(
    effect: str, simulator: WeChatPaySimulator, payout: WeChatPayoutChannel
) -> None:
    simulator.break_next("transfer", effect)
    with pytest.raises(ChannelUnknown):
        payout.submit(transfer())
    lost_before_work = effect == "lose_request"
    found = payout.query(NUMBER).state
    assert found is (ChannelPayoutState.NOT_FOUND if lost_before_work else ChannelPayoutState.AWAITING_CONFIRMATION)
    payout.submit(transfer())
    simulator.confirm(NUMBER)
    assert simulator.paid_out() == {"o-payee": 5_000}


def test_unconfirmed_for_24_hours_is_expired_and_the_money_is_back(
    simulator: WeChatPaySimulator, payout: WeChatPayoutChannel
) -> None:
    before = simulator.world.balance_minor()
    payout.submit(transfer())
    assert simulator.world.balance_minor() == before - 5_000
    start = clock.now()
    with clock.driven(start + timedelta(hours=23, minutes=59)):
        assert payout.query(NUMBER).state is ChannelPayoutState.AWAITING_CONFIRMATION
    with clock.driven(start + timedelta(hours=24, seconds=5)):
        expired = payout.query(NUMBER)
        assert (expired.state, expired.failure_code) == (ChannelPayoutState.EXPIRED, "OVERDUE_CLOSE")
        with pytest.raises(Exception, match="INVALID_REQUEST"):
            simulator.confirm(NUMBER)
    assert simulator.world.balance_minor() == before


def test_cancel_takes_back_what_nobody_confirmed(simulator: WeChatPaySimulator, payout: WeChatPayoutChannel) -> None:
    payout.submit(transfer())
    assert payout.cancel(NUMBER).state is ChannelPayoutState.CANCELLED
    with pytest.raises(Exception, match="INVALID_REQUEST"):
        simulator.confirm(NUMBER)
    assert payout.cancel(NUMBER).state is ChannelPayoutState.CANCELLED


def test_cancel_comes_too_late_after_the_confirmation(simulator: WeChatPaySimulator, payout: WeChatPayoutChannel) -> None:
    payout.submit(transfer())
    simulator.confirm(NUMBER)
    assert payout.cancel(NUMBER).state is ChannelPayoutState.COMPLETED
    assert payout.cancel(f"{7:032x}").state is ChannelPayoutState.NOT_FOUND


def test_a_refused_payee_is_failed_with_the_platforms_code(simulator: WeChatPaySimulator, payout: WeChatPayoutChannel) -> None:
    payout.submit(transfer())
    simulator.reject(NUMBER, "DAY_RECEIVED_QUOTA_EXCEED")
    failed = payout.query(NUMBER)
    assert (failed.state, failed.failure_code) == (ChannelPayoutState.FAILED, "DAY_RECEIVED_QUOTA_EXCEED")
    assert payout.submit(transfer()).state is ChannelPayoutState.FAILED  # the same number stays what it became


def test_the_name_travels_encrypted_and_is_checked(simulator: WeChatPaySimulator, payout: WeChatPayoutChannel) -> None:
    simulator.register_name("o-payee", "李雷")
    wrong = payout.submit(transfer(1, name="韩梅梅"))
    assert (wrong.state, wrong.failure_code) == (ChannelPayoutState.FAILED, "NAME_NOT_CORRECT")
    right = payout.submit(transfer(2, amount_minor=250_000, name="李雷"))
    assert right.state is ChannelPayoutState.AWAITING_CONFIRMATION
    assert "李雷" not in repr(simulator.state())


@pytest.mark.parametrize(
    ("amount_minor", "account", "code"),
    [(200_000, "o-payee", "name_required"), (9, "o-payee", "amount_too_small"), (500, "", "account_required")],
)
def test_what_the_platform_cannot_pay_is_refused_before_a_call(
    amount_minor: int, account: str, code: str, simulator: WeChatPaySimulator, payout: WeChatPayoutChannel
) -> None:
    with pytest.raises(ChannelError) as refusal:
        payout.submit(transfer(amount_minor=amount_minor, account=account))
    assert (refusal.value.permanent, refusal.value.code) == (True, code)
    assert not simulator.requests


def test_an_empty_merchant_account_is_a_passing_error(simulator: WeChatPaySimulator, payout: WeChatPayoutChannel) -> None:
    simulator.set_habits(opening_balance_minor=4_999)
    with pytest.raises(ChannelError) as refusal:
        payout.submit(transfer())
    assert (refusal.value.permanent, refusal.value.code) == (False, "NOT_ENOUGH")
    simulator.set_habits(opening_balance_minor=5_000)
    assert payout.submit(transfer()).state is ChannelPayoutState.AWAITING_CONFIRMATION
