"""Several tools, one database: the first starts it, the others join, the last one out lets it stop."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from banyan.kernel.supervisor import places
from banyan.kernel.supervisor.errors import AlreadyRunning, StartFailed
from banyan.kernel.supervisor.postgres import DatabaseUrls, start_postgres

_PUBLISHING_SECONDS = 120.0


@contextlib.contextmanager
def shared_database(home: Path, say: Callable[[str], None]) -> Iterator[DatabaseUrls]:
    """The running owner's database, else our own for as long as anybody uses it."""
    places.prepare(home)
    deadline = time.monotonic() + _PUBLISHING_SECONDS
    with open(places.run_folder(home) / "users.lock", "a") as users:
        while True:
            try:
                lock = places.HomeLock(home, "tool")
            except AlreadyRunning:
                # Joined before reading: from now on a tool that owns the database waits for us.
                fcntl.flock(users, fcntl.LOCK_SH)
                services = places.read_services(home) if places.is_owned(home) else None
                if services is not None:
                    yield DatabaseUrls(services.owner_url, services.app_url)
                    return
                fcntl.flock(users, fcntl.LOCK_UN)
                if time.monotonic() > deadline:
                    raise StartFailed(f"The owner of {home} does not publish its database.", "Stop it and try again.") from None
                time.sleep(0.1)
            else:
                break
        try:
            places.remove_services(home)
            yield from _owned_database(home, lock, users.fileno(), say)
        finally:
            lock.release()


def _owned_database(home: Path, lock: places.HomeLock, users: int, say: Callable[[str], None]) -> Iterator[DatabaseUrls]:
    server = start_postgres(home, lock=lock)
    try:
        places.write_services(home, places.Services(os.getpid(), server.urls.owner, server.urls.app, kind="tool"))
        yield server.urls
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("Other tools are still using the database that this one started; waiting for them.")
            fcntl.flock(users, fcntl.LOCK_EX)
    finally:
        places.remove_services(home)
        server.stop()
