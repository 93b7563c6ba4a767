"""Stock 50 and a storm of buyers over HTTP, on one web process and on four, with Valkey and without, while Valkey or the database
is killed: exactly 50 are sold, and everybody is told the truth. With the guards off the same storm sells more.

STORM_BUYERS says how many buyers (150, so that CI stays short); `make faults` storms with 5,000.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from banyan.kernel.supervisor import places
from banyan.kernel.supervisor.programs import Web
from banyan.kernel.supervisor.valkey import ValkeyChild
from tests.operation.conftest import SOURCE, Installation, make_installation, wait_for
from tests.races import storm
from tests.races.test_stock import unchecked_table

pytestmark = pytest.mark.slow
unchecked, make_home = unchecked_table, make_installation
STOCK = 50
BUYERS = int(os.environ.get("STORM_BUYERS", "150"))
SECONDS = 120.0
RACES = Path(__file__).parent


def rush(port: int, shop: storm.Shop, at_half: Callable[[], None] = lambda: None) -> list[dict[str, Any]]:
    """What each buyer was told; ``at_half`` is called when half of them know."""
    with subprocess.Popen(
        [sys.executable, str(RACES / "rush.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        json.dump({"port": port, "sku": shop.sku, "tokens": shop.tokens, "seconds": SECONDS}, child.stdin)
        child.stdin.close()
        told = []
        for line in child.stdout:
            if line == "half\n":
                at_half()
            else:
                told.append(json.loads(line))
    assert child.returncode == 0
    return told


def told_the_truth(told: list[dict[str, Any]], left: storm.Left) -> None:
    """Exactly the stock is sold; whoever was told so has an order, nobody else has one, and everybody was told something."""
    assert len(told) == BUYERS
    promised = [one["order"] for one in told if one["status"] == 201]
    assert {(one["status"], one["code"]) for one in told if one["status"] != 201} == {(409, "out_of_stock")}
    assert sorted(promised) == sorted(left.orders)
    assert len(promised) == len(set(promised)) == STOCK
    assert (left.on_hand, left.reserved, left.findings) == (STOCK, STOCK, 0)


class Careless(Web):
    """The same server, running the shop without guards."""

    application = "unguarded:application"


@contextmanager
def serving(home: Path, workers: int, redis_url: str, kind: type[Web] = Web) -> Iterator[Web]:
    """Web processes on the session's database."""
    (home / "lookers").mkdir(exist_ok=True)
    environment = dict(os.environ, REDIS_URL=redis_url, PYTHONPATH=os.pathsep.join([str(SOURCE), str(RACES)]))
    environment["LOOKERS"] = str(home / "lookers")
    web = kind("127.0.0.1", 18_860, home=home, environment=environment, workers=workers)
    web.start()
    try:
        web.wait_until_it_answers()
        # One answers before the others listen, and a storm that came now would meet that one alone.
        wait_for(lambda: _listeners(web.port) == workers)
        yield web
    finally:
        web.stop()


def _listeners(port: int) -> int:
    """Sockets that listen on a port of ours: each web process has its own."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder for logs and for Valkey."""
    places.prepare(tmp_path)
    return tmp_path


@pytest.fixture
def shop(database: None) -> storm.Shop:
    return storm.found(STOCK, BUYERS, f"s{os.urandom(5).hex()}")


@pytest.mark.parametrize(("workers", "mirrored"), [(1, False), (4, True)])
def test_exactly_the_stock_is_sold_and_everybody_is_told_the_truth(
    shop: storm.Shop, home: Path, workers: int, mirrored: bool, not_run: list[str]
) -> None:
    if BUYERS < 5_000:
        not_run.append(f"storms of 5,000 buyers (here {BUYERS}), one and four web processes with and without Valkey: make faults")
    valkey = ValkeyChild(home)
    valkey.start()
    try:
        with serving(home, workers, valkey.url if mirrored else "") as web:
            told = rush(web.port, shop)
            told_the_truth(told, storm.look(shop))
            # Asked again under the same keys, everybody hears the same, though all is sold and the mirror knows it.
            again = rush(web.port, shop)
        assert [(one["status"], one["order"]) for one in again] == [(one["status"], one["order"]) for one in told]
        told_the_truth(again, storm.look(shop))
    finally:
        valkey.stop()


@pytest.mark.skipif(BUYERS < 5_000, reason="the other half of the full storm: make faults")
@pytest.mark.parametrize(("workers", "mirrored"), [(1, True), (4, False)])
def test_the_other_half_of_the_full_storm(shop: storm.Shop, home: Path, workers: int, mirrored: bool, not_run: list[str]) -> None:
    test_exactly_the_stock_is_sold_and_everybody_is_told_the_truth(shop, home, workers, mirrored, not_run)


@pytest.mark.parametrize(
    "blow", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.skipif(BUYERS < 5_000, reason="make faults"))]
)
def test_valkey_is_killed_or_stands_still_midway(shop: storm.Shop, home: Path, blow: signal.Signals) -> None:
    valkey = ValkeyChild(home)
    valkey.start()
    try:
        with serving(home, 2, valkey.url) as web:
            told = rush(web.port, shop, at_half=lambda: os.kill(valkey.pid, blow))
        told_the_truth(told, storm.look(shop))
    finally:
        if valkey.pid:
            os.kill(valkey.pid, signal.SIGCONT)
        valkey.stop()


def test_the_web_is_stopped_midway_and_started_again(shop: storm.Shop, home: Path) -> None:
    """Who was let in is served before it ends; whoever heard nothing asks again and hears what became of him."""
    with serving(home, 2, "") as web:
        told = rush(web.port, shop, at_half=lambda: (web.stop(), web.start()))
    told_the_truth(told, storm.look(shop))


def test_the_database_is_killed_midway(make_home: Callable[..., Installation]) -> None:
    """And the web's answers that were lost with it are asked for again."""
    installation = make_home(migrated=True)
    installation.environment["BANYAN_WEB_WORKERS"] = "2"
    installation.up("--port", "18870")
    founded = _beside(installation, "found", str(STOCK), str(BUYERS))
    shop = storm.Shop(**founded)
    port = int(installation.services()["web_url"].rpartition(":")[2])  # type: ignore[index]
    told = rush(port, shop, at_half=lambda: os.kill(installation.child("postgres"), signal.SIGKILL))
    wait_for(installation.connects)  # whoever was told that all is sold may have been told so without the database
    told_the_truth(told, storm.Left(**_beside(installation, "look", given=json.dumps(asdict(shop)))))


def _beside(installation: Installation, *words: str, given: str = "") -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(RACES / "storm.py"), *words], env=installation.environment, input=given, text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_without_the_guards_more_is_sold(shop: storm.Shop, home: Path, unchecked: None) -> None:
    """The negative control: the same storm, but no lock, no condition and no CHECK."""
    with serving(home, 4, "", Careless) as web:
        told = rush(web.port, shop)
    assert sum(one["status"] == 201 for one in told) > STOCK
    assert storm.look(shop).reserved > STOCK
