"""Collecting over real HTTP: idempotency under our number, states, refunds, and every way a call can end."""

from __future__ import annotations

import base64
import dataclasses
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from banyan.adapters.simulators.wechat_pay import WeChatPaySimulator
from banyan.adapters.wechat_pay import WeChatPaymentChannel, WeChatPaySettings
from banyan.kernel import clock
from banyan.treasury.payments.types import ChannelError, ChannelPaymentState, ChannelRefundState, ChannelUnknown

from .conftest import settings_for
from .orders import payment, refund


def test_the_client_parameters_of_a_jsapi_order_carry_our_signature(
    simulator: WeChatPaySimulator, collect: WeChatPaymentChannel
) -> None:
    values = collect.open(payment()).values
    text = "\n".join([values["appId"], values["timeStamp"], values["nonceStr"], values["package"]]) + "\n"
    public = load_pem_private_key(simulator.keys.merchant_private_key.encode(), None).public_key()
    public.verify(base64.b64decode(values["paySign"]), text.encode(), PKCS1v15(), SHA256())  # type: ignore[union-attr, call-arg, arg-type]
    assert values["package"].startswith("prepay_id=wx")


def test_without_an_openid_the_order_is_native(collect: WeChatPaymentChannel) -> None:
    assert collect.open(payment(payer="")).values["code_url"].startswith("weixin://wxpay/")


def test_the_same_number_opens_once_and_other_parameters_are_refused(
    simulator: WeChatPaySimulator, collect: WeChatPaymentChannel
) -> None:
    first, again = collect.open(payment()), collect.open(payment())
    assert first.values["package"] == again.values["package"]
    with pytest.raises(ChannelError) as refusal:
        collect.open(payment(amount_minor=999))
    assert (refusal.value.permanent, refusal.value.code) == (True, "OUT_TRADE_NO_USED")
    assert len(simulator.state()["orders"]) == 1


def test_query_tells_pending_captured_closed_and_not_found(simulator: WeChatPaySimulator, collect: WeChatPaymentChannel) -> None:
    one, two = payment(1), payment(2)
    collect.open(one)
    collect.open(two)
    simulator.pay(one.out_trade_no)
    collect.close(two.out_trade_no)
    collect.close(two.out_trade_no)
    captured = collect.query(one.out_trade_no)
    assert (captured.state, captured.amount_minor, captured.currency) == (ChannelPaymentState.CAPTURED, 12_345, "CNY")
    assert captured.transaction_id and captured.captured_at and abs(clock.now() - captured.captured_at) < timedelta(seconds=5)
    assert collect.query(two.out_trade_no).state is ChannelPaymentState.CLOSED
    assert collect.query(payment(3).out_trade_no).state is ChannelPaymentState.NOT_FOUND


def test_a_paid_order_cannot_be_closed_and_an_unknown_one_is_as_good_as_closed(
    simulator: WeChatPaySimulator, collect: WeChatPaymentChannel
) -> None:
    collect.open(payment())
    simulator.pay(payment().out_trade_no)
    with pytest.raises(ChannelError) as refusal:
        collect.close(payment().out_trade_no)
    assert (refusal.value.permanent, refusal.value.code) == (True, "already_captured")
    collect.close(payment(9).out_trade_no)


def test_an_order_cannot_be_paid_after_its_expiry(simulator: WeChatPaySimulator, collect: WeChatPaymentChannel) -> None:
    collect.open(payment())
    with clock.driven(clock.now() + timedelta(hours=2)), pytest.raises(Exception, match="ORDER_CLOSED"):
        simulator.pay(payment().out_trade_no)


def test_foreign_currency_is_refused_before_any_call(simulator: WeChatPaySimulator, collect: WeChatPaymentChannel) -> None:
    with pytest.raises(ChannelError) as refusal:
        collect.open(payment(currency="GBP"))
    assert refusal.value.code == "unsupported_currency" and not simulator.requests


def test_one_refund_number_refunds_once_and_never_more_than_was_paid(
    simulator: WeChatPaySimulator, collect: WeChatPaymentChannel
) -> None:
    order = payment(amount_minor=1_000)
    collect.open(order)
    simulator.pay(order.out_trade_no)
    simulator.set_habits(refund_seconds=3600)
    first = collect.refund(refund(order, 1, 600))
    again = collect.refund(refund(order, 1, 600))
    assert first.state is ChannelRefundState.PENDING and first.reference == again.reference
    with pytest.raises(ChannelError) as refusal:
        collect.refund(refund(order, 2, 401))
    assert refusal.value.permanent
    collect.refund(refund(order, 3, 400))
    with clock.driven(clock.now() + timedelta(hours=2)):
        done = collect.query_refund(f"{1:032x}")
        assert (done.state, done.amount_minor) == (ChannelRefundState.COMPLETED, 600) and done.completed_at
        assert collect.query_refund(f"{2:032x}").state is ChannelRefundState.NOT_FOUND
        assert collect.query(order.out_trade_no).state is ChannelPaymentState.CAPTURED  # money came in, whatever went back


