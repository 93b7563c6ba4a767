"""`banyan up`: PostgreSQL, Valkey, web and worker as our own children; what dies is started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from banyan.kernel.supervisor import outside, places
from banyan.kernel.supervisor.errors import AlreadyRunning, BinaryMissing, StartFailed
from banyan.kernel.supervisor.postgres import DatabaseUrls, PostgresChild, start_postgres
from banyan.kernel.supervisor.programs import Web, default_workers, free_port, worker
from banyan.kernel.supervisor.simulator import Simulator
from banyan.kernel.supervisor.valkey import ValkeyChild

_STEADY_SECONDS = 30.0
_LONGEST_PAUSE = 10.0


class Restartable(Protocol):
    """What the supervisor needs of a child."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def start(self) -> None: ...
    def stop(self) -> int: ...


@dataclass
class _Watch:
    name: str
    child: Restartable
    started: float = field(default_factory=time.monotonic)
    failures: int = 0
    not_before: float = 0.0


class Supervisor:
    """Owns a home while it runs. `start()`, then `run()` until a signal or `ask_to_stop()`, then `stop()`."""

    def __init__(
        self,
        home: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 8000,
        simulated: bool = False,
        say: Callable[[str], None] = print,
    ) -> None:
        """`say` receives one line for the operator at a time; `simulated` also runs the payment channel's other side.

        Raises AlreadyRunning."""
        self.home = home.absolute()
        self._say = say
        self._host, self._port = host, port
        self._simulated = simulated
        self._stopping = threading.Event()
        self._postgres: PostgresChild | None = None
        self._watched: list[_Watch] = []
        self._urls: DatabaseUrls | None = None
        self._redis_url = ""
        self.web: Web | None = None
        self.simulator: Simulator | None = None
        try:
            self._lock = places.HomeLock(self.home, "banyan up")
        except AlreadyRunning as error:
            services = places.read_services(self.home)
            if services is not None and services.web_url:
                raise AlreadyRunning(
                    f"Banyan already runs on {self.home} (process {services.pid}) at {services.web_url}.",
                    "Stop it with `banyan down`, or start a second one with BANYAN_HOME set to another folder.",
                ) from None
            raise error

    # ── life ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Start everything in order. On failure what was started is stopped again and the error raised.

        When asked to stop meanwhile it returns early; `run` then ends at once.
        """
        places.remove_services(self.home)
        try:
            for step in (
                self._start_database, self._start_valkey, self.migrate, self._start_simulator, self._start_web_and_worker,
                self._publish,
            ):  # fmt: skip
                if self.stopping:
                    return
                step()
        except BaseException:
            self.stop()
            raise

    @property
    def stopping(self) -> bool:
        """Whether somebody asked to stop."""
        return self._stopping.is_set()

    def run(self) -> None:
        """Watch the children until asked to stop."""
        while not self._stopping.wait(0.2):
            for watch in self._watched:
                if not self._stopping.is_set():
                    self._look_after(watch)

    def ask_to_stop(self) -> None:
        """End `run`. Safe in a signal handler."""
        self._stopping.set()
        if self._postgres is not None:
            self._postgres.cancelled = True

    def stop(self) -> None:
        """Stop the children in reverse order and give the home back. Idempotent."""
        self._stopping.set()
        places.remove_services(self.home)
        for watch in reversed(self._watched):
            code = watch.child.stop()
            if watch.name == "postgres" and code != 0:
                self._say(f"postgres ended with code {code}; it will recover at the next start.")
        self._watched.clear()
        self._lock.release()

    def stop_on_signals(self) -> None:
        """SIGINT, SIGTERM and SIGHUP end `run`. Only in the main thread."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self.ask_to_stop())

    # ── parts ────────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def urls(self) -> DatabaseUrls:
        """The database in use; only after `start`."""
        assert self._urls is not None
        return self._urls

    def environment(self, *, owner: bool = False) -> dict[str, str]:
        """For our Python children. Only the migration gets the owner's address: web and worker own nothing."""
        kept = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        kept |= {
            "BANYAN_HOME": str(self.home),
            "BANYAN_DATABASE_APP_URL": self.urls.app,
            "REDIS_URL": self._redis_url,
            "PYTHONUNBUFFERED": "1",
        }
        if owner:
            kept["BANYAN_DATABASE_OWNER_URL"] = self.urls.owner
        if self.simulator is not None and self.web is not None:
            kept |= self.simulator.settings(self.web.url)
        return kept

    def migrate(self) -> None:
        """Bring the schema up to date in a process of its own. Raises StartFailed with what it said."""
        answer = subprocess.run(
            [sys.executable, "-m", "banyan.config.cli", "migrate", "--quiet"],
            env=self.environment(owner=True), capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
            start_new_session=True,  # Ctrl-C is for us; a migration is not torn apart
        )  # fmt: skip
        if answer.returncode != 0:
            tail = "\n".join((answer.stdout + answer.stderr).strip().splitlines()[-15:])
            raise StartFailed(f"The database could not be brought up to date:\n{tail}")

    def _start_database(self) -> None:
        self._urls = outside.database_urls(self.home)
        if self._urls is not None:
            self._say("database  the one named in the environment")
            return
        self._postgres = start_postgres(self.home, lock=self._lock)
        self._urls = self._postgres.urls
        self._watched.append(_Watch("postgres", self._postgres))
        binaries = self._postgres.binaries
        self._say(f"database  PostgreSQL {binaries.major} ({binaries.origin}), files in {self._postgres.folder}")

    def _start_valkey(self) -> None:
        self._redis_url = os.environ.get("REDIS_URL", "")
        if self._redis_url:
            self._say("cache     the one named in REDIS_URL")
            return
        try:
            valkey = ValkeyChild(self.home)
        except BinaryMissing as error:
            self._say(f"cache     none: {error}")
            return
        valkey.start()
        self._redis_url = valkey.url
        self._watched.append(_Watch("valkey", valkey))
        self._say("cache     Valkey")

    def _start_simulator(self) -> None:
        if not self._simulated:
            return
        self.simulator = Simulator(self.home)
        self.simulator.start()
        self._watched.append(_Watch("simulator", self.simulator))
        self.simulator.wait_until_it_answers(cancelled=self._stopping.is_set)
        self._say(f"simulator WeChat Pay with play money on {self.simulator.url} (verbs under /_sim/)")

    def _start_web_and_worker(self) -> None:
        self.web = Web(self._host, self._port, home=self.home, environment={}, workers=default_workers())
        self.web.port = free_port(self._host, self._port)  # chosen now: notices come to this address
        self.web.environment = self.environment()
        jobs = worker(self.home, self.environment())
        for name, program in (("worker", jobs), ("web", self.web)):
            program.start()
            self._watched.append(_Watch(name, program))
        self.web.wait_until_it_answers(cancelled=self._stopping.is_set)
        if self.stopping:
            return
        if self.web.port != self.web.wanted_port:
            self._say(f"web       port {self.web.wanted_port} is taken, using {self.web.port}")
        self._say(f"web       {self.web.url}")

    def _publish(self) -> None:
        children = {watch.name: watch.child.pid for watch in self._watched}
        places.write_services(
            self.home,
            places.Services(
                os.getpid(), self.urls.owner, self.urls.app, kind="up", redis_url=self._redis_url,
                web_url=self.web.url if self.web else "",
                simulator_url=self.simulator.url if self.simulator else "", children=children,
            ),
        )  # fmt: skip

    def _look_after(self, watch: _Watch) -> None:
        code = watch.child.poll()
        now = time.monotonic()
        if code is None:
            if watch.failures and now - watch.started > _STEADY_SECONDS:
                watch.failures = 0
            return
        if not watch.not_before:
            pause = min(_LONGEST_PAUSE, 0.1 * 2**watch.failures) if watch.failures else 0.0
            watch.not_before = now + pause
            watch.failures += 1
            self._say(f"{watch.name} ended ({_reason(code)}); starting it again")
        if now < watch.not_before:
            return
        watch.not_before = 0.0
        watch.started = now
        try:
            watch.child.start()
        except StartFailed as error:
            self._say(str(error))  # tried again after a longer pause: the disk may have room again by then
            return
        self._publish()


_NOT_INHERITED = frozenset({"DATABASE_URL", "DATABASE_OWNER_URL", "BANYAN_DATABASE_OWNER_URL", "PGPASSWORD"})


def _reason(code: int) -> str:
    if code >= 0:
        return f"code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
