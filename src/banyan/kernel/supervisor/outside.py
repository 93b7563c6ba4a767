"""Servers that the environment names instead of our own."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg

from banyan.kernel.supervisor import places
from banyan.kernel.supervisor.errors import SupervisorError
from banyan.kernel.supervisor.postgres import APP, DATABASE, OWNER, DatabaseUrls, prepare_roles


def database_urls(home: Path) -> DatabaseUrls | None:
    """The database named in the environment, None when our own is meant.

    BANYAN_DATABASE_APP_URL and BANYAN_DATABASE_OWNER_URL (set for children and tests), else DATABASE_URL with
    DATABASE_OWNER_URL. DATABASE_URL alone is an administrator's address: our two roles and database are made there.
    """
    app = os.environ.get("BANYAN_DATABASE_APP_URL")
    owner = os.environ.get("BANYAN_DATABASE_OWNER_URL")
    if app and owner:
        return DatabaseUrls(owner, app)
    url = os.environ.get("DATABASE_URL")
    if not url:
        return None
    owner = os.environ.get("DATABASE_OWNER_URL")
    if owner:
        return DatabaseUrls(owner, url)
    places.prepare(home)
    try:
        prepare_roles(url, home)
    except psycopg.errors.InsufficientPrivilege:
        raise SupervisorError(
            "DATABASE_URL names a role that may not create roles, so Banyan cannot make its own two roles there.",
            "Either give an administrator's address, or make the roles yourself and set DATABASE_OWNER_URL (a role that owns "
            "the database) and DATABASE_URL (a role that owns nothing and has neither SUPERUSER nor BYPASSRLS).",
        ) from None
    except psycopg.OperationalError as error:
        raise SupervisorError(
            f"The server in DATABASE_URL does not answer: {str(error).strip().splitlines()[-1]}",
            "Check the address, that the server runs, and that it accepts connections from here.",
        ) from None
    return DatabaseUrls(_with_role(url, OWNER, home, "postgres_owner"), _with_role(url, APP, home, "postgres_app"))


def _with_role(url: str, role: str, home: Path, secret: str) -> str:
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    word = quote(places.secret(home, secret), safe="")
    return urlunsplit((parts.scheme, f"{role}:{word}@{place}", f"/{DATABASE}", parts.query, ""))