@pytest.mark.parametrize("state", ["ABNORMAL", "CLOSED"])
def test_a_refund_that_the_bank_refuses_is_failed(
    state: str, simulator: WeChatPaySimulator, collect: WeChatPaymentChannel
) -> None:
    collect.open(payment())
    simulator.pay(payment().out_trade_no)
    simulator.set_habits(refund_seconds=3600)
    collect.refund(refund(payment()))
    simulator.finish_refund(f"{1:032x}", state)
    failed = collect.query_refund(f"{1:032x}")
    assert (failed.state, failed.failure) == (ChannelRefundState.FAILED, state.lower())


# ── how a call can end badly ─────────────────────────────────────────────────────────────────────────────────────
UNKNOWN = [
    {"effect": "lose_answer"},
    {"effect": "lose_request"},
    {"effect": "hang", "seconds": 1.5},
    {"effect": "error", "status": 500, "code": "SYSTEM_ERROR"},
    {"effect": "error", "status": 502, "code": ""},
    {"effect": "error_after", "status": 503, "code": "SYSTEM_ERROR"},
    {"effect": "error", "status": 400, "code": "SOMETHING_NEW"},
    {"effect": "error", "status": 302, "code": "MOVED"},
    {"effect": "garbage"},
    {"effect": "bad_signature"},
    {"effect": "no_signature"},
    {"effect": "stale"},
]


@pytest.mark.parametrize("fault", UNKNOWN, ids=lambda fault: f"{fault['effect']}-{fault.get('status', '')}")
def test_what_leaves_it_open_is_unknown_and_the_same_number_mends_it(
    fault: dict[str, object], simulator: WeChatPaySimulator, collect: WeChatPaymentChannel
) -> None:
    simulator.faults.add(_fault("collect", fault))
    with pytest.raises(ChannelUnknown) as unknown:
        collect.open(payment())
    _shows_no_secret(str(unknown.value), simulator)
    assert collect.open(payment()).values["package"]
    assert len(simulator.state()["orders"]) == 1


@pytest.mark.parametrize(
    ("status", "code", "permanent"),
    [
        (400, "PARAM_ERROR", True),
        (403, "RULE_LIMIT", True),
        (429, "FREQUENCY_LIMITED", False),
        (429, "RATELIMIT_EXCEEDED", False),
        (403, "NOT_ENOUGH", False),
        (401, "SIGN_ERROR", False),
    ],
)
def test_definite_refusals_are_errors(
    status: int, code: str, permanent: bool, simulator: WeChatPaySimulator, collect: WeChatPaymentChannel
) -> None:
    simulator.break_next("collect", "error", status=status, code=code)
    with pytest.raises(ChannelError) as refusal:
        collect.open(payment())
    assert (refusal.value.permanent, refusal.value.code) == (permanent, code)
    _shows_no_secret(refusal.value.message, simulator)


def test_a_platform_that_cannot_be_reached_is_a_passing_error(settings: WeChatPaySettings) -> None:
    nobody = WeChatPaymentChannel(dataclasses.replace(settings, base_url="http://127.0.0.1:9"))
    with pytest.raises(ChannelError) as refusal:
        nobody.open(payment())
    assert (refusal.value.permanent, refusal.value.code) == (False, "unreachable")


def test_the_platform_refuses_a_merchant_with_a_wrong_key(simulator: WeChatPaySimulator, other_keys: object) -> None:
    settings = settings_for(simulator.keys, simulator.base_url)
    stranger = dataclasses.replace(settings, private_key=other_keys.merchant_private_key)  # type: ignore[attr-defined]
    with pytest.raises(ChannelError) as refusal:
        WeChatPaymentChannel(stranger).open(payment())
    assert refusal.value.code == "SIGN_ERROR"
    assert simulator.state()["orders"] == []


def test_settings_hide_their_keys_and_refuse_plain_http_to_the_world(settings: WeChatPaySettings) -> None:
    assert settings.apiv3_key not in repr(settings) and "BEGIN" not in repr(settings)
    with pytest.raises(ValueError, match="https"):
        dataclasses.replace(settings, base_url="http://pay.example.com")
    with pytest.raises(ValueError, match="apiv3_key"):
        dataclasses.replace(settings, apiv3_key="")


def _fault(operation: str, values: dict[str, object]) -> object:
    from banyan.adapters.simulators.wechat_pay import Fault

    return Fault(operation, **values)  # type: ignore[arg-type]


def _shows_no_secret(text: str, simulator: WeChatPaySimulator) -> None:
    for secret in (simulator.keys.apiv3_key, simulator.keys.merchant_serial, "o-buyer", "Authorization", "127.0.0.1"):
        assert secret not in text
