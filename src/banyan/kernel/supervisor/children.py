"""One server as a direct child: started, waited for, stopped; it ends when we end, however we end."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from banyan.kernel.supervisor.account import Account

_LOG_ROTATES_AT = 20 * 1024 * 1024
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def open_log(path: Path) -> int:
    """Open a log for appending; a large one is put aside first (one older copy is kept)."""
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > _LOG_ROTATES_AT:
            path.replace(path.with_suffix(".log.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)


def log_tail(path: Path, lines: int = 8) -> str:
    """The end of a log, for messages to the operator."""
    try:
        with open(path, "rb") as stream:
            stream.seek(max(0, path.stat().st_size - 8192))
            return "\n".join(stream.read().decode(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def start_child(
    arguments: Sequence[str],
    *,
    log: Path,
    stop_signal: int,
    account: Account | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start one program in its own session, its output in `log`.

    The kernel sends it `stop_signal` when we die without stopping it, so no server outlives a killed supervisor.
    That signal is tied to the starting thread, so it is only asked for in the main one.
    """
    output = open_log(log)
    drop = account is not None and account.drops
    follow = _dies_with(os.getpid(), stop_signal) if threading.current_thread() is threading.main_thread() else None
    try:
        return subprocess.Popen(
            list(arguments), stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder or "/",
            env=dict(environment) if environment is not None else None, start_new_session=True,
            preexec_fn=follow,  # noqa: PLW1509 it makes two system calls and takes no lock
            user=account.uid if account and drop else None, group=account.gid if account and drop else None,
            extra_groups=[] if drop else None,
        )  # fmt: skip
    finally:
        os.close(output)


def _dies_with(parent: int, stop_signal: int) -> Callable[[], None]:
    def ask() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, stop_signal, 0, 0, 0)
        if os.getppid() != parent:  # the parent died before we asked
            os.kill(os.getpid(), signal.SIGKILL)

    return ask


def stop_child(child: subprocess.Popen[bytes], signals: Sequence[tuple[int, float]]) -> int:
    """Send each signal in turn, waiting its seconds, until the child is gone; SIGKILL at the end. Returns its exit code."""
    for number, seconds in (*signals, (signal.SIGKILL, 10.0)):
        if child.poll() is not None:
            break
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(seconds)
    return child.wait()
