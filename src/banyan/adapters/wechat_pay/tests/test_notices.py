"""Callbacks: real ones are read, and nothing else is believed."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from banyan.adapters.simulators.wechat_pay import SandboxKeys, WeChatPaySimulator
from banyan.adapters.simulators.wechat_pay.protocol import Platform
from banyan.adapters.simulators.wechat_pay.tests.receiving import Receiver
from banyan.adapters.wechat_pay import WeChatPaymentChannel, WeChatPayoutChannel
from banyan.kernel import clock
from banyan.treasury.payments.types import CaptureNotice, ChannelRejected, RefundNotice, RefundNoticeState
from banyan.treasury.payouts.types import ChannelPayoutState

from .orders import payment, refund, transfer


def _one(simulator: WeChatPaySimulator, merchant: Receiver) -> tuple[dict[str, str], bytes]:
    assert simulator.deliver_due() == 1
    return merchant.received[-1]


def _paid(simulator: WeChatPaySimulator, collect: WeChatPaymentChannel, merchant: Receiver) -> tuple[dict[str, str], bytes]:
    collect.open(payment(url=merchant.url))
    simulator.pay(payment().out_trade_no)
    return _one(simulator, merchant)


def test_a_capture_is_read(simulator: WeChatPaySimulator, collect: WeChatPaymentChannel, merchant: Receiver) -> None:
    notice = collect.parse_notice(*_paid(simulator, collect, merchant))
    assert isinstance(notice, CaptureNotice)
    assert (notice.channel, notice.out_trade_no, notice.amount_minor) == ("wechat_pay", payment().out_trade_no, 12_345)
    assert notice.transaction_id == collect.query(payment().out_trade_no).transaction_id


def test_header_names_may_come_in_any_spelling(
    simulator: WeChatPaySimulator, collect: WeChatPaymentChannel, merchant: Receiver
) -> None:
    headers, body = _paid(simulator, collect, merchant)
    for spelling in (str.lower, str.upper, lambda name: "HTTP_" + name.upper().replace("-", "_")):
        collect.parse_notice({spelling(name): value for name, value in headers.items()}, body)


@pytest.mark.parametrize("state", ["SUCCESS", "ABNORMAL", "CLOSED"])
def test_a_refund_is_read(state: str, simulator: WeChatPaySimulator, collect: WeChatPaymentChannel, merchant: Receiver) -> None:
    collect.open(payment())
    simulator.set_policy(drop=True)
    simulator.pay(payment().out_trade_no)
    simulator.set_policy()
    simulator.set_habits(refund_seconds=3600)
    collect.refund(refund(payment(), url=merchant.url))
    simulator.finish_refund(f"{1:032x}", state)
    notice = collect.parse_notice(*_one(simulator, merchant))
    assert isinstance(notice, RefundNotice) and notice.amount_minor == 345
    assert notice.state is (RefundNoticeState.COMPLETED if state == "SUCCESS" else RefundNoticeState.FAILED)


@pytest.mark.parametrize(
    ("end", "state"),
    [
        ("confirm", ChannelPayoutState.COMPLETED),
        ("reject", ChannelPayoutState.FAILED),
        ("expire", ChannelPayoutState.EXPIRED),
        ("cancel", ChannelPayoutState.CANCELLED),
    ],
)
def test_a_transfer_is_read(
    end: str, state: ChannelPayoutState, simulator: WeChatPaySimulator, payout: WeChatPayoutChannel, merchant: Receiver
) -> None:
    payout.submit(transfer(url=merchant.url))
    if end == "cancel":
        payout.cancel(f"{1:032x}")
    else:
        getattr(simulator, end)(f"{1:032x}")
    notice = payout.parse_notice(*_one(simulator, merchant))
    assert (notice.state, notice.out_bill_no, notice.amount_minor) == (state, f"{1:032x}", 5_000)


# ── what is not believed ─────────────────────────────────────────────────────────────────────────────────────────
def _code(channel: WeChatPaymentChannel | WeChatPayoutChannel, headers: dict[str, str], body: bytes) -> str:
    with pytest.raises(ChannelRejected) as rejection:
        channel.parse_notice(headers, body)
    return rejection.value.code


def test_any_changed_byte_is_refused(simulator: WeChatPaySimulator, collect: WeChatPaymentChannel, merchant: Receiver) -> None:
    headers, body = _paid(simulator, collect, merchant)
    for position in range(0, len(body), 7):
        changed = bytearray(body)
        changed[position] ^= 1
        assert _code(collect, headers, bytes(changed)) in ("bad_signature", "malformed")
    assert _code(collect, headers, body + b" ") == "bad_signature"


@pytest.mark.parametrize("name", ["Signature", "Timestamp", "Nonce", "Serial", "Signature-Type"])
def test_a_missing_or_changed_header_is_refused_without_calling_out(
    name: str, simulator: WeChatPaySimulator, collect: WeChatPaymentChannel, merchant: Receiver
) -> None:
    headers, body = _paid(simulator, collect, merchant)
    calls = dict(simulator.requests)
    without = {key: value for key, value in headers.items() if key != f"Wechatpay-{name}"}
    assert _code(collect, without, body) == "bad_signature"
    for value in ("", "0", "5F2B", "é", "not base64!", "PUB_KEY_ID_0000"):
        assert _code(collect, without | {f"Wechatpay-{name}": value}, body) == "bad_signature"
    assert dict(simulator.requests) == calls


def test_a_replayed_old_notice_is_refused(
    simulator: WeChatPaySimulator, collect: WeChatPaymentChannel, merchant: Receiver
) -> None:
    headers, body = _paid(simulator, collect, merchant)
    at = clock.now()
    with clock.driven(at + timedelta(minutes=4)):
        collect.parse_notice(headers, body)
    for minutes in (6, -6, 24 * 60):
        with clock.driven(at + timedelta(minutes=minutes)):
            assert _code(collect, headers, body) == "stale_timestamp"


def _signed(platform: Platform, event_type: str, kind: str, resource: dict[str, Any]) -> tuple[dict[str, str], bytes]:
    body = platform.notification("EV-1", event_type, kind, clock.now(), resource)
    return platform.sign(body, clock.now()).as_dict(), body.encode()


def _resource(keys: SandboxKeys, **changes: Any) -> dict[str, Any]:
    return {
        "mchid": keys.mchid,
        "appid": keys.appid,
        "out_trade_no": "a" * 32,
        "transaction_id": "4200",
        "trade_state": "SUCCESS",
        "success_time": "2026-01-01T00:00:00+08:00",
        "amount": {"total": 1, "currency": "CNY"},
    } | changes


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"mchid": "1900000002"}, "wrong_merchant"),
        ({"mchid": None}, "wrong_merchant"),
        ({"appid": "wxother"}, "wrong_app"),
        ({"trade_state": "NOTPAY"}, "malformed"),
        ({"amount": {"total": "1"}}, "malformed"),
        ({"amount": {"total": True}}, "malformed"),
        ({"amount": {"total": -1}}, "malformed"),
        ({"amount": None}, "malformed"),
        ({"success_time": "yesterday"}, "malformed"),
        ({"success_time": "2026-01-01T00:00:00"}, "malformed"),
        ({"out_trade_no": ""}, "malformed"),
        ({"transaction_id": 7}, "malformed"),
    ],
)
def test_a_signed_notice_that_is_not_for_us_or_makes_no_sense_is_refused(
    changes: dict[str, Any], code: str, simulator: WeChatPaySimulator, collect: WeChatPaymentChannel
) -> None:
    platform, keys = simulator.world.platform, simulator.keys
    collect.parse_notice(*_signed(platform, "TRANSACTION.SUCCESS", "transaction", _resource(keys)))
    assert _code(collect, *_signed(platform, "TRANSACTION.SUCCESS", "transaction", _resource(keys, **changes))) == code


def test_notices_do_not_cross_over(
    simulator: WeChatPaySimulator, collect: WeChatPaymentChannel, payout: WeChatPayoutChannel
) -> None:
    platform, keys = simulator.world.platform, simulator.keys
    paid = _signed(platform, "TRANSACTION.SUCCESS", "transaction", _resource(keys, mch_id=keys.mchid))
    assert _code(payout, *paid) == "malformed"
    assert _code(collect, *_signed(platform, "MCHTRANSFER.BILL.FINISHED", "mch_payment", _resource(keys))) == "malformed"
    assert _code(collect, *_signed(platform, "REFUND.SUCCESS", "refund", _resource(keys, refund_status="CLOSED"))) == "malformed"


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"\xff\xfe", b'{"resource_type":"encrypt-resource","resource":7}'])
def test_signed_rubbish_is_refused(body: bytes, simulator: WeChatPaySimulator, collect: WeChatPaymentChannel) -> None:
    headers = simulator.world.platform.sign(body.decode("utf-8", "replace"), clock.now()).as_dict()
    assert _code(collect, headers, body) in ("malformed", "bad_signature")


def test_a_body_encrypted_with_another_key_is_refused(
    simulator: WeChatPaySimulator, collect: WeChatPaymentChannel, other_keys: SandboxKeys
) -> None:
    platform = simulator.world.platform
    body = Platform(other_keys).notification("EV-1", "TRANSACTION.SUCCESS", "transaction", clock.now(), _resource(simulator.keys))
    assert _code(collect, platform.sign(body, clock.now()).as_dict(), body.encode()) == "malformed"


def test_a_forged_notice_is_refused(simulator: WeChatPaySimulator, collect: WeChatPaymentChannel, merchant: Receiver) -> None:
    simulator.forge(merchant.url, "TRANSACTION.SUCCESS", "transaction", _resource(simulator.keys))
    headers, body = merchant.received[-1]
    assert _code(collect, headers, body) == "bad_signature"


def test_a_rejection_shows_nothing_of_the_notice(simulator: WeChatPaySimulator, collect: WeChatPaymentChannel) -> None:
    sent = _signed(simulator.world.platform, "TRANSACTION.SUCCESS", "transaction", _resource(simulator.keys, appid="wxsecret"))
    with pytest.raises(ChannelRejected) as rejection:
        collect.parse_notice(*sent)
    assert "wxsecret" not in str(rejection.value) and json.loads(sent[1])["id"] not in str(rejection.value)
