"""The command starts fast: no tool may load Django before it is called."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .conftest import clean_environment


def test_help_names_every_tool_and_loads_no_django(tmp_path: Path) -> None:
    code = (
        "import sys; from banyan.config.cli import build; app = build();"
        "heavy = sorted({'django', 'ninja', 'psycopg', 'httpx', 'numpy', 'pyarrow'} & set(sys.modules));"
        "print(' '.join(heavy) or 'light')"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], env=clean_environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert answer.stdout.strip() == "light", answer.stdout + answer.stderr[-600:]
    shown = subprocess.run(
        [sys.executable, "-m", "banyan.config.cli", "--help"],
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in ("up", "down", "status", "doctor", "migrate", "verify", "demo", "bench"):
        assert f" {name} " in shown, shown


def test_every_tool_registers(tmp_path: Path) -> None:
    from importlib import import_module
    from pkgutil import iter_modules

    from banyan.config import tools

    for module in iter_modules(tools.__path__):
        assert hasattr(import_module(f"{tools.__name__}.{module.name}"), "register"), f"{module.name} registers nothing"


def test_an_unknown_command_is_told_without_a_traceback(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "banyan.config.cli", "fly"],
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 2
    assert "No such command" in answer.stderr
    assert "Traceback" not in answer.stderr
