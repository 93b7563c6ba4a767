"""Every import contract holds, and each catches a violation planted in a copy of the source."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# contract name → (file, what is added to it)
PLANTS = {
    "Districts": ("src/banyan/kernel/clock.py", "import banyan.config.runtime"),
    "People": ("src/banyan/people/identity/types.py", "import banyan.people.network.types"),
    "Treasury": ("src/banyan/treasury/ledger/types.py", "import banyan.treasury.payouts.types"),
    "Goods": ("src/banyan/goods/catalog/types.py", "import banyan.goods.inventory.types"),
    "Trade": ("src/banyan/trade/attribution/types.py", "import banyan.trade.returns.types"),
    "Earnings": ("src/banyan/earnings/commission/types/__init__.py", "import banyan.earnings.settlement.types"),
    "Rooms": ("src/banyan/goods/catalog/types.py", "import banyan.goods.catalog.models"),
    "Doors": ("src/banyan/trade/orders/types.py", "import banyan.goods.catalog.checks"),
    "Purity": ("src/banyan/goods/inventory/engine/__init__.py", "import random"),
    "Supervisor": ("src/banyan/kernel/supervisor/places.py", "import django.conf"),
    "Acyclic": ("src/banyan/treasury/ledger/types.py", "import banyan.treasury.payouts.types"),
}


def _lint(folder: Path) -> tuple[int, dict[str, str]]:
    answer = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache"],
        cwd=folder, env=os.environ | {"PYTHONPATH": f"{folder}/src", "COLUMNS": "200"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    verdicts = dict(re.findall(r"^([A-Z][a-z]+): .* (KEPT|BROKEN)", answer.stdout, re.MULTILINE))
    assert verdicts, answer.stdout + answer.stderr
    return answer.returncode, verdicts


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what the contracts look at."""
    for part in ("src", "tests/architecture"):
        shutil.copytree(
            ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "static", "*.json")
        )
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


def test_every_contract_is_kept(copy: Path) -> None:
    code, verdicts = _lint(copy)
    assert verdicts == dict.fromkeys(PLANTS, "KEPT")
    assert code == 0


def test_every_contract_catches_a_planted_violation(copy: Path) -> None:
    for name, (path, line) in PLANTS.items():
        if name == "Earnings" and not (copy / path).exists():
            path = "src/banyan/earnings/commission/types.py"
        if not (copy / path).exists():
            path = path.replace("/__init__.py", ".py")
        with open(copy / path, "a") as file:
            file.write(f"\n{line}  # planted for {name}\n")
    code, verdicts = _lint(copy)
    assert verdicts == dict.fromkeys(PLANTS, "BROKEN")
    assert code != 0


def test_a_room_that_does_not_exist_is_caught(copy: Path) -> None:
    (copy / "src/banyan/trade/orders/miscellany.py").write_text('"""Planted."""\n')
    assert _lint(copy)[1]["Rooms"] == "BROKEN"


@pytest.mark.parametrize(
    ("tool", "planted"),
    [
        (["ruff", "check", "--no-cache"], "import os\n"),
        (["mypy", "--no-incremental"], "def f(x: int) -> str:\n    return x\n"),
    ],
)
def test_ruff_and_mypy_catch_a_planted_violation(tmp_path: Path, tool: list[str], planted: str) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    plain = (tmp_path / "pyproject.toml").read_text().replace('plugins = ["mypy_django_plugin.main"]', "")
    (tmp_path / "pyproject.toml").write_text(plain)  # the plugin would load the whole project for one line
    for text, expected in (('"""Nothing wrong."""\n', 0), (planted, 1)):
        (tmp_path / "sample.py").write_text(text)
        answer = subprocess.run(
            [sys.executable, "-m", *tool, "sample.py"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert answer.returncode == expected, answer.stdout + answer.stderr
