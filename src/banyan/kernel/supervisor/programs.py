"""Our own Python processes as children: web and worker. Each has its own process group, emptied before a restart."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from banyan.kernel.supervisor.children import log_tail, start_child, stop_child
from banyan.kernel.supervisor.errors import StartFailed

_WEB_SECONDS = 90.0
_PORTS_TRIED = 100


class Program:
    """One Python program of ours, restarted by the supervisor when it ends."""

    def __init__(self, name: str, arguments: list[str], *, home: Path, environment: Mapping[str, str], graceful: float) -> None:
        """`graceful`: seconds it may take to finish its work after SIGTERM."""
        self.name = name
        self.arguments = arguments
        self.environment = dict(environment)
        self.log = home / "logs" / f"{name}.log"
        self._graceful = graceful
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id, 0 when it is not running."""
        return self._child.pid if self._child is not None and self._child.poll() is None else 0

    def poll(self) -> int | None:
        """Exit code when the program ended, None while it runs."""
        return self._child.poll() if self._child is not None else -1

    def start(self) -> None:
        """Start it (again); what an earlier run left in its process group is killed first."""
        self._empty_group()
        self._child = start_child(
            [sys.executable, *self.arguments], log=self.log, stop_signal=signal.SIGTERM, environment=self.environment,
            folder=Path.cwd(),
        )  # fmt: skip

    def stop(self) -> int:
        """Let it finish its work, then end it and whatever it started. Idempotent."""
        if self._child is None:
            return 0
        code = stop_child(self._child, ((signal.SIGTERM, self._graceful),))
        self._empty_group()
        return code

    def _empty_group(self) -> None:
        # A killed granian leaves its worker processes behind, and they would keep the port.
        if self._child is None:
            return
        deadline = time.monotonic() + 10
        with contextlib.suppress(ProcessLookupError, PermissionError):
            while time.monotonic() < deadline:
                os.killpg(self._child.pid, signal.SIGKILL)
                time.sleep(0.02)


class Web(Program):
    """granian with Django behind our front, on the first free port from the wanted one on."""

    application = "banyan.config.rsgi:application"

    def __init__(self, host: str, port: int, *, home: Path, environment: Mapping[str, str], workers: int) -> None:
        """Nothing is bound yet."""
        self.host = host
        self.wanted_port = self.port = port
        self._workers = workers
        super().__init__("web", [], home=home, environment=environment, graceful=20.0)

    @property
    def url(self) -> str:
        """The address to open in a browser on this machine."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::", "") else self.host  # noqa: S104 compared, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def start(self) -> None:
        """Start on the port used before, or the next free one."""
        self._empty_group()
        self.port = free_port(self.host, self.port)
        self.arguments = [
            "-m", "granian", "--interface", "rsgi", "--host", self.host, "--port", str(self.port),
            "--workers", str(self._workers), "--backpressure", "8192", "--backlog", "4096",
            "--respawn-failed-workers", "--respawn-interval", "0.5", "--workers-kill-timeout", "15",
            "--no-ws", "--log-level", "warning", self.application,
        ]  # fmt: skip
        super().start()

    def wait_until_it_answers(self, cancelled: Callable[[], bool] = lambda: False) -> None:
        """Return once the health page is served (or the wait was cancelled). Raises StartFailed with the end of the log."""
        deadline = time.monotonic() + _WEB_SECONDS
        while time.monotonic() < deadline and self.poll() is None:
            if self.answers() or cancelled():
                return
            time.sleep(0.1)
        raise StartFailed(f"The web server did not start. The end of {self.log}:\n{log_tail(self.log)}")

    def answers(self) -> bool:
        """Whether the health page is served now."""
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as answer:  # noqa: S310 our own address
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False


def default_workers() -> int:
    """Web processes when BANYAN_WEB_WORKERS says nothing: two, so that one computes while the other one waits."""
    return int(os.environ.get("BANYAN_WEB_WORKERS", "0")) or min(2, os.cpu_count() or 1)


def worker(home: Path, environment: Mapping[str, str]) -> Program:
    """The worker process."""
    return Program("worker", ["-m", "banyan.config.worker"], home=home, environment=environment, graceful=40.0)


def free_port(host: str, wanted: int) -> int:
    """`wanted`, or the first free port after it. Raises StartFailed when a hundred are taken or the host is not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in range(wanted, min(wanted + _PORTS_TRIED, 65536)):
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((host, port))
                trial.listen(1)
            except PermissionError:
                raise StartFailed(f"Port {port} may only be used by root.", "Choose one from 1024 on: --port 8000") from None
            except OSError as error:
                if error.errno in (98, 48):  # address in use
                    continue
                raise StartFailed(f"Cannot listen on {host}:{port}: {error.strerror}.", "Check --host.") from None
            return port
    raise StartFailed(f"No free port from {wanted} on.", "Choose another one with --port.")
