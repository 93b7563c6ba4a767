"""Processor time by /proc: of this process, of a child with its own children, of the PostgreSQL server."""

from __future__ import annotations

import os
import time
from pathlib import Path


def _stat(pid: int) -> tuple[str, int, float] | None:
    """(name, parent, seconds with those of ended and waited-for children) of a process on this machine, or None."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    name, _, rest = text.partition("(")[2].rpartition(")")
    words = rest.split()
    return name, int(words[1]), sum(map(int, words[11:15])) / os.sysconf("SC_CLK_TCK")


def tree_seconds(root: int) -> float:
    """Processor seconds of a process and everything below it, also of what has ended there."""
    seen = {int(folder.name): _stat(int(folder.name)) for folder in Path("/proc").iterdir() if folder.name.isdigit()}
    members, grown = {root}, True
    while grown:
        more = {pid for pid, found in seen.items() if found is not None and found[1] in members} - members
        members |= more
        grown = bool(more)
    return sum(found[2] for pid in members if (found := seen.get(pid)) is not None)


def own_seconds() -> float:
    """Processor seconds of this process, without its children; finer than the kernel's ticks of 10 ms."""
    return time.process_time()


def postmaster() -> int | None:
    """The server's first process, where it runs on this machine; None elsewhere."""
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        found = _stat(cursor.fetchone()[0])
    return found[1] if found is not None and "postgres" in found[0] else None
