"""After `make demo` the river flows: the channel's other side runs as one more child, and only when it is asked for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import Installation, alive, wait_for

pytestmark = pytest.mark.slow


class Counter:
    """A shop in the installation, asked over the API, and the simulator's own verbs."""

    def __init__(self, installation: Installation) -> None:
        """Found it, while nothing runs yet."""
        self.installation = installation
        founded = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("counter_shop.py"))], env=installation.environment, text=True,
            capture_output=True, cwd="/", timeout=120, check=False,
        )  # fmt: skip
        assert founded.returncode == 0, founded.stderr[-3000:]
        self.shop = json.loads(founded.stdout)

    def ask(self, who: str, method: str, path: str, body: Any = None) -> Any:
        """One request to the API."""
        headers = {"Authorization": f"Bearer {self.shop['tokens'][who]}", "Idempotency-Key": uuid.uuid4().hex}
        return _call(f"{self.installation.services()['web_url']}/api/v1{path}", method, body, headers)

    def verb(self, name: str, body: Any = None) -> Any:
        """One of the simulator's verbs."""
        return _call(f"{self.installation.services()['simulator_url']}/_sim/{name}", "POST", body, {})


def _call(url: str, method: str, body: Any, headers: dict[str, str]) -> Any:
    words = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, words, headers | {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{method} {url}: {error.code} {error.read().decode()[:500]}") from None


def test_after_the_demo_orders_are_paid_and_approved_statements_paid_out(make_installation: Callable[..., Installation]) -> None:
    demo = make_installation(migrated=True)
    counter = Counter(demo)
    # What `make demo` leaves running, with a very small world behind it.
    demo.begin("demo", "--distributors", "6", "--days", "3", "--orders-per-day", "4", "--port", "18080")
    assert set(demo.services()["children"]) == {"postgres", "valkey", "simulator", "worker", "web"}

    placed = counter.ask("buyer", "POST", "/orders", {"lines": [{"sku_id": counter.shop["sku"], "quantity": 1}]})
    payment_id = counter.ask("buyer", "POST", f"/orders/{placed['id']}/payment", {"channel": "wechat_pay"})["payment_id"]
    shown = counter.ask("buyer", "POST", f"/payments/{payment_id}/open", {"payer": "openid-zhou"})
    assert shown["values"]
    number = counter.ask("buyer", "GET", f"/payments/{payment_id}")["out_trade_no"]

    # Killed between opening and paying: it comes back at its address and knows the payment.
    address, before = demo.services()["simulator_url"], demo.child("simulator")
    assert address.startswith("http://127.0.0.1:")
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: demo.child("simulator") not in (0, before))
    assert demo.services()["simulator_url"] == address
    wait_for(lambda: _answers(counter))
    counter.verb("pay", {"out_trade_no": number})
    wait_for(lambda: counter.ask("buyer", "GET", f"/orders/{placed['id']}")["state"] == "paid", 30)

    review = {"decision": "approve", "expected_minor": counter.shop["amount_minor"]}
    counter.ask("finance", "POST", f"/settlements/statements/{counter.shop['statement']}/review", review)
    wait_for(lambda: [one["state"] for one in counter.ask("finance", "GET", "/payouts")["items"]] == ["completed"], 60)
    statement = f"/settlements/statements/{counter.shop['statement']}"
    wait_for(lambda: counter.ask("finance", "GET", statement)["status"] == "paid", 30)  # it hears of it from the payout
    assert [bill["state"] for bill in counter.verb("state")["transfers"] if bill["openid"] == "openid-lin"] == ["SUCCESS"]

    children = list(demo.services()["children"].values())
    assert demo.stop() == 0
    assert not any(alive(pid) for pid in children)
    assert demo.run("verify").returncode == 0


def _answers(counter: Counter) -> bool:
    try:
        return bool(counter.verb("state"))
    except OSError:
        return False


@pytest.mark.parametrize("command", ["up", "demo"])
def test_play_money_never_runs_beside_a_real_merchant(make_installation: Callable[..., Installation], command: str) -> None:
    installation = make_installation()
    installation.environment["BANYAN_WECHAT_MCHID"] = "1900000109"
    answer = installation.run(command, *(["--simulator"] if command == "up" else []))
    assert answer.returncode == 1
    assert "BANYAN_WECHAT_MCHID" in answer.stderr
    assert "1900000109" not in answer.stderr
    assert not installation.home.exists(), "nothing was started"
