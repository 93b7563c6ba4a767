"""kill -9 of worker, web, database and the simulated channel at random points under load: nothing is lost, nothing is doubled,
verify is clean, and the channel paid out and refunded exactly what our books say.

FAULT_SEEDS says how many seeds (50), FAULT_SECONDS how long at most (40, so that CI stays short; 0: no limit). At least
eight seeds run. `make faults` runs all 50; a shorter run says how many were left out.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.operation.conftest import Installation, wait_for
from tests.races import office
from tests.template import copy_migrated_home

pytestmark = pytest.mark.slow

SEEDS = int(os.environ.get("FAULT_SEEDS", "50"))
SECONDS = float(os.environ.get("FAULT_SECONDS", "40"))
FEWEST = 8
ORDERS = 36
THREADS = 3
LOAD = str(Path(__file__).with_name("load.py"))
VICTIMS = ("worker", "web", "postgres", "web child", "database backend", "simulator")


class Client:
    """The load process."""

    def __init__(self, installation: Installation, shop: str) -> None:
        self.log = open(installation.home.parent / "load.log", "w")  # noqa: SIM115 open as long as the process
        services = installation.services()
        channel = {"BANYAN_WECHAT_SANDBOX_URL": services["simulator_url"], "BANYAN_PUBLIC_URL": services["web_url"]}
        self.process = subprocess.Popen(
            [sys.executable, LOAD, shop], env=installation.environment | channel, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, cwd="/",
        )  # fmt: skip
        assert "ready" in self._answer()

    def ask(self, **request: Any) -> dict[str, Any]:
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        assert line, Path(self.log.name).read_text()[-3000:]
        return json.loads(line)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(30)
        self.log.close()


@pytest.fixture(scope="module")
def empty_installation() -> Iterator[Installation]:
    with tempfile.TemporaryDirectory(prefix="banyan-faults-") as folder:
        Path(folder).chmod(0o755)
        copy_migrated_home(Path(folder) / "home")
        yield Installation(Path(folder) / "home", Path(folder) / "up.out")


@pytest.fixture(scope="module")
def shop(empty_installation: Installation) -> str:
    """Founded while nothing runs yet."""
    done = subprocess.run(
        [sys.executable, LOAD, "found"], env=empty_installation.environment, text=True, capture_output=True, cwd="/", check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def installation(empty_installation: Installation, shop: str) -> Iterator[Installation]:
    made = empty_installation
    made.up("--port", "18180", "--simulator")
    yield made
    if made.process is not None:
        made.stop()


@pytest.fixture(scope="module")
def client(installation: Installation, shop: str) -> Iterator[Client]:
    made = Client(installation, shop)
    yield made
    made.close()


def _children_of(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _is_backend(pid: int) -> bool:
    try:
        return b"banyan_app" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _victim(installation: Installation, name: str, chance: random.Random) -> int:
    """The process to kill, 0 when there is none at this moment (it was just killed)."""
    if name == "web child":
        found = _children_of(installation.child("web"))
    elif name == "database backend":
        found = [pid for pid in _children_of(installation.child("postgres")) if _is_backend(pid)]
    else:
        found = [installation.child(name)]
    found = [pid for pid in found if pid > 1]
    return chance.choice(found) if found else 0


def _kill_at_random(installation: Installation, chance: random.Random, done: threading.Event, killed: list[str]) -> None:
    for _ in range(chance.randint(1, 3)):
        if done.wait(chance.uniform(0.02, 0.6)):
            return
        name = chance.choice(VICTIMS)
        pid = _victim(installation, name, chance)
        if pid:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            killed.append(name)


def _one_seed(installation: Installation, client: Client, seed: int, before: int) -> tuple[list[str], int]:
    """Load with killing, then the proof. Returns who was killed and how often clients had to ask again."""
    chance = random.Random(seed)
    wait_for(installation.healthy, 60)
    prefix = f"seed{seed}"
    done = threading.Event()
    killed: list[str] = []
    killer = threading.Thread(target=_kill_at_random, args=(installation, chance, done, killed))
    killer.start()
    answer = client.ask(do="load", prefix=prefix, count=ORDERS, threads=THREADS)
    done.set()
    killer.join()
    told = f"seed {seed}, killed {killed}\n{installation.said()[-2000:]}"
    assert answer["failures"] == [], told
    assert answer["bought"] == ORDERS, told

    state = client.ask(do="settle", prefix=prefix, count=ORDERS)
    assert state["findings"] == [], told
    assert state["set_aside"] == [], told
    assert state["orders"] == state["paid"] == state["captured"] == state["rewarded"] == ORDERS, (state, told)
    assert state["captured_minor"] == state["total_minor"], told
    assert state["all_orders"] == before + ORDERS, f"an order that nobody asked for: {told}"
    assert installation.process.poll() is None, told
    return killed, answer["again"]


def _money_went_out_once(client: Client, installation: Installation) -> None:
    """Our books and the channel's, bill by bill: what we count as paid arrived, and nothing arrived besides."""
    state = client.ask(do="close")
    ours, theirs = state["ours"], state["theirs"]
    assert ours["open"] == [], f"{ours['open']}\n{(installation.home / 'logs/worker.log').read_text()[-6000:]}"
    assert ours["payouts"] == theirs["payouts"]
    assert ours["refunds"] == theirs["refunds"]
    assert len(ours["payouts"]) == office.SELLERS and ours["refunds"]
    assert sum(row[2] for row in ours["statements"] if row[0] == "paid") == sum(amount for _, amount, _ in ours["payouts"])
    assert state["findings"] == []
    assert state["set_aside"] == []


def test_nothing_is_lost_or_doubled(installation: Installation, client: Client, not_run: list[str]) -> None:
    began = time.monotonic()
    kills: list[str] = []
    asked_again = seeds = 0
    for seed in range(SEEDS):
        if SECONDS and seeds >= FEWEST and time.monotonic() - began > SECONDS:
            break
        killed, again = _one_seed(installation, client, seed, seeds * ORDERS)
        kills += killed
        asked_again += again
        seeds += 1
    if seeds < SEEDS:
        not_run.append(f"{SEEDS - seeds} of {SEEDS} seeds of kill -9 ({SECONDS:.0f} s were over): make faults runs all")
    _money_went_out_once(client, installation)
    counted = {name: kills.count(name) for name in VICTIMS}
    print(f"\n{seeds} seeds, {seeds * ORDERS} orders, kills {counted}, asked again {asked_again} times")
    # Otherwise the seeds prove nothing: every kind of process died at some time, and clients noticed.
    assert all(counted.values()) or seeds < FEWEST, counted
    assert asked_again > 0 or seeds < FEWEST
    wait_for(installation.healthy, 60)
    stopping = time.monotonic()
    assert installation.stop() == 0
    assert time.monotonic() - stopping < 60
