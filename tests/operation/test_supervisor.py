"""One command runs all: what dies comes back, what is stopped stops cleanly, and odd places and neighbors do no harm."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from banyan.kernel.supervisor.account import server_account

from .conftest import SOURCE, Installation, alive, wait_for

pytestmark = pytest.mark.slow


def _write(installation: Installation, text: str) -> None:
    with psycopg.connect(installation.services()["owner_url"]) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (word text)")
        connection.execute("INSERT INTO kept VALUES (%s)", (text,))


def _words(installation: Installation) -> list[str]:
    with psycopg.connect(installation.services()["owner_url"]) as connection:
        return [row[0] for row in connection.execute("SELECT word FROM kept ORDER BY word")]


def test_every_child_killed_comes_back_and_committed_rows_are_kept(make_installation: Callable[..., Installation]) -> None:
    installation = make_installation()
    installation.up("--port", "18080")
    assert installation.healthy()
    for name in ("postgres", "valkey", "worker", "web"):
        _write(installation, name)
        before = installation.child(name)
        os.kill(before, signal.SIGKILL)
        after = wait_for(
            lambda name=name, before=before: installation.child(name) not in (0, before) and installation.child(name)
        )
        assert alive(after)
        wait_for(installation.connects)
        wait_for(installation.healthy)
    assert installation.services()["web_url"].endswith(":18080")
    assert _words(installation) == ["postgres", "valkey", "web", "worker"]
    with psycopg.connect(installation.services()["owner_url"]) as connection:
        # Commits wait for every new file of the log to be filled with zeros: a small one is filled soon.
        assert connection.execute("SHOW wal_segment_size").fetchone() == ("4MB",)

    children = list(installation.services()["children"].values())
    assert installation.stop() == 0
    assert "Stopped." in installation.said()
    assert not any(alive(pid) for pid in children)
    assert installation.services() is None
    assert "database system is shut down" in (installation.home / "logs/postgres.log").read_text().splitlines()[-1]

    installation.up("--port", "18080")
    assert _words(installation) == ["postgres", "valkey", "web", "worker"]


def test_a_killed_supervisor_takes_its_children_along_and_the_next_one_starts(
    make_installation: Callable[..., Installation],
) -> None:
    installation = make_installation(migrated=True)
    installation.up("--port", "18080")
    _write(installation, "before")
    children = list(installation.services()["children"].values())
    installation.process.kill()
    installation.process.wait()
    installation.up("--port", "18080")  # at once: the old PostgreSQL may still be stopping, the list of services is stale
    wait_for(lambda: installation.services() and installation.services()["pid"] == installation.process.pid)
    wait_for(lambda: not any(alive(pid) for pid in children))
    assert _words(installation) == ["before"]
    wait_for(installation.healthy)


def test_a_second_one_on_the_same_home_says_so(make_installation: Callable[..., Installation]) -> None:
    installation = make_installation(migrated=True)
    installation.up("--port", "18080")
    second = installation.run("up", "--port", "18090")
    assert second.returncode == 1
    assert "already runs" in second.stderr
    assert installation.services()["web_url"] in second.stderr
    assert "Traceback" not in second.stderr
    assert installation.healthy()
    assert installation.run("status").returncode == 0
    assert installation.run("down").returncode == 0
    assert installation.process.wait(30) == 0


@pytest.mark.parametrize("name", ["home with spaces, a comma and 'quotes'", "榕" * 30 + "/" + "x" * 60])
def test_odd_and_long_folders(make_installation: Callable[..., Installation], name: str) -> None:
    installation = make_installation(name)
    installation.up("--port", "18080")
    assert installation.connects()
    assert installation.healthy()
    assert installation.stop() == 0


def test_a_taken_port_is_passed_over_and_said(make_installation: Callable[..., Installation]) -> None:
    with socket.create_server(("127.0.0.1", 18080)):
        installation = make_installation(migrated=True)
        installation.up("--port", "18080")
        assert installation.services()["web_url"] == "http://127.0.0.1:18081"
        assert "port 18080 is taken, using 18081" in installation.said()
        assert installation.healthy()


def test_stale_pid_files_are_no_obstacle(make_installation: Callable[..., Installation]) -> None:
    installation = make_installation(migrated=True)
    installation.up("--port", "18080")
    assert installation.stop() == 0
    # The number of a living stranger, as after a restart of the machine: PostgreSQL by itself would refuse to start.
    account = server_account()
    sleeper = subprocess.Popen(["sleep", "600"], user=account.uid if account.drops else None)
    try:
        (installation.home / "postgres/postmaster.pid").write_text(
            f"{sleeper.pid}\n{installation.home}/postgres\n0\n5432\n\n\n0 0\n"
        )
        (installation.home / "run/services.json").write_text("{ torn")
        installation.up("--port", "18080")
        assert installation.healthy()
        assert sleeper.poll() is None, "a stranger was killed"
    finally:
        sleeper.kill()
        sleeper.wait()


def test_servers_named_in_the_environment_are_used_instead(make_installation: Callable[..., Installation]) -> None:
    outside = make_installation("outside", migrated=True)
    outside.up("--port", "18080")
    installation = make_installation("home")
    found = outside.services()
    installation.environment |= {
        "DATABASE_URL": found["app_url"], "DATABASE_OWNER_URL": found["owner_url"], "REDIS_URL": found["redis_url"],
    }  # fmt: skip
    installation.up("--port", "18090")
    assert installation.healthy()
    assert set(installation.services()["children"]) == {"web", "worker"}
    assert not (installation.home / "postgres").exists()


def _command_as_nobody() -> list[str]:
    """A Python that `nobody` may run with the packages of this environment; our own one may be under /root."""
    # setpriv itself still starts its program with the rights of root, so `env` stands between.
    drop = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "env"]
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, shutil.which(version, path="/usr/bin:/usr/local/bin") or ""):
        if (
            python
            and subprocess.run([*drop, python, "-c", "import ssl"], capture_output=True, cwd="/", check=False).returncode == 0
        ):
            return [*drop, python]
    return []


@pytest.mark.skipif(os.geteuid() != 0, reason="this run is not root: every other test here is the non-root case")
def test_without_root(make_installation: Callable[..., Installation]) -> None:
    command = _command_as_nobody()
    if not command:
        pytest.skip(f"no Python {sys.version_info.major}.{sys.version_info.minor} that an ordinary user may run on this machine")
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    installation = make_installation("home", command)
    account = pwd.getpwnam("nobody")
    installation.home.mkdir()
    os.chown(installation.home, account.pw_uid, account.pw_gid)
    installation.environment |= {"PYTHONPATH": f"{SOURCE}:{packages}", "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}
    installation.up("--port", "18080")
    assert installation.healthy()
    assert os.stat(installation.home / "postgres").st_uid == account.pw_uid
    assert os.stat(f"/proc/{installation.child('worker')}").st_uid == account.pw_uid
    before = installation.child("postgres")
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: installation.child("postgres") not in (0, before))
    wait_for(installation.connects)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root meets folders that `nobody` may not enter")
def test_root_in_a_folder_nobody_may_enter(make_installation: Callable[..., Installation]) -> None:
    installation = make_installation("closed/home")
    closed = installation.home.parent
    closed.mkdir(mode=0o700)
    installation.up("--port", "18080")
    assert installation.healthy()
    folder = Path((installation.home / "postgres.folder").read_text().strip())
    assert folder.stat().st_uid == pwd.getpwnam("nobody").pw_uid
    assert installation.stop() == 0
    shutil.rmtree(folder.parent)


def test_asked_to_stop_while_starting_it_stops(make_installation: Callable[..., Installation]) -> None:
    installation = make_installation()
    with open(installation.output, "w") as output:
        installation.process = subprocess.Popen(
            [sys.executable, "-m", "banyan.config.cli", "up", "--port", "18080"], env=installation.environment,
            stdout=output, stderr=subprocess.STDOUT, cwd="/",
        )  # fmt: skip
    wait_for(lambda: "database" in installation.said())
    assert installation.stop() == 0
    assert "Stopped." in installation.said()
    assert "Banyan is up" not in installation.said()
    assert "Traceback" not in installation.said()
    assert installation.run("status").returncode == 3
