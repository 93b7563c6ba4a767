"""PostgreSQL from binaries, as a direct child: made when missing, started, recovered, stopped.

The server listens on a Unix socket only. Three roles: the superuser (only for this module), `banyan_owner` (owns the
database and its tables) and `banyan_app` (what web and worker connect as: owns nothing, so row-level security binds it).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from banyan.kernel.supervisor import places
from banyan.kernel.supervisor.account import Account, server_account
from banyan.kernel.supervisor.binaries import PostgresBinaries, find_postgres
from banyan.kernel.supervisor.children import log_tail, start_child, stop_child
from banyan.kernel.supervisor.errors import StartFailed

DATABASE = "banyan"
OWNER = "banyan_owner"
APP = "banyan_app"
_SUPERUSER = "postgres"
_PORT = 5432  # only part of the socket's name: no TCP port is opened
_SOCKET = f".s.PGSQL.{_PORT}.lock"
_RECOVERY_SECONDS = 600.0
_SMALL_SHARED_MEMORY = 512 * 1024 * 1024
_RELOCATED = Path("/var/lib/banyan")


@dataclass(frozen=True)
class DatabaseUrls:
    """libpq URLs. `owner` owns the schema; `app` owns nothing and is bound by row-level security."""

    owner: str
    app: str


class PostgresChild:
    """A running PostgreSQL that this process started. Made by `start_postgres`."""

    def __init__(self, home: Path, *, durable: bool, lock: places.HomeLock | None) -> None:
        """Prepare, nothing is started yet; `lock` is the right to the home, kept until stop() when given."""
        self.home = home
        self.account = server_account()
        self.binaries = find_postgres(self.account)
        self.folder = _cluster_folder(home, self.account)
        self.sockets = places.socket_folder(home, "postgres", _SOCKET, self.account)
        self.log = home / "logs" / "postgres.log"
        self._durable = durable
        self._lock = lock
        self._child: subprocess.Popen[bytes] | None = None
        self.cancelled = False  # set from a signal handler: give up waiting for recovery

    @property
    def pid(self) -> int:
        """Process id of the postmaster; 0 when it is not running."""
        return self._child.pid if self._child is not None and self._child.poll() is None else 0

    @property
    def urls(self) -> DatabaseUrls:
        """Addresses for owner and application; they stay the same over restarts."""
        return DatabaseUrls(self._url(OWNER, "postgres_owner", DATABASE), self._url(APP, "postgres_app", DATABASE))

    @property
    def superuser_url(self) -> str:
        """Address with every right; for backups, tests and this module only."""
        return self._url(_SUPERUSER, "postgres_superuser", DATABASE)

    def poll(self) -> int | None:
        """Exit code when the server ended, None while it runs."""
        return self._child.poll() if self._child is not None else -1

    def start(self) -> None:
        """Start (or start again after a crash) and return when it answers. Raises StartFailed."""
        deadline = time.monotonic() + _RECOVERY_SECONDS
        quick_deaths = 0
        while True:
            _end_orphan(self.folder)
            self._child = start_child(
                [self.binaries.path("postgres"), "-D", str(self.folder), *_options(self.sockets, self._durable)],
                log=self.log, stop_signal=signal.SIGINT, account=self.account, environment=_clean_environment(),
            )  # fmt: skip
            if self._wait_until_it_answers(deadline) or self.cancelled:
                return
            quick_deaths += 1
            if quick_deaths == 5 or time.monotonic() > deadline:
                self._halt()
                raise StartFailed(f"PostgreSQL did not start. The end of {self.log}:\n{log_tail(self.log)}")
            # After kill -9 the old backends need a moment to notice and let go of the shared memory.
            time.sleep(0.5 * quick_deaths)

    def stop(self) -> int:
        """Fast, clean stop: open transactions are rolled back, everything committed is kept. Idempotent."""
        code = self._halt()
        if self._lock is not None:
            self._lock.release()
        return code

    def _halt(self) -> int:
        if self._child is None:
            return 0
        return stop_child(self._child, ((signal.SIGINT, 90.0), (signal.SIGQUIT, 20.0)))

    def _wait_until_it_answers(self, deadline: float) -> bool:
        assert self._child is not None
        address = self._url(_SUPERUSER, "postgres_superuser", "postgres")
        pause = 0.02
        while time.monotonic() < deadline and self._child.poll() is None and not self.cancelled:
            try:
                psycopg.connect(address, connect_timeout=5).close()
            except psycopg.OperationalError:
                time.sleep(pause)
                pause = min(pause * 1.5, 0.5)
            else:
                return True
        return False

    def _url(self, role: str, secret: str, database: str) -> str:
        word = quote(places.secret(self.home, secret), safe="")
        return f"postgresql://{role}:{word}@/{database}?host={quote(str(self.sockets), safe='')}&port={_PORT}"


def start_postgres(home: Path, *, durable: bool = True, lock: places.HomeLock | None = None) -> PostgresChild:
    """Run PostgreSQL on a home and return when both roles can connect; makes the cluster at first use.

    durable=False gives up crash safety for speed: for tests only. Without `lock` the home is locked until stop().
    Raises AlreadyRunning, BinaryMissing, StartFailed.
    """
    home = home.absolute()
    places.prepare(home)
    own_lock = None if lock is not None else places.HomeLock(home, "postgres")
    try:
        child = PostgresChild(home, durable=durable, lock=own_lock)
        _initialize(child, durable)
        child.start()
        try:
            prepare_roles(child.superuser_url.replace(f"@/{DATABASE}?", "@/postgres?"), home)
        except BaseException:
            child.stop()
            raise
        return child
    except BaseException:
        if own_lock is not None:
            own_lock.release()
        raise


def prepare_roles(administration_url: str, home: Path) -> None:
    """Make the roles and the database, or bring them to what this home expects. Idempotent; needs CREATEROLE."""
    with psycopg.connect(administration_url, autocommit=True) as connection:
        roles = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
        for role, secret, rights in (
            (OWNER, "postgres_owner", "CREATEDB"),
            (APP, "postgres_app", "NOCREATEDB"),
        ):
            verb = "ALTER" if role in roles else "CREATE"
            statement = f"{verb} ROLE {{}} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOREPLICATION {rights} PASSWORD {{}}"
            word = places.secret(home, secret)
            connection.execute(sql.SQL(statement).format(sql.Identifier(role), sql.Literal(word)))
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone() is None:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0").format(
                    sql.Identifier(DATABASE), sql.Identifier(OWNER)
                )
            )
            connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(DATABASE)))
            connection.execute(
                sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(sql.Identifier(DATABASE), sql.Identifier(APP))
            )


@contextlib.contextmanager
def attach_or_start(home: Path, say: Callable[[str], None] = lambda text: None) -> Iterator[DatabaseUrls]:
    """The database of a home: that of the running owner, else one of our own that is stopped at the end.

    A server named in the environment (BANYAN_DATABASE_…_URL, DATABASE_URL) always comes first.
    """
    from banyan.kernel.supervisor import outside, sharing

    urls = outside.database_urls(home)
    if urls is not None:
        yield urls
        return
    with sharing.shared_database(home.absolute(), say) as shared:
        yield shared


# ── the cluster's files ──────────────────────────────────────────────────────────────────────────────────────────────


def _cluster_folder(home: Path, account: Account) -> Path:
    """Where the files live: in the home, or (root with a home that `nobody` cannot enter) under /var/lib."""
    folder = home / "postgres"
    note = home / "postgres.folder"
    if note.is_file():
        return Path(note.read_text().strip())
    if folder.is_dir() or account.can_enter(folder):
        return folder
    _RELOCATED.mkdir(parents=True, exist_ok=True)
    _RELOCATED.chmod(0o755)
    moved = Path(tempfile.mkdtemp(prefix="home-", dir=_RELOCATED))
    moved.chmod(0o755)
    note.write_text(f"{moved / 'postgres'}\n")
    return moved / "postgres"


def _initialize(child: PostgresChild, durable: bool) -> None:
    """initdb into a folder beside, renamed when complete: a half-made cluster is never taken for a whole one."""
    folder, account = child.folder, child.account
    if (folder / "PG_VERSION").is_file():
        _refuse_other_version(folder, child.binaries)
        account.own_tree(folder)
        return
    building = folder.with_name("postgres.new")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    account.own(building, 0o700)
    with tempfile.TemporaryDirectory(prefix="banyan-", dir="/tmp") as temporary:
        word = Path(temporary) / "word"
        word.write_text(places.secret(child.home, "postgres_superuser") + "\n")
        account.own(Path(temporary), 0o700)
        account.own(word, 0o600)
        _initdb(child, building, word, durable)
    building.rename(folder)


def _initdb(child: PostgresChild, folder: Path, word: Path, durable: bool) -> None:
    arguments = ["-D", str(folder), "-U", _SUPERUSER, f"--pwfile={word}", "-A", "scram-sha-256", "-E", "UTF8", "--data-checksums"]
    # Every commit waits while the next file of the log is filled with zeros. Of 16 MB, the default, that took 60 to 80 ms, every
    # two seconds of a storm; of 4 MB less than 20.
    arguments.append("--wal-segsize=4")
    if child.binaries.major >= 17:  # independent of the operating system's locales, and faster
        arguments += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    else:
        arguments += ["--locale=C.UTF-8"]
    if not durable:
        arguments += ["--no-sync"]
    making = start_child(
        [child.binaries.path("initdb"), *arguments], log=child.log, stop_signal=signal.SIGTERM,
        account=child.account, environment=_clean_environment(),
    )  # fmt: skip
    if making.wait() != 0:
        shutil.rmtree(folder, ignore_errors=True)
        raise StartFailed(f"initdb failed. The end of {child.log}:\n{log_tail(child.log)}")


def _refuse_other_version(folder: Path, binaries: PostgresBinaries) -> None:
    found = (folder / "PG_VERSION").read_text().strip()
    if found != str(binaries.major):
        raise StartFailed(
            f"The database in {folder} was made by PostgreSQL {found}; here is {binaries.major} ({binaries.origin}).",
            f"Install PostgreSQL {found} again, or carry the database over with pg_upgrade.",
        )


def _end_orphan(folder: Path) -> None:
    """We own the home, so a postmaster still on these files lost its supervisor: stop it. Remove a stale pid file."""
    path = folder / "postmaster.pid"
    try:
        pid = int(path.read_text().splitlines()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return
    deadline = time.monotonic() + 90
    while _is_postmaster(pid, folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT if time.monotonic() < deadline - 30 else signal.SIGQUIT)
        if time.monotonic() > deadline:
            raise StartFailed(f"Another PostgreSQL (process {pid}) uses {folder} and does not stop.", f"Stop it: kill -3 {pid}")
        time.sleep(0.2)
    # The number may by now belong to a stranger, for whom PostgreSQL would refuse to start.
    path.unlink(missing_ok=True)


def _is_postmaster(pid: int, folder: Path) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return state != "Z" and os.fsencode(folder) in arguments and b"postgres" in arguments[0]


def _options(sockets: Path, durable: bool) -> list[str]:
    quoted = '"' + str(sockets).replace('"', '""') + '"'
    switch = "on" if durable else "off"
    settings = {
        "listen_addresses": "", "port": str(_PORT), "unix_socket_directories": quoted,
        "max_connections": "200", "shared_buffers": f"{_buffers_mib()}MB", "effective_cache_size": "1GB", "work_mem": "16MB",
        # A checkpoint in the middle of a storm doubles what is written, page by page; 3 kB an order leave room for 600,000.
        "maintenance_work_mem": "128MB", "max_wal_size": "4GB", "min_wal_size": "256MB",
        "checkpoint_timeout": "15min", "random_page_cost": "1.1", "jit": "off", "max_locks_per_transaction": "128",
        "max_parallel_workers_per_gather": "0", "TimeZone": "UTC", "log_timezone": "UTC", "lc_messages": "C",
        "fsync": switch, "synchronous_commit": switch, "full_page_writes": switch,
        # Logs name errors, never the rows or statements in them: those hold personal data.
        "log_error_verbosity": "terse", "log_min_error_statement": "panic", "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0", "log_line_prefix": "%m [%p] %q%u ", "logging_collector": "off",
        "idle_in_transaction_session_timeout": "10min",
    }  # fmt: skip
    with contextlib.suppress(OSError):
        memory = os.statvfs("/dev/shm")
        if memory.f_frsize * memory.f_blocks < _SMALL_SHARED_MEMORY:  # a container's default
            settings["dynamic_shared_memory_type"] = "mmap"
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


def _buffers_mib() -> int:
    """A sixteenth of the machine's memory, within 128 and 512 MiB: we are not alone on it."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return max(128, min(total // 16, 512))


def _clean_environment() -> dict[str, str]:
    """The server must not inherit our secrets, nor PG* or locale variables that change its meaning."""
    keep = ("PATH", "HOME", "TMPDIR", "TZDIR", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in keep if name in os.environ} | {"LC_ALL": "C"}
