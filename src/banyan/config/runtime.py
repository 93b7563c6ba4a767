"""Django for a tool: the home's database attached or started, settings pointed at it, the schema up to date."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from banyan.kernel.supervisor import places
from banyan.kernel.supervisor.postgres import DatabaseUrls, attach_or_start

_MIGRATION_LOCK = 0x62616E79616E


def say(text: str) -> None:
    """A line for the person at the terminal, kept off the standard output that `--json` owns."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def database_ready(*, migrate: bool = True, home: Path | None = None) -> Iterator[DatabaseUrls]:
    """Run a tool's work inside: Django is set up and connected to the home's database.

    A running `banyan up` (or another tool) is joined; otherwise PostgreSQL is started for as long as the tool runs.
    """
    home = (home or places.default_home()).absolute()
    places.prepare(home)  # also beside a server elsewhere: logs and secrets stay here
    with attach_or_start(home, say) as urls:
        set_up_django(home, urls)
        try:
            if migrate and not is_up_to_date():
                bring_up_to_date()
            yield urls
        finally:
            _close_connections()


def set_up_django(home: Path, urls: DatabaseUrls) -> None:
    """Point the settings at this home and database, and load the apps. Once per process."""
    os.environ["BANYAN_HOME"] = str(home)
    os.environ["BANYAN_DATABASE_APP_URL"] = urls.app
    os.environ["BANYAN_DATABASE_OWNER_URL"] = urls.owner
    services = places.read_services(home) if places.is_owned(home) else None
    if services is not None and services.redis_url:
        os.environ.setdefault("REDIS_URL", services.redis_url)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "banyan.config.settings")
    import django

    django.setup()


def pending_migrations() -> list[str]:
    """Migrations that the code has and the database has not."""
    from django.db import connections
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connections["owner"])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def is_up_to_date() -> bool:
    """Whether tables and rules of the database are those of the code."""
    from banyan.kernel import database

    return not pending_migrations() and database.is_installed()


def bring_up_to_date() -> list[str]:
    """Migrate as the owner and put every database rule in place; returns what was applied. Several may call it at once."""
    import psycopg
    from django.core.management import call_command

    from banyan.kernel import database

    with psycopg.connect(os.environ["BANYAN_DATABASE_OWNER_URL"], autocommit=True) as turn:
        turn.execute("SELECT pg_advisory_lock(%s)", (_MIGRATION_LOCK,))
        applied = pending_migrations()
        if applied:
            call_command("migrate", database="owner", verbosity=0, interactive=False)
        database.install()
    return applied


def _close_connections() -> None:
    from django.db import connections

    for connection in connections.all(initialized_only=True):
        connection.close()
        close_pool = getattr(connection, "close_pool", None)
        if close_pool is not None:
            close_pool()
