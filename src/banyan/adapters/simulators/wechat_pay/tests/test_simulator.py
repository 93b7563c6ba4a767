"""The simulator itself: callbacks with all their misbehavior, bills, the admin verbs, a process of its own."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from banyan.adapters.simulators.wechat_pay import SandboxKeys, WeChatPaySimulator, generate, load_or_create
from banyan.adapters.wechat_pay import BillKind, WeChatPayBills, WeChatPaymentChannel, WeChatPayoutChannel, WeChatPaySettings
from banyan.kernel import clock
from banyan.treasury.payments.types import CaptureNotice, ChannelError, PaymentOrder, RefundOrder
from banyan.treasury.payouts.types import PayoutOrder

from .receiving import Receiver, receiving


@pytest.fixture(scope="module")
def keys() -> SandboxKeys:
    return generate()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture
def simulator(keys: SandboxKeys) -> Iterator[WeChatPaySimulator]:
    with WeChatPaySimulator(keys, deliver=False) as one:
        yield one


def _settings(keys: SandboxKeys, base_url: str) -> WeChatPaySettings:
    return WeChatPaySettings(
        keys.mchid, keys.appid, keys.merchant_serial, keys.merchant_private_key, keys.apiv3_key, keys.public_key_id,
        keys.platform_public_key, base_url=base_url,
    )  # fmt: skip


def _order(number: int, url: str, amount_minor: int = 1_000) -> PaymentOrder:
    return PaymentOrder(f"{number:032x}", amount_minor, "CNY", "茶", url, clock.now() + timedelta(hours=1), "o-buyer")


@pytest.fixture
def collect(simulator: WeChatPaySimulator) -> WeChatPaymentChannel:
    return WeChatPaymentChannel(_settings(simulator.keys, simulator.base_url))


def _numbers(receiver: Receiver, collect: WeChatPaymentChannel) -> list[str]:
    notices = [collect.parse_notice(headers, body) for headers, body in receiver.received]
    return [notice.out_trade_no for notice in notices if isinstance(notice, CaptureNotice)]


def test_a_callback_is_repeated_by_the_published_pauses_until_it_is_taken(
    simulator: WeChatPaySimulator, collect: WeChatPaymentChannel, receiver: Receiver
) -> None:
    receiver.answers = [500, 302]
    start = clock.now()
    with clock.driven(start):
        collect.open(_order(1, receiver.url))
        simulator.pay(f"{1:032x}")
        assert simulator.deliver_due() == 1
        assert simulator.deliver_due() == 0
    for seconds, attempts in ((14, 0), (16, 1), (40, 1), (41, 0), (86_400, 0)):
        with clock.driven(start + timedelta(seconds=seconds)):
            assert simulator.deliver_due() == attempts
    bodies = [body for _, body in receiver.received]
    assert len(bodies) == 3
    ids = {body.split(b'"id":"')[1].split(b'"')[0] for body in bodies}
    assert len(ids) == 1  # one notification, three attempts
    assert simulator.state()["callbacks"][0]["state"] == "delivered"


def test_callbacks_repeat_shuffle_wait_and_vanish_on_order(
    simulator: WeChatPaySimulator, collect: WeChatPaymentChannel, receiver: Receiver
) -> None:
    for number in range(20):
        collect.open(_order(number, receiver.url))
    simulator.set_policy(repeat=3, shuffle=True)
    for number in range(19):
        simulator.pay(f"{number:032x}")
    assert simulator.deliver_due() == 57
    got = _numbers(receiver, collect)
    assert got != sorted(got) and sorted(got) == sorted(f"{number:032x}" for number in range(19) for _ in range(3))
    receiver.received.clear()
    simulator.set_policy(drop=True)
    simulator.pay(f"{19:032x}")
    assert simulator.deliver_due() == 0


def test_a_delayed_callback_waits_for_its_time(
    simulator: WeChatPaySimulator, collect: WeChatPaymentChannel, receiver: Receiver
) -> None:
    simulator.set_policy(delay_seconds=600)
    collect.open(_order(1, receiver.url))
    simulator.pay(f"{1:032x}")
    assert simulator.deliver_due() == 0
    with clock.driven(clock.now() + timedelta(seconds=601)):
        assert simulator.deliver_due() == 1
        assert _numbers(receiver, collect) == [f"{1:032x}"]  # signed when sent, so it is fresh


def test_the_delivering_thread_needs_no_push(keys: SandboxKeys, receiver: Receiver) -> None:
    with WeChatPaySimulator(keys) as simulator:
        simulator.set_habits(pay_at_once=True)
        WeChatPaymentChannel(_settings(keys, simulator.base_url)).open(_order(1, receiver.url))
        deadline = time.monotonic() + 10
        while not receiver.received and time.monotonic() < deadline:
            time.sleep(0.01)
    assert len(receiver.received) == 1


# ── bills ────────────────────────────────────────────────────────────────────────────────────────────────────────
def _rows(text: str) -> tuple[list[dict[str, str]], dict[str, str]]:
    lines = list(csv.reader(io.StringIO(text)))
    header, details, summary_header, summary = lines[0], lines[1:-2], lines[-2], lines[-1]
    rows = [dict(zip(header, (field.removeprefix("`") for field in line), strict=True)) for line in details]
    return rows, dict(zip(summary_header, (field.removeprefix("`") for field in summary), strict=True))


def test_the_daily_bills_hold_what_happened_on_the_beijing_day(
    simulator: WeChatPaySimulator, collect: WeChatPaymentChannel, receiver: Receiver
) -> None:
    settings = _settings(simulator.keys, simulator.base_url)
    bills, payout = WeChatPayBills(settings), WeChatPayoutChannel(settings)
    opening = simulator.world.balance_minor()
    with clock.driven(datetime(2026, 3, 1, 15, 59, 30, tzinfo=UTC)):  # 23:59:30 in Beijing
        collect.open(_order(1, receiver.url, 10_000))
        simulator.pay(f"{1:032x}")
        collect.refund(RefundOrder("r1", f"{1:032x}", "", 2_500, 10_000, "CNY", "坏", receiver.url))
        payout.submit(PayoutOrder(f"{5:032x}", 700, "CNY", "o-x", "", "佣金", receiver.url))
        with pytest.raises(ChannelError, match="NO_STATEMENT_EXIST"):
            bills.download(BillKind.TRADE, date(2026, 3, 1))
    with clock.driven(datetime(2026, 3, 1, 16, 0, 0, tzinfo=UTC)):  # the next Beijing day
        collect.open(_order(2, receiver.url, 300))
        simulator.pay(f"{2:032x}")
        rows, summary = _rows(bills.download(BillKind.TRADE, date(2026, 3, 1)))
        flows, flow_summary = _rows(bills.download(BillKind.FUND_FLOW, date(2026, 3, 1)))
    with clock.driven(datetime(2026, 3, 2, 20, 0, tzinfo=UTC)):
        tomorrow, _ = _rows(bills.download(BillKind.TRADE, date(2026, 3, 2)))
    assert [(row["商户订单号"], row["交易状态"], row["订单金额"], row["退款金额"]) for row in rows] == [
        (f"{1:032x}", "SUCCESS", "100.00", "0.00"),
        (f"{1:032x}", "REFUND", "0.00", "25.00"),
    ]
    assert (summary["总交易单数"], summary["订单总金额"], summary["退款总金额"]) == ("2", "100.00", "25.00")
    assert [row["商户订单号"] for row in tomorrow] == [f"{2:032x}"]
    assert [(row["业务名称"], row["收支类型"], row["收支金额（元）"]) for row in flows] == [
        ("交易", "收入", "100.00"),
        ("扣除交易手续费", "支出", "0.60"),
        ("退款", "支出", "25.00"),
        ("商家转账", "支出", "7.00"),
    ]
    left = opening + 10_000 - 60 - 2_500 - 700
    assert flows[-1]["账户结余（元）"] == f"{left // 100}.{left % 100:02d}"
    assert flow_summary["支出金额"] == "32.60"


# ── steering over HTTP, and as a process ─────────────────────────────────────────────────────────────────────────
def test_the_admin_verbs_steer_and_refuse_in_words(simulator: WeChatPaySimulator, collect: WeChatPaymentChannel) -> None:
    admin = httpx.Client(base_url=f"{simulator.base_url}/_sim/", trust_env=False)
    collect.open(_order(1, "http://127.0.0.1:9/"))
    assert admin.post("pay", json={"out_trade_no": f"{1:032x}"}).status_code == 200
    assert admin.get("state").json()["orders"][0]["state"] == "SUCCESS"
    assert admin.post(
        "faults", json={"operation": "query", "effect": "error", "status": 429, "code": "RATELIMIT_EXCEEDED"}
    ).is_success
    with pytest.raises(ChannelError):
        collect.query(f"{1:032x}")
    for verb, body in (
        ("nonsense", {}),
        ("pay", {}),
        ("faults", {"operation": "x", "effect": "explode"}),
        ("clock", {"at": "soon"}),
    ):
        answer = admin.post(verb, json=body)
        assert answer.status_code in (400, 404) and answer.json()["message"]
    assert admin.post("pay", content=b"{").status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v3/nothing", None, 401),
        ("POST", "/v3/pay/transactions/jsapi", b"{}", 401),
        ("POST", "/_sim/pay", b"[]", 400),
        ("POST", "/v3/pay/transactions/jsapi", b"x" * (2 << 20), 413),
    ],
)
def test_strangers_get_the_platforms_refusals(
    method: str, path: str, body: bytes | None, status: int, simulator: WeChatPaySimulator
) -> None:
    answer = httpx.request(method, simulator.base_url + path, content=body, trust_env=False)
    assert answer.status_code == status and answer.json()["code"]


def test_a_process_of_its_own_keeps_its_state_in_a_file(tmp_path: Path) -> None:
    keys = load_or_create(tmp_path / "secrets")
    command = [sys.executable, "-m", "banyan.adapters.simulators.wechat_pay", "--port", "0"]
    command += ["--secrets", str(tmp_path / "secrets"), "--file", str(tmp_path / "sim.sqlite"), "--pay-at-once"]
    for round_number in (1, 2):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert keys.apiv3_key not in line
            collect = WeChatPaymentChannel(_settings(keys, line.split()[4]))
            if round_number == 1:
                collect.open(_order(1, "http://127.0.0.1:9/"))
            assert collect.query(f"{1:032x}").amount_minor == 1_000
        finally:
            process.terminate()
            assert process.wait(timeout=20) == 0


def test_500_payments_take_seconds(simulator: WeChatPaySimulator, collect: WeChatPaymentChannel, receiver: Receiver) -> None:
    simulator.set_habits(pay_at_once=True)
    begin = time.process_time()
    for number in range(500):
        collect.open(_order(number, receiver.url))
    assert simulator.deliver_due() == 500
    assert len(set(_numbers(receiver, collect))) == 500
    assert time.process_time() - begin < 15  # about 3 s of both sides' work; generous for a busy machine
