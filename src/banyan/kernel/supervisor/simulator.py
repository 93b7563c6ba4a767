"""The simulated payment channel as one more child: only when asked for, only on the loopback, never beside a real merchant."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from banyan.kernel.supervisor.children import log_tail
from banyan.kernel.supervisor.errors import StartFailed, SupervisorError
from banyan.kernel.supervisor.programs import Program, free_port

_HOST, _PORT = "127.0.0.1", 8790
_START_SECONDS = 60.0
_SANDBOX = "BANYAN_WECHAT_SANDBOX_URL"


def state_file(home: Path) -> Path:
    """Where the simulated channel keeps its books, so that it knows yesterday's payments when they are refunded."""
    return home / "simulator" / "wechat_pay.sqlite"


def refuse_beside_a_merchant(environment: Mapping[str, str]) -> None:
    """Raises SupervisorError when the environment describes a real merchant: play money and real money never mix."""
    described = sorted(name for name, value in environment.items() if name.startswith("BANYAN_WECHAT_") and value)
    real = [name for name in described if name != _SANDBOX]
    if real:
        raise SupervisorError(
            f"The environment describes a WeChat Pay merchant ({', '.join(real)}); the simulator does not run beside it.",
            "Unset these names, or start without --simulator.",
        )


class Simulator(Program):
    """The other side of WeChat Pay. It keeps its port and its books over restarts, and never sees the database."""

    def __init__(self, home: Path) -> None:
        """Chooses the port; nothing is started yet. Raises SupervisorError beside a real merchant."""
        refuse_beside_a_merchant(os.environ)
        self.port = free_port(_HOST, _PORT)
        file = state_file(home)
        file.parent.mkdir(exist_ok=True, mode=0o700)
        inherited = ("PATH", "PYTHONPATH", "HOME", "LANG", "TMPDIR")
        environment = {name: os.environ[name] for name in inherited if name in os.environ}
        arguments = [
            "-m", "banyan.adapters.simulators.wechat_pay", "--port", str(self.port), "--secrets", str(home / "secrets"),
            "--file", str(file), "--confirm-at-once",
        ]  # fmt: skip
        super().__init__("simulator", arguments, home=home, environment=environment, graceful=15.0)

    @property
    def url(self) -> str:
        """Where it answers, on this machine only."""
        return f"http://{_HOST}:{self.port}"

    def settings(self, web_url: str) -> dict[str, str]:
        """What web and worker have to know: where the channel is, and where it finds us with its notices."""
        return {_SANDBOX: self.url, "BANYAN_PUBLIC_URL": web_url}

    def wait_until_it_answers(self, cancelled: Callable[[], bool] = lambda: False) -> None:
        """Return once it listens (or the wait was cancelled). Raises StartFailed with the end of the log."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self.poll() is None:
            if self._listens() or cancelled():
                return
            time.sleep(0.05)
        self.stop()
        raise StartFailed(f"The simulator did not start. The end of {self.log}:\n{log_tail(self.log)}")

    def _listens(self) -> bool:
        try:
            socket.create_connection((_HOST, self.port), timeout=2).close()
        except OSError:
            return False
        return True
