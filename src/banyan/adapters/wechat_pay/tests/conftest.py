"""A live simulator per test, its keys made once; and a small merchant that receives callbacks over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from banyan.adapters.simulators.wechat_pay import SandboxKeys, WeChatPaySimulator, generate
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


@dataclass
class Merchant:
    """Keeps what was posted to it and answers with the next of ``answers`` (then 204)."""

    url: str = ""
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)


@pytest.fixture
def merchant() -> Iterator[Merchant]:
    me = Merchant()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            me.received.append((dict(self.headers), body))
            self.send_response(me.answers.pop(0) if me.answers else 204)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    me.url = f"http://127.0.0.1:{server.server_address[1]}/notify"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield me
    server.shutdown()
    server.server_close()
    thread.join()
