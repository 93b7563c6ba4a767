"""The lock files install anywhere: every package by hash, and no index or mirror named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")


def lock_faults(text: str) -> list[str]:
    """Addresses, options that choose an index, and packages without a hash or an exact version."""
    faults = [f"names an address: {line}" for line in text.splitlines() if re.search(r"https?://|git\+|file:", line)]
    faults += [
        f"chooses an index: {line}"
        for line in text.splitlines()
        if re.match(r"\s*(-i|--(extra-)?index-url|-f|--find-links)\b", line)
    ]
    for entry in re.split(r"\n(?=[A-Za-z0-9])", text):
        if entry.strip() and not entry.lstrip().startswith("#"):
            if not re.match(r"[A-Za-z0-9._-]+(\[[^]]*\])?==", entry):
                faults.append(f"no exact version: {entry.splitlines()[0]}")
            if "--hash=sha256:" not in entry:
                faults.append(f"no hash: {entry.splitlines()[0]}")
    return faults


@pytest.mark.parametrize("name", LOCKS)
def test_locks_are_clean(name: str) -> None:
    assert lock_faults((ROOT / name).read_text()) == []


def test_the_development_lock_holds_the_same_versions() -> None:
    pins = [
        dict(re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", (ROOT / name).read_text(), re.MULTILINE))
        for name in LOCKS
    ]
    assert pins[0].items() <= pins[1].items()


@pytest.mark.parametrize(
    "planted",
    [
        "--index-url https://mirror.example/simple\n",
        "a==1\n",
        "a>=1 --hash=sha256:00\n",
        "a @ https://x/y.whl --hash=sha256:00\n",
    ],
)
def test_planted_faults_are_caught(planted: str) -> None:
    assert lock_faults(planted)
