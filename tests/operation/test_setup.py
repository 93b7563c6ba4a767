"""`make setup` on machines that lack something: it finds a way, or says in words what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NO_INDEX = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_EXTRA_INDEX_URL": "", "PIP_CONFIG_FILE": os.devnull}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A project with the real setup script, an empty lock and a command that answers."""
    folder = tmp_path / "a clone with spaces"
    (folder / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts/setup.sh", folder / "scripts")
    for name in ("requirements.lock", "requirements-dev.lock"):
        (folder / name).write_text("# nothing\n")
    (folder / "src/banyan/config").mkdir(parents=True)
    (folder / "src/banyan/__init__.py").write_text("")
    (folder / "src/banyan/config/__init__.py").write_text("")
    (folder / "src/banyan/config/cli.py").write_text("import sys; print('called with', sys.argv[1:])")
    return folder


def _stub(folder: Path, refuse: str) -> str:
    """A Python that refuses some calls, as one without python3-venv does."""
    path = folder / "stub-python"
    path.write_text(f'#!/bin/sh\ncase "$*" in {refuse}) exit 1;; esac\nexec "{sys.executable}" "$@"\n')
    path.chmod(0o755)
    return str(path)


def _setup(folder: Path, kind: str = "run", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(folder / "scripts/setup.sh"), kind],
        env=os.environ | NO_INDEX | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_setup_makes_a_command_and_the_second_time_does_nothing(clone: Path) -> None:
    first = _setup(clone)
    assert first.returncode == 0, first.stderr
    answer = subprocess.run([clone / ".venv/bin/banyan", "x y"], capture_output=True, text=True, check=True, cwd="/")
    assert answer.stdout == "called with ['x y']\n"
    second = _setup(clone)
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    (clone / "requirements.lock").write_text("# changed\n")
    assert "Installing" in _setup(clone).stderr
    assert _setup(clone, "dev").returncode == 0


def test_without_python_it_says_what_to_install(clone: Path) -> None:
    tools = clone / "tools"
    tools.mkdir()
    for name in ("sh", "cat", "cksum", "dirname", "rm"):
        (tools / name).symlink_to(shutil.which(name))
    answer = _setup(clone, PATH=str(tools), PYTHON="")
    assert answer.returncode == 1
    assert "no Python 3.11 or newer" in answer.stderr
    assert "apt install python3" in answer.stderr


@pytest.mark.slow
def test_without_python3_venv_it_says_what_to_install(clone: Path) -> None:
    stub = _stub(clone, '"-m venv"*|"-m virtualenv"*')
    answer = _setup(clone, PYTHON=stub, PATH="/usr/bin:/bin")
    assert answer.returncode == 1
    assert "apt install python3-venv" in answer.stderr
    assert not (clone / ".venv").exists()


@pytest.mark.slow
def test_a_package_that_cannot_be_had_is_told(clone: Path) -> None:
    (clone / "requirements.lock").write_text(f"no-such-package==1.0 --hash=sha256:{'0' * 64}\n")
    answer = _setup(clone)
    assert answer.returncode == 1
    assert "packages could not be installed" in answer.stderr
    assert "No network?" in answer.stderr
    assert "Installing" in _setup(clone).stderr, "a failed setup must not count as done"
