"""Which operating-system account runs a server: ourselves, or `nobody` when we are root (PostgreSQL refuses root)."""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from banyan.kernel.supervisor.errors import SupervisorError


@dataclass(frozen=True)
class Account:
    """The account that a server runs as; `drops` is true when root gives up its rights for it."""

    name: str
    uid: int
    gid: int
    drops: bool

    def own(self, path: Path, mode: int) -> None:
        """Give one path to this account with exactly this mode."""
        if self.drops:
            os.chown(path, self.uid, self.gid)
        path.chmod(mode)

    def own_tree(self, path: Path) -> None:
        """Give a whole folder to this account; cheap when the folder already belongs to it."""
        if not self.drops or path.stat().st_uid == self.uid:
            return
        for folder, _, files in os.walk(path):
            os.chown(folder, self.uid, self.gid)
            for name in files:
                os.chown(os.path.join(folder, name), self.uid, self.gid, follow_symlinks=False)

    def can_enter(self, path: Path) -> bool:
        """Whether every folder above `path` may be entered by this account (root's own rights do not count)."""
        if not self.drops:
            return True
        for folder in path.resolve().parents:
            try:
                mode = folder.stat()
            except FileNotFoundError:  # we will make it, and make it enterable
                continue
            if mode.st_uid == self.uid:
                bit = stat.S_IXUSR
            elif mode.st_gid == self.gid:
                bit = stat.S_IXGRP
            else:
                bit = stat.S_IXOTH
            if not mode.st_mode & bit:
                return False
        return True


def server_account() -> Account:
    """The account for PostgreSQL. Refuses a uid that has no passwd entry, because initdb would."""
    if os.geteuid() != 0:
        try:
            entry = pwd.getpwuid(os.geteuid())
        except KeyError:
            raise SupervisorError(
                f"User id {os.geteuid()} has no entry in /etc/passwd, and PostgreSQL refuses to run for it.",
                "Run as a named user, add the user to /etc/passwd, or set DATABASE_URL to a server elsewhere.",
            ) from None
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, drops=False)
    for name in ("nobody", "postgres"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid, drops=True)
    raise SupervisorError(
        "This is root, PostgreSQL refuses to run as root, and neither `nobody` nor `postgres` exists here.",
        "Create one of them, run as an ordinary user, or set DATABASE_URL to a server elsewhere.",
    )
