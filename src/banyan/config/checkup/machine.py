"""The machine: Python, binaries, folders, disk, ports, leftovers of dead processes."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from pathlib import Path

from banyan.config.checkup.answers import Answer, fine, guarded, problem, warning
from banyan.kernel.supervisor import places
from banyan.kernel.supervisor.account import server_account
from banyan.kernel.supervisor.binaries import find_postgres, find_valkey
from banyan.kernel.supervisor.errors import SupervisorError
from banyan.kernel.supervisor.programs import free_port

NEEDED = frozenset({"python", "postgres binaries", "folder"})
"""Without these the database cannot be examined."""
_LITTLE_DISK = 200 * 1024**2
_SCANT_DISK = 2 * 1024**3


def examine(home: Path, port: int) -> list[Answer]:
    """All checks of the machine."""
    checks = (
        ("python", _python),
        ("postgres binaries", _postgres),
        ("valkey binary", _valkey),
        ("folder", lambda: _folder(home)),
        ("secrets", lambda: _secrets(home)),
        ("disk", lambda: _disk(home)),
        ("shared memory", _shared_memory),
        ("leftovers", lambda: _leftovers(home)),
        ("port", lambda: _port(home, port)),
    )
    return [guarded(name, check) for name, check in checks]


def _python() -> Answer:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < (3, 11):  # noqa: UP036 a .venv made by hand may be older
        return problem("python", f"{version} is too old", "Install Python 3.11 or newer, then: rm -rf .venv && make setup")
    return fine("python", f"{version} at {sys.executable}")


def _postgres() -> Answer:
    if os.environ.get("DATABASE_URL"):
        return fine("postgres binaries", "not needed: DATABASE_URL names a server")
    try:
        found = find_postgres(server_account())
    except SupervisorError as error:
        return problem("postgres binaries", error.message, error.advice)
    return fine("postgres binaries", f"PostgreSQL {found.major} ({found.origin})")


def _valkey() -> Answer:
    if os.environ.get("REDIS_URL"):
        return fine("valkey binary", "not needed: REDIS_URL names a server")
    found = find_valkey()
    if found is None:
        return warning("valkey binary", "none found; Banyan runs without a cache", "make setup, or set REDIS_URL")
    return fine("valkey binary", found.name)


def _folder(home: Path) -> Answer:
    existing = next(path for path in (home, *home.parents) if path.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        return problem(
            "folder", f"{existing} is not writable", f"Give it to this user (chown {os.geteuid()} …) or set BANYAN_HOME."
        )
    if existing != home:
        return fine("folder", f"{home} will be made")
    foreign = [p.name for p in home.iterdir() if p.name in ("run", "logs", "secrets") and not os.access(p, os.W_OK | os.X_OK)]
    if foreign:
        return problem(
            "folder",
            f"{', '.join(foreign)} in {home} belong to somebody else",
            "They were made by another user (root?): chown -R them.",
        )
    return fine("folder", str(home))


def _secrets(home: Path) -> Answer:
    folder = home / "secrets"
    if not folder.is_dir():
        return fine("secrets", "made at the first start")
    open_files = [p.name for p in folder.iterdir() if p.is_file() and stat.S_IMODE(p.stat().st_mode) & 0o077]
    if open_files:
        return problem("secrets", f"others may read {', '.join(sorted(open_files))}", f"chmod 600 {folder}/*")
    return fine("secrets", "only their owner may read them")


def _disk(home: Path) -> Answer:
    existing = next(path for path in (home, *home.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    text = f"{free / 1024**3:.1f} GiB free"
    inodes = os.statvfs(existing)
    if inodes.f_files and inodes.f_favail < 1000:
        return problem("disk", f"{text}, but no more files can be made (inodes)", "Remove small files on this file system.")
    if free < _LITTLE_DISK:
        return problem("disk", text, f"PostgreSQL stops when the disk is full: make room on {existing} or move BANYAN_HOME.")
    if free < _SCANT_DISK:
        return warning("disk", text, "Make room soon.")
    return fine("disk", text)


def _shared_memory() -> Answer:
    try:
        found = os.statvfs("/dev/shm")
    except OSError:
        return fine("shared memory", "no /dev/shm; files are used instead")
    size = found.f_frsize * found.f_blocks // 1024**2
    return fine("shared memory", f"{size} MiB" + ("; small, files are used instead" if size < 512 else ""))


def _leftovers(home: Path) -> Answer:
    if places.is_owned(home):
        return fine("leftovers", "something runs on this home")
    stale = [path.name for path in (home / "run/services.json", home / "postgres/postmaster.pid") if path.exists()]
    if stale:
        return warning(
            "leftovers", f"{', '.join(stale)} of a process that died", "Nothing to do: the next `banyan up` clears and recovers."
        )
    return fine("leftovers", "none")


def _port(home: Path, port: int) -> Answer:
    services = places.read_services(home) if places.is_owned(home) else None
    if services is not None and services.web_url:
        return fine("port", f"served at {services.web_url}")
    try:
        free = free_port("127.0.0.1", port)
    except SupervisorError as error:
        return problem("port", error.message, error.advice)
    if free != port:
        return warning(
            "port", f"{port} is taken by another program", f"`banyan up` will use {free}, or choose: banyan up --port N"
        )
    return fine("port", f"{port} is free")
