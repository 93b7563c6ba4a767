"""A live simulator per test, its keys made once; and a small merchant that receives callbacks over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from banyan.adapters.simulators.wechat_pay import SandboxKeys, WeChatPaySimulator, generate
from banyan.adapters.simulators.wechat_pay.tests.receiving import Receiver, receiving
from banyan.adapters.wechat_pay import WeChatPaymentChannel, WeChatPayoutChannel, WeChatPaySettings
from banyan.adapters.wechat_pay.client import Client


@pytest.fixture(scope="session")
def keys() -> SandboxKeys:
    return generate()


@pytest.fixture(scope="session")
def other_keys(keys: SandboxKeys) -> SandboxKeys:
    return generate(keys.mchid)


def settings_for(keys: SandboxKeys, base_url: str, read_seconds: float = 1.0) -> WeChatPaySettings:
    return WeChatPaySettings(
        mchid=keys.mchid,
        appid=keys.appid,
        merchant_serial=keys.merchant_serial,
        private_key=keys.merchant_private_key,
        apiv3_key=keys.apiv3_key,
        public_key_id=keys.public_key_id,
        public_key=keys.platform_public_key,
        base_url=base_url,
        read_seconds=read_seconds,
    )


@pytest.fixture
def simulator(keys: SandboxKeys) -> Iterator[WeChatPaySimulator]:
    with WeChatPaySimulator(keys, deliver=False) as running:
        yield running


@pytest.fixture
def settings(simulator: WeChatPaySimulator) -> WeChatPaySettings:
    return settings_for(simulator.keys, simulator.base_url)


@pytest.fixture
def collect(settings: WeChatPaySettings) -> WeChatPaymentChannel:
    return WeChatPaymentChannel(settings, Client(settings))


@pytest.fixture
def payout(settings: WeChatPaySettings) -> WeChatPayoutChannel:
    return WeChatPayoutChannel(settings, Client(settings))


@pytest.fixture
def merchant() -> Iterator[Receiver]:
    with receiving() as one:
        yield one
