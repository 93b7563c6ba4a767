"""A whole installation in a folder of its own, driven from outside as an operator would."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.template import SOURCE, clean_environment, copy_migrated_home

__all__ = ["SOURCE", "Installation", "alive", "clean_environment", "wait_for"]


def wait_for(what: Callable[[], Any], seconds: float = 60.0) -> Any:
    """The first true answer of `what`; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = what()
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what}")


class Installation:
    """One home and the `banyan up` that runs on it."""

    def __init__(self, home: Path, output: Path, command: list[str] | None = None) -> None:
        self.home = home
        self.command = command or [sys.executable]
        self.environment = clean_environment(home)
        self.process: subprocess.Popen[str] | None = None
        self.output = output

    def up(self, *arguments: str) -> None:
        self.begin("up", *arguments)

    def begin(self, *words: str) -> None:
        """Start a command that is, or becomes, `banyan up`, and wait until it is up."""
        with open(self.output, "a") as output:
            self.process = subprocess.Popen(
                [*self.command, "-m", "banyan.config.cli", *words], env=self.environment, text=True,
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd="/",
            )  # fmt: skip
        wait_for(lambda: (self.services() or {}).get("kind") == "up" or self.process.poll() is not None, 120)
        assert self.process.poll() is None, self.said()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.command, "-m", "banyan.config.cli", *arguments], env=self.environment, text=True, capture_output=True,
            cwd="/", timeout=120, check=False,
        )  # fmt: skip

    def services(self) -> dict[str, Any] | None:
        try:
            return json.loads((self.home / "run" / "services.json").read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None

    def child(self, name: str) -> int:
        found = self.services()
        return found["children"].get(name, 0) if found else 0

    def said(self) -> str:
        return self.output.read_text() if self.output.exists() else ""

    def healthy(self) -> bool:
        found = self.services()
        try:
            with urllib.request.urlopen(f"{found['web_url']}/healthz", timeout=5) as answer:
                return answer.status == 200
        except (OSError, TypeError):
            return False

    def connects(self) -> bool:
        """Whether the database lets the application in; not while it recovers."""
        found = self.services()
        try:
            psycopg.connect(found["app_url"], connect_timeout=2).close()
        except (psycopg.OperationalError, TypeError):
            return False
        return True

    def stop(self) -> int:
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(90)
        self.process = None
        return code


def alive(pid: int) -> bool:
    """Whether the process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every account may enter (pytest's own are closed, and PostgreSQL does not run as root)."""
    with tempfile.TemporaryDirectory(prefix="banyan-ops-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def make_installation() -> Iterator[Callable[..., Installation]]:
    """A function that makes installations in folders named as asked; all are stopped and removed. ``migrated``: the database is
    there already, for tests that are not about the first start."""
    made: list[Installation] = []
    base = Path(tempfile.mkdtemp(prefix="banyan-ops-"))
    base.chmod(0o755)

    def make(name: str = "home", command: list[str] | None = None, *, migrated: bool = False) -> Installation:
        if migrated:
            copy_migrated_home(base / name)
        made.append(Installation(base / name, base / f"{len(made)}.out", command))
        return made[-1]

    yield make
    for installation in reversed(made):  # a later one may use the servers of an earlier one
        if installation.process is not None and installation.process.poll() is None:
            installation.stop()
    shutil.rmtree(base, ignore_errors=True)
