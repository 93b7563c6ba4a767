"""The database: reachable, the right rights, up to date, row-level security in place, nothing stuck."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

from banyan.config.checkup.answers import Answer, fine, guarded, problem, warning
from banyan.kernel.supervisor import outside, places
from banyan.kernel.supervisor.binaries import OLDEST_POSTGRES
from banyan.kernel.supervisor.errors import SupervisorError
from banyan.kernel.supervisor.postgres import DatabaseUrls

UNPROTECTED = """
    SELECT c.relname FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'p')
      AND NOT (c.relrowsecurity AND EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND p.polqual IS NOT NULL))
    ORDER BY 1
"""


def examine(home: Path) -> list[Answer]:
    """All checks of the database; it is started for the examination when nothing runs."""
    try:
        if outside.database_urls(home) is None and not _has_cluster(home):
            return [problem("database", "there is none yet", "Make it: banyan up (or make demo)")]
        from banyan.config import runtime

        with runtime.database_ready(migrate=False, home=home) as urls:
            return _with_database(urls)
    except SupervisorError as error:
        return [problem("database", error.message, error.advice)]
    except Exception as error:  # whatever it is: in words, and with the log's name
        said = str(error).strip().splitlines()
        text = f"does not answer: {type(error).__name__}: {said[-1] if said else ''}"
        return [problem("database", text, f"See {home}/logs/postgres.log")]


def _has_cluster(home: Path) -> bool:
    note = home / "postgres.folder"
    folder = Path(note.read_text().strip()) if note.is_file() else home / "postgres"
    # the folder belongs to another account and may be closed to us; its existence is enough
    return folder.is_dir() or places.is_owned(home)


def _with_database(urls: DatabaseUrls) -> list[Answer]:
    with psycopg.connect(urls.app, connect_timeout=10) as app, psycopg.connect(urls.owner, connect_timeout=10) as owner:
        answers = [
            guarded("database", lambda: _version(app)),
            guarded("application role", lambda: _role(app)),
            guarded("migrations", _migrations),
        ]
        if answers[-1].state == "fine":
            answers += [
                guarded("row-level security", lambda: _row_security(owner, app)),
                guarded("rules", lambda: _rules(owner)),
                guarded("events", lambda: _events(owner)),
                guarded("jobs", lambda: _jobs(owner)),
            ]
    return answers


def _one(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query).fetchone()
    return row[0] if row is not None and len(row) == 1 else row


def _version(app: psycopg.Connection[Any]) -> Answer:
    number = int(_one(app, "SHOW server_version_num")) // 10000
    text = f"PostgreSQL {_one(app, 'SHOW server_version')} answers"
    if number < OLDEST_POSTGRES:
        return problem("database", f"{text}, too old", f"Use PostgreSQL {OLDEST_POSTGRES} or newer.")
    if _one(app, "SHOW server_encoding") != "UTF8":
        return problem(
            "database", f"{text}, but its encoding is {_one(app, 'SHOW server_encoding')}", "Make it again with ENCODING 'UTF8'."
        )
    if _one(app, "SHOW fsync") != "on":
        return problem("database", f"{text}, but fsync is off: a power cut loses money", "Set fsync = on.")
    return fine("database", text)


def _role(app: psycopg.Connection[Any]) -> Answer:
    name, superuser, bypass = _one(app, "SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
    owned = _one(app, "SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole AND relkind IN ('r', 'p', 'S', 'v')")
    if superuser or bypass:
        what = "a superuser" if superuser else "allowed BYPASSRLS"
        return problem(
            "application role", f"{name} is {what}: tenants are not separated", f"ALTER ROLE {name} NOSUPERUSER NOBYPASSRLS"
        )
    if owned:
        return problem(
            "application role", f"{name} owns {owned} relations: row-level security does not bind an owner",
            "Give them to the owner's role, and let the application connect as one that owns nothing (DATABASE_URL).",
        )  # fmt: skip
    return fine("application role", f"{name}: no superuser, no BYPASSRLS, owns nothing")


def _migrations() -> Answer:
    from banyan.config import runtime
    from banyan.kernel import database

    pending = runtime.pending_migrations()
    if pending:
        return problem(
            "migrations", f"{len(pending)} pending, first {pending[0]}", "banyan migrate (banyan up does it by itself)"
        )
    if not database.is_installed():
        return problem("migrations", "none pending, but the database's rules are those of other code", "banyan migrate")
    return fine("migrations", "none pending")


def _row_security(owner: psycopg.Connection[Any], app: psycopg.Connection[Any]) -> Answer:
    open_tables = [row[0] for row in owner.execute(UNPROTECTED)]
    if open_tables:
        return problem("row-level security", f"missing on {', '.join(open_tables)}", "banyan migrate puts it back")
    tables = [row[0] for row in owner.execute("SELECT relname FROM pg_class WHERE relrowsecurity AND relkind IN ('r', 'p')")]
    for table in tables:
        query = psycopg.sql.SQL("SELECT EXISTS (SELECT 1 FROM {})").format(psycopg.sql.Identifier(table))
        row = app.execute(query).fetchone()
        if row is None or row[0]:
            return problem(
                "row-level security", f"{table} shows rows while no tenant is set", "banyan migrate puts the policy back"
            )
    return fine("row-level security", f"{len(tables)} tables, each empty while no tenant is set")


def _rules(owner: psycopg.Connection[Any]) -> Answer:
    from django.apps import apps

    expected = {
        model._meta.db_table: "facts_stand"
        for model in apps.get_models()
        if model.__module__.startswith("banyan.") and model._meta.managed and getattr(model, "immutable", False)
    }
    present = set(owner.execute("SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgenabled <> 'D'").fetchall())
    missing = sorted(table for table, trigger in expected.items() if (table, trigger) not in present)
    if missing:
        return problem(
            "rules", f"facts can be changed in {', '.join(missing)}: the trigger is missing or disabled", "banyan migrate"
        )
    return fine("rules", f"{len(expected)} tables of facts cannot be changed")


def _events(owner: psycopg.Connection[Any]) -> Answer:
    aside = _one(owner, "SELECT count(*) FROM set_aside_events WHERE resolved_at IS NULL")
    if aside:
        return warning("events", f"{aside} set aside, waiting for somebody", "Look at them in the console: events set aside.")
    return fine("events", "none set aside")


def _jobs(owner: psycopg.Connection[Any]) -> Answer:
    failed = _one(owner, "SELECT count(*) FROM procrastinate_jobs WHERE status = 'failed'")
    stuck = _one(
        owner,
        "SELECT count(*) FROM procrastinate_jobs j LEFT JOIN procrastinate_workers w ON w.id = j.worker_id"
        " WHERE j.status = 'doing' AND (w.id IS NULL OR w.last_heartbeat < now() - interval '5 minutes')",
    )
    if stuck:
        return warning("jobs", f"{stuck} left behind by a dead worker", "A running worker takes them up by itself: banyan up")
    if failed:
        return warning("jobs", f"{failed} failed", "See logs/worker.log for their errors.")
    return fine("jobs", "none failed, none stuck")
