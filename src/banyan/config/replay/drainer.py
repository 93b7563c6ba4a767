"""The worker's part of a replay, in a process of its own as in production: it delivers events while the shop goes on selling.

It listens on its standard input for moments (one ISO time a line), drives its clock there, drains, and answers with a line.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from types import TracebackType
from typing import Self

TRIES = 5


class Drainer:
    """The caller's end: ``go`` returns at once, ``wait`` when everything asked for is delivered."""

    def __init__(self, tenant_id: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "banyan.config.replay.drainer", str(tenant_id)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        self._asked = 0
        self._hear()  # ready: Django is set up

    def go(self, at: datetime) -> None:
        """Deliver what is committed now, as of ``at``, beside whatever the caller does next."""
        assert self._process.stdin is not None
        self._process.stdin.write(at.isoformat() + "\n")
        self._process.stdin.flush()
        self._asked += 1

    def wait(self) -> None:
        """Until all of it is done. Raises RuntimeError when the process has died."""
        while self._asked:
            self._hear()
            self._asked -= 1

    def _hear(self) -> None:
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != "done":
            raise RuntimeError(f"the worker of the replay ended with {self._process.wait()}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def serve(tenant_id: int) -> None:
    """Drain at every moment that is asked for, until the input ends."""
    import django

    django.setup()

    from django.db import OperationalError

    from banyan.kernel import clock, events

    _answer()
    for line in sys.stdin:
        clock.drive(datetime.fromisoformat(line.strip()))
        for left in reversed(range(TRIES)):
            try:
                events.drain(tenant_id)
                break
            except OperationalError:  # a deadlock with the shop: nothing of the batch was kept
                if not left:
                    raise
        _answer()


def _answer() -> None:
    sys.stdout.write("done\n")
    sys.stdout.flush()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
