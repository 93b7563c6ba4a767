"""The folders of one installation (`BANYAN_HOME`), its secrets, and who owns it at this moment."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from banyan.kernel.supervisor.account import Account
from banyan.kernel.supervisor.errors import AlreadyRunning

# sockaddr_un holds 108 bytes with the closing zero; PostgreSQL adds `/.s.PGSQL.5432.lock` beside the socket.
_LONGEST_SOCKET = 107


def default_home() -> Path:
    """`BANYAN_HOME`, else `var` in the current folder."""
    return Path(os.environ.get("BANYAN_HOME") or Path.cwd() / "var").absolute()


def run_folder(home: Path) -> Path:
    """Where locks, sockets and the list of services live."""
    return home / "run"


def prepare(home: Path) -> None:
    """Create the folders of a home. Idempotent."""
    inside = {"run": 0o755, "logs": 0o755, "static": 0o755, "secrets": 0o700}
    for folder, mode in ((home, 0o755), *((home / name, mode) for name, mode in inside.items())):
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(mode)


def secret(home: Path, name: str) -> str:
    """A random secret of this home, made at first use, kept in a file only its owner can read."""
    path = home / "secrets" / name
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        pass
    value = secrets.token_urlsafe(32)
    write_privately(path, value + "\n")
    return value


def write_privately(path: Path, text: str) -> None:
    """Replace a file in one step, readable only by its owner from the first byte on."""
    number, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes it 0600
    try:
        with os.fdopen(number, "w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def socket_folder(home: Path, name: str, file_name: str, account: Account) -> Path:
    """A folder for a Unix socket: in the home when its path is short and plain enough, else a temporary one.

    The temporary folder is remembered in the home and used again, so that addresses survive a restart.
    """
    wanted = run_folder(home) / name
    plain = "," not in str(wanted)  # libpq takes a comma in `host` for a list of hosts
    if plain and len(os.fsencode(wanted / file_name)) <= _LONGEST_SOCKET and account.can_enter(wanted / file_name):
        wanted.mkdir(exist_ok=True)
        account.own(wanted, 0o755)
        return wanted
    note = run_folder(home) / f"{name}.folder"
    with contextlib.suppress(FileNotFoundError):
        remembered = Path(note.read_text().strip())
        if remembered.is_dir() and not remembered.is_symlink() and remembered.stat().st_uid == account.uid:
            return remembered
    folder = Path(tempfile.mkdtemp(prefix="banyan-", dir="/tmp"))
    account.own(folder, 0o755 if account.drops else 0o700)
    note.write_text(f"{folder}\n")
    return folder


class HomeLock:
    """The right to run servers on a home. Held by one living process; the kernel frees it however that dies."""

    def __init__(self, home: Path, kind: str) -> None:
        """`kind` says in one word who holds it (up, tool, tests). Raises AlreadyRunning."""
        prepare(home)
        self.path = run_folder(home) / "owner.lock"
        self._stream = open(self.path, "a+")  # noqa: SIM115 open for as long as the lock is held
        if not self._take():
            self._stream.seek(0)
            holder = self._stream.read().strip() or "an unknown process"
            self._stream.close()
            raise AlreadyRunning(
                f"The home {home} is already in use by {holder}.",
                "Stop that one first, or set BANYAN_HOME to another folder.",
            )
        self._stream.truncate(0)
        self._stream.write(f"`{kind}`, process {os.getpid()}\n")
        self._stream.flush()

    def _take(self) -> bool:
        for _ in range(20):  # `is_owned` holds a shared lock for an instant; that is not an owner
            try:
                fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except OSError:
                time.sleep(0.02)
        return False

    def release(self) -> None:
        """Give the home back. Idempotent."""
        if not self._stream.closed:
            with contextlib.suppress(OSError):
                self._stream.truncate(0)
            self._stream.close()


def is_owned(home: Path) -> bool:
    """Whether a living process owns the home."""
    try:
        with open(run_folder(home) / "owner.lock") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


@dataclass(frozen=True)
class Services:
    """What the owner of a home runs, for tools that want to use it. Holds passwords: written 0600."""

    pid: int
    owner_url: str
    app_url: str
    kind: str = "up"
    redis_url: str = ""
    web_url: str = ""
    simulator_url: str = ""
    children: dict[str, int] = field(default_factory=dict)


def write_services(home: Path, services: Services) -> None:
    """Publish the running services."""
    write_privately(run_folder(home) / "services.json", json.dumps(asdict(services), indent=1) + "\n")


def read_services(home: Path) -> Services | None:
    """The published services, None when there are none or the file is unreadable (a stale or torn one)."""
    try:
        return Services(**json.loads((run_folder(home) / "services.json").read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def remove_services(home: Path) -> None:
    """Withdraw the publication. Idempotent."""
    (run_folder(home) / "services.json").unlink(missing_ok=True)
