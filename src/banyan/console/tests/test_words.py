"""No screen falls back to English for want of a Chinese word, and the compiled catalog is the written one."""

from __future__ import annotations

import ast
import importlib
import runpy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[4] / "scripts" / "messages.py"


@pytest.fixture(scope="module")
def messages() -> dict[str, Any]:
    """The script's functions."""
    if not SCRIPT.exists():
        pytest.skip("an installed package has no scripts folder")
    return runpy.run_path(str(SCRIPT))


def test_every_word_of_ours_and_of_unfold_has_its_chinese(messages: dict[str, Any]) -> None:
    assert messages["missing"]() == {}, "run: python scripts/messages.py missing"


def test_the_compiled_catalog_is_what_the_written_one_says(messages: dict[str, Any]) -> None:
    po = messages["PO"]
    assert po.with_suffix(".mo").read_bytes() == messages["compile_po"](po), "run: python scripts/messages.py compile"


def test_placeholders_survive_translation(messages: dict[str, Any]) -> None:
    import re

    pattern = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")
    for msgid, forms in messages["read_po"](messages["PO"]).items():
        if msgid and "href" not in msgid:
            for form in forms:
                assert sorted(set(pattern.findall(form))) == sorted(set(pattern.findall(msgid))), msgid


def test_a_planted_word_is_found_missing(messages: dict[str, Any], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        '{% load i18n %}{% translate "A word that nobody said" %}{% blocktranslate %}Nor {{ this }} one{% endblocktranslate %}'
    )
    code = tmp_path / "code.py"
    code.write_text('_("Another one")\nngettext("one", "many", 2)\n')
    assert messages["template_words"](page) == {"A word that nobody said", "Nor %(this)s one"}
    assert messages["python_words"](code) == {"Another one", "one"}


def test_a_word_may_have_another_chinese_in_another_context(messages: dict[str, Any], tmp_path: Path) -> None:
    code, po = tmp_path / "code.py", tmp_path / "django.po"
    code.write_text('_("unknown")\npgettext("law", "unknown")\n')
    po.write_text('msgid "unknown"\nmsgstr "a"\n\nmsgctxt "law"\nmsgid "unknown"\nmsgstr "b"\n\nmsgid "known"\nmsgstr "c"\n')
    assert messages["python_words"](code) == {"unknown", "law\x04unknown"}
    assert messages["read_po"](po) == {"unknown": ["a"], "law\x04unknown": ["b"], "known": ["c"]}


def test_a_law_that_nobody_knows_is_no_payout() -> None:
    from django.utils import translation

    from banyan.console import showing

    with translation.override("zh-hans"):
        assert (showing.confidence_of("unknown"), showing.word_of("unknown")) == ("未查明", "结果未知")
        assert showing.confidence_of("verified") == showing.word_of("verified")
    with translation.override("en"):
        assert showing.confidence_of("unknown") == "unknown"


def _plan_faults() -> list[str]:
    """Every message of a plan's fault as the engine writes it, with a 7 wherever it names something."""
    from banyan.earnings.commission.engine import conditions, document, nesting

    found = []
    for module in (document, conditions, nesting):
        for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Fault":
                message = node.args[1]
                parts = message.values if isinstance(message, ast.JoinedStr) else [message]
                if all(isinstance(part, ast.Constant | ast.FormattedValue) for part in parts):
                    found.append("".join(str(part.value) if isinstance(part, ast.Constant) else "7" for part in parts))
    return found


def test_every_fault_of_a_plan_has_its_chinese() -> None:
    from django.utils import translation

    from banyan.console.views.plan_desk import faults
    from banyan.earnings.commission.types import PlanReport

    said = _plan_faults()
    assert len(said) > 30
    with translation.override("zh-hans"):
        report = PlanReport(tuple(("rules", each) for each in said), None, None, False, "", (), datetime.now(UTC))
        assert [each for each, (_place, shown) in zip(said, faults(report), strict=True) if each == shown] == []
        named = (
            "must be month, in which the plan's caps count",
            "group g2 holds overlays; give ordinary rules a group of their own",
        )
        assert [shown for _place, shown in faults(replace(report, faults=tuple(("", each) for each in named)))] == [
            "须为 月，即方案上限所计的周期",
            "规则组 g2 里是叠加规则；请为普通规则另设一组",
        ]


ACTED_ON = (
    "earnings/commission/commands/plans.py", "earnings/commission/commands/approving.py",
    "earnings/commission/commands/partners.py",
    "earnings/settlement/commands/policies.py", "earnings/settlement/commands/booking.py",
    "earnings/simulation/commands/requesting.py", "goods/catalog/commands/bundling.py", "goods/inventory/commands/stocking.py",
    "goods/inventory/commands/withholding.py", "goods/inventory/commands/alerting.py", "goods/inventory/commands/holding.py",
    "goods/sourcing/commands/setting.py", "goods/warehousing/commands/counting.py", "goods/warehousing/commands/transferring.py",
    "people/distributors/commands/standing.py", "people/network/commands/moving.py", "people/network/engine/placing.py",
    "rules/compliance/commands/readings.py", "trade/fulfillment/commands/policy.py", "trade/fulfillment/commands/pickups.py",
    "trade/orders/commands/moving.py", "trade/returns/commands/acceptance.py", "trade/returns/commands/decisions.py",
    "trade/returns/commands/receiving.py", "trade/returns/commands/policy.py", "treasury/payments/commands/incidents.py",
    "people/identity/commands/passwords.py", "people/identity/commands/visits.py",
)  # fmt: skip
"""Where the commands lie that pages of the console call."""


def _refusals() -> dict[str, str]:
    """What those commands refuse with, and their advice, where the code has it whole → where."""
    from banyan.kernel.values.errors import Refusal

    found: dict[str, str] = {}
    for name in ACTED_ON:
        path = Path(str(SCRIPT.parents[1])) / "src" / "banyan" / name
        module = importlib.import_module("banyan." + name.removesuffix(".py").replace("/", "."))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            kind = getattr(module, node.func.id, None) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else None
            if not (isinstance(kind, type) and issubclass(kind, Refusal) and isinstance(node, ast.Call) and node.args):
                continue
            if isinstance(node.args[0], ast.Constant):
                found[str(node.args[0].value)] = name
            if kind.advice:
                found[kind.advice] = name
    return found


def test_what_the_consoles_commands_refuse_is_said_in_chinese() -> None:
    from django.utils import translation

    from banyan.console import showing

    found = _refusals()
    assert len(found) > 60
    with translation.override("zh-hans"):
        assert {said: where for said, where in found.items() if showing.word_of(said) == said.replace("_", " ")} == {}
