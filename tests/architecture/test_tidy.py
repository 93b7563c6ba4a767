"""Files and functions of a size that fits a head, and no words that say nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "banyan"
LONGEST_FILE = 420
LONGEST_FUNCTION = 70
BANNED = frozenset(
    ("level", "agent", "manager", "data", "info", "handle", "process", "util", "utils", "helper", "helpers", "misc", "last")
)

# Names that a library, a protocol or an agreed output gives us.
GIVEN = {
    "UserManager",  # Django's word for what makes users
    "last_login",  # Django's column
    "handle_error",  # a hook of Python's own HTTP server
    "data", "sign_data", "cipher_data",  # parameters of wechatpayv3's request(), which we override
    "data_revenue_minor",  # `banyan replay --json`: the revenue that the data itself states
    "in_process", "register_from_process",  # an operating-system process, literally
}  # fmt: skip
GIVEN_IN = {"goods/inventory": {"level"}}  # "stock level": the trade's word for units per item and warehouse


def _files() -> list[Path]:
    skipped = {"tests", "migrations", "static", "__pycache__"}
    return sorted(path for path in SOURCE.rglob("*.py") if not skipped & set(path.relative_to(SOURCE).parts))


def size_faults(path: Path) -> Iterator[str]:
    """Files and functions that are too long."""
    text = path.read_text()
    if text.count("\n") > LONGEST_FILE:
        yield f"{path.name}: {text.count(chr(10))} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                yield f"{path.name}: {node.name} has {length} lines"


def _names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id


def _words(name: str) -> set[str]:
    spaced = "".join(f" {c.lower()}" if c.isupper() else c for c in name)
    return set(spaced.replace("_", " ").split())


def name_faults(path: Path) -> Iterator[str]:
    """Names that we give (not those that libraries give) with a banned word in them."""
    banned = BANNED - next((words for place, words in GIVEN_IN.items() if place in path.as_posix()), set())
    if path.stem not in GIVEN and _words(path.stem) & banned:
        yield f"{path.name}: the file's own name"
    for line, name in _names(ast.parse(path.read_text())):
        if name not in GIVEN and _words(name) & banned:
            yield f"{path.name}:{line}: {name}"


def test_files_and_functions_are_short() -> None:
    assert [fault for path in _files() for fault in size_faults(path)] == []


def test_no_empty_words() -> None:
    assert [f"{path.parent.name}/{fault}" for path in _files() for fault in name_faults(path)] == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(SOURCE))
        for path in _files()
        if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_every_house_has_its_words_and_its_page() -> None:
    houses = sorted(path.parent for path in SOURCE.glob("*/*/apps.py") if path.parent.parent.name not in ("kernel", "config"))
    assert houses
    for house in houses:
        assert (house / "types.py").exists() or (house / "types" / "__init__.py").exists(), house
        assert (house / "README.md").exists(), house


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("def run():\n" + "    x = 1\n" * 70, "run has 71 lines"),
        ("x = 1\n" * 421, "421 lines"),
    ],
)
def test_planted_length_is_caught(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "planted.py"
    path.write_text(text)
    assert fault in "".join(size_faults(path))


@pytest.mark.parametrize(
    "text", ["class OrderManager: ...", "def f(user_info): ...", "last_seen = 1", "def handle(): ...", "for level in []: ..."]
)
def test_planted_words_are_caught(tmp_path: Path, text: str) -> None:
    path = tmp_path / "planted.py"
    path.write_text(text)
    assert list(name_faults(path))
