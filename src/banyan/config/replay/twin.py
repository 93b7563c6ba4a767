"""A second process that does what the first does, as an installation has several of them: it sells half of a day and delivers
events in the lanes that are free.

It hears requests on its standard input and answers on its standard output, both pickled: it is our own child.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:  # Django is set up later, in serve()
    from .till import Sold, Wish


class Twin:
    """The caller's end. ``sell`` and ``deliver`` return at once; ``answer`` waits for what they asked for."""

    def __init__(self, tenant_id: int) -> None:
        self._tenant_id = tenant_id
        command = [sys.executable, "-m", "banyan.config.replay.twin"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.answer()  # ready: Django is set up

    def sell(self, at: datetime, wishes: Sequence[Wish]) -> None:
        """Place and pay these; the answer is a list of Sold."""
        self._ask("sell", at, wishes)

    def deliver(self, at: datetime, names: set[str] | None) -> None:
        """Deliver events to these reactions; the answer is None."""
        self._ask("deliver", at, names)

    def answer(self) -> list[Sold] | None:
        """What came of the request before. Raises RuntimeError when the process has died."""
        assert self._process.stdout is not None
        try:
            answer: list[Sold] | None = pickle.load(self._process.stdout)  # noqa: S301
        except (EOFError, pickle.UnpicklingError):
            raise RuntimeError(f"the second process of the replay ended with {self._process.wait()}") from None
        return answer

    def _ask(self, what: str, at: datetime, about: object) -> None:
        assert self._process.stdin is not None
        pickle.dump((what, self._tenant_id, at, about), self._process.stdin, pickle.HIGHEST_PROTOCOL)
        self._process.stdin.flush()

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


def serve() -> None:
    """Do what is asked until the input ends."""
    import django

    django.setup()

    from banyan.kernel import clock, garbage

    from . import till

    asked: dict[str, Any] = {"sell": till.sell, "deliver": till.deliver}
    garbage.settle()
    _answer(None)
    while True:
        try:
            what, tenant_id, at, about = pickle.load(sys.stdin.buffer)  # noqa: S301
        except EOFError:
            return
        clock.drive(at)
        _answer(asked[what](tenant_id, about))


def _answer(answer: object) -> None:
    pickle.dump(answer, sys.stdout.buffer, pickle.HIGHEST_PROTOCOL)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    serve()
