"""A home whose database is there, up to date and empty: made once by the command that does so, and copied by whoever starts with
one. Tests of the first start make their own.

It is kept for the next run as long as what makes tables and rules is the same; then the first who asks makes the next one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"
KEPT = ROOT / ".pytest_cache" / f"homes-{os.geteuid()}"
MAKES_TABLES = ("**/migrations/*.py", "**/models.py", "**/models/*.py", "kernel/**/*.py", "config/settings.py")


def clean_environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of an operator: nothing of the test session's own database."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("BANYAN_", "DATABASE_", "REDIS_", "DJANGO_", "PG"))}
    return kept | {"PYTHONPATH": str(SOURCE), "BANYAN_HOME": str(home), "BANYAN_WEB_WORKERS": "1"} | more


def copy_migrated_home(home: Path) -> None:
    """Make `home`, which is not there yet, with an empty database that is up to date. Nothing runs on it.

    Raises RuntimeError with what the command said when the database could not be made.
    """
    name = _digest()
    with _alone():
        if not (KEPT / name).is_dir():
            for old in KEPT.iterdir():
                if old.is_dir():
                    shutil.rmtree(old)
            _make(KEPT / name)
        _copy(KEPT / name, home)


def _digest() -> str:
    """Of everything that a new database depends on."""
    from banyan.kernel.supervisor.account import server_account
    from banyan.kernel.supervisor.binaries import find_postgres

    files = {path for pattern in MAKES_TABLES for path in (SOURCE / "banyan").glob(pattern) if "tests" not in path.parts}
    digest = sha256(str(find_postgres(server_account())).encode())
    for path in (ROOT / "requirements-dev.lock", *sorted(files)):
        digest.update(f"{path.relative_to(ROOT)}\0{path.read_text(encoding='utf-8')}\0".encode())
    return digest.hexdigest()[:16]


@contextmanager
def _alone() -> Iterator[None]:
    """Several test runs may begin at once: one makes the home, the others wait for it."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with open(KEPT / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(kept: Path) -> None:
    """In an open folder, because the account that runs PostgreSQL may not enter ours."""
    with tempfile.TemporaryDirectory(prefix="banyan-template-") as folder:
        Path(folder).chmod(0o755)
        home = Path(folder) / "home"
        done = subprocess.run(
            [sys.executable, "-m", "banyan.config.cli", "migrate"], env=clean_environment(home), text=True, capture_output=True,
            stdin=subprocess.DEVNULL, cwd="/", check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        shutil.rmtree(home / "run")  # locks, and where the sockets were
        half = kept.with_suffix(".new")
        _copy(home, half)
        half.rename(kept)


def _copy(home: Path, to: Path) -> None:
    subprocess.run(["cp", "-a", home, to], check=True)  # with its owners
