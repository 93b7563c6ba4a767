"""No screen falls back to English for want of a Chinese word, and the compiled catalog is the written one."""

from __future__ import annotations

import ast
import importlib
import runpy
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
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
    "kernel/ids.py", "kernel/events/delivery.py", "goods/inventory/commands/moving.py", "goods/inventory/commands/returning.py",
    "people/network/commands/binding.py", "treasury/ledger/commands.py", "treasury/payments/commands/refunding.py",
    "treasury/payouts/commands/cancelling.py", "treasury/payouts/queries.py", "trade/orders/commands/errors.py",
    "trade/orders/commands/wishes.py", "trade/returns/commands/standing.py",
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


UNSEEN = {
    "config/explaining.py": 3,  # banyan explain
    "console/views/plans.py": 1,  # in the reader's language already, as the next
    "people/identity/admin.py": 1,
    "earnings/commission/commands/accrual.py": 1,  # reactions: kept as the error of an event that was set aside
    "earnings/commission/commands/plans.py": 1,  # a broken law: the page names the clauses in Chinese itself
    "goods/catalog/commands/editing.py": 4,  # the API: pages change neither products nor categories
    "goods/catalog/commands/importing.py": 1,
    "kernel/http/api.py": 2,
    "rules/compliance/commands/feed.py": 3,  # what the feed sends
    "treasury/ledger/commands.py": 4,  # defects of a caller
    "treasury/payments/commands/opening.py": 3,  # the buyer pays over the API
    "treasury/payments/commands/refunding.py": 2,  # defects of a caller
    "treasury/payouts/commands/requesting.py": 2,
    "treasury/payouts/queries.py": 1,  # the payee confirms over the API
    "trade/orders/commands/paying.py": 1,
    "trade/returns/commands/requests.py": 2,  # the buyer asks over the API, here and below
    "trade/returns/engine/photos.py": 1,
    "trade/returns/engine/requests.py": 4,
}
"""How many refusals with values no page shows. Any other is Filled: an f-string cannot be looked up in the catalogue."""


DOORS = ("errors", "commands", "queries", "engine")
"""One of them is named by whoever can refuse."""


def _composed(tree: ast.Module, refuses: Callable[[ast.expr], bool]) -> list[int]:
    """Lines of refusals whose message is put together on the spot, or was in a variable of the file."""

    def puts_together(node: ast.expr) -> bool:
        if isinstance(node, ast.Call):
            return getattr(node.func, "id", getattr(node.func, "attr", "")) in ("str", "format", "join")
        if isinstance(node, ast.BinOp):
            return any(isinstance(part, ast.JoinedStr) or isinstance(getattr(part, "value", 0), str) for part in ast.walk(node))
        return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Name) and node.id in kept)

    kept: set[str] = set()
    kept |= {
        place.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and puts_together(node.value)
        for place in node.targets
        if isinstance(place, ast.Name)
    }
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [call.lineno for call in calls if any(map(puts_together, call.args)) and refuses(call.func)]


def _refuses(module: ModuleType, tree: ast.Module) -> Callable[[ast.expr], bool]:
    """Whether what is called in this module makes a refusal, or a ruling that the review desk shows."""
    from banyan.earnings.settlement.engine.review import Ruling
    from banyan.kernel.values.errors import Refusal

    def is_one(kind: object) -> bool:
        return isinstance(kind, type) and issubclass(kind, Refusal | Ruling)

    def refuses(called: ast.expr) -> bool:
        if isinstance(called, ast.Name):
            return called.id in own or is_one(getattr(module, called.id, None))
        if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
            return is_one(getattr(getattr(module, called.value.id, None), called.attr, None))
        return ast.unparse(called) == "super().__init__" and any(called in within for within in refusals)

    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and is_one(getattr(module, node.name, None))]
    refusals = [set(ast.walk(node)) for node in classes]
    own = {"cls"} if classes else set()
    return refuses


def test_a_refusal_with_values_keeps_its_template() -> None:
    source = SCRIPT.parents[1] / "src" / "banyan"
    found: dict[str, int] = {}
    for path in sorted(source.rglob("*.py")):
        name = path.relative_to(source).as_posix()
        text = path.read_text(encoding="utf-8")
        if {"tests", "migrations", "simulators"} & set(path.parts) or not any(word in text for word in DOORS):
            continue
        tree = ast.parse(text)
        module = importlib.import_module("banyan." + name.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
        if lines := _composed(tree, _refuses(module, tree)):
            found[name] = len(lines)
    assert found == UNSEEN, "make these messages Filled, so that the console can say them in Chinese"


@pytest.mark.parametrize(
    "code",
    ['raise NotFound(f"No {name}.")', 'raise errors.NotFound("No %s." % name)', 'said = f"No {name}."\nraise NotFound(said)',
     'raise NotFound("No {}.".format(name))', 'class Lost(NotFound):\n def __init__(s):\n  super().__init__(f"No {s}.")',
     'Ruling(None, "lost", f"No {name}.")'],
)  # fmt: skip
def test_a_planted_refusal_is_found(code: str) -> None:
    from banyan.earnings.settlement.engine.review import Ruling
    from banyan.kernel.values import errors

    planted = ModuleType("planted")
    vars(planted).update(errors=errors, NotFound=errors.NotFound, Lost=errors.NotFound, Ruling=Ruling)
    tree = ast.parse(code)
    assert _composed(tree, _refuses(planted, tree)) == [tree.body[-1].end_lineno]
    whole = ast.parse('raise NotFound("None.", name=f"{name}")\nraise NotFound(Filled("No {name}.", name=name))')
    assert _composed(whole, _refuses(planted, whole)) == []


def test_a_refusal_is_said_with_its_values_in_the_readers_language() -> None:
    from django.utils import translation

    from banyan.goods.inventory.commands.withholding import WrongLotState
    from banyan.goods.inventory.types import LotState
    from banyan.kernel.values.filled import Filled
    from banyan.kernel.words import in_words, said
    from banyan.people.distributors.commands import WrongStatus
    from banyan.people.distributors.types import Status
    from banyan.trade.returns.commands.finding import WrongStatus as WrongReturn
    from banyan.trade.returns.types import ReturnStatus

    frozen = WrongStatus(Filled("The distributor is {status}.", status=Status.FROZEN))
    lot = WrongLotState(Filled("The lot is {state}.", state=LotState.OPEN))
    failed = WrongReturn(Filled("The return is {status}.", status=ReturnStatus.REFUND_FAILED))
    taken = Filled("There is a plan called {name} already.", name="frozen")
    short = Filled(
        "Too little is left of the order: {error}.", error=Filled("{quantity} of {left} units left", quantity=3, left=2)
    )
    with translation.override("zh-hans"):
        assert said(frozen).startswith("该分销商当前状态：已冻结。") and frozen.advice not in said(frozen)
        assert in_words(lot.message) == "该批次可销售。"  # a sentence that the catalogue has whole
        assert in_words(failed.message) == "这份退货当前状态：退款失败。"
        assert in_words(taken) == "已有名为“frozen”的方案。"  # what a person named stays as it is
        assert in_words(short) == "订单剩余可退不足：申请 3 件，剩余可退 2 件。"
    with translation.override("en"):
        assert in_words(failed.message) == "The return is refund failed." and said(frozen) == f"{frozen} {frozen.advice}"
    assert str(failed) == failed.message == "The return is refund_failed." == failed.as_body()["error"]["message"]


def test_events_and_what_reacts_to_them_have_their_chinese() -> None:
    from django.utils import translation

    from banyan.console import showing
    from banyan.kernel import events

    # Tests add reactions of their own: those of the houses are named after their house.
    known = [one for one in events.reactions() if not one.name.startswith(("console_test.", "test"))]
    codes = {code for one in known for code in (one.name, *one.kinds)}
    assert len(codes) > 40
    with translation.override("zh-hans"):
        assert sorted(code for code in codes if showing.word_of(code).isascii()) == []
        assert showing.actor_of("reaction:commission.accrue") == "处理器：计提佣金"
        assert showing.resolution_of("dismissed: seen: twice") == "已忽略: seen: twice" and showing.actor_of("usr_1") == ""


def test_audited_tables_and_their_columns_have_their_chinese() -> None:
    from django.utils import translation

    from banyan.console import showing
    from banyan.console.views.audit import audited

    with translation.override("zh-hans"):
        words = {
            (table, field.column): showing.word_of(field.verbose_name)
            for table, model in audited().items()
            for field in model._meta.concrete_fields
            if field.column not in ("id", "tenant_id")
        }
        tables = {table: showing.word_of(model._meta.verbose_name) for table, model in audited().items()}
    assert len(tables) > 50
    assert [place for place, said in (words | tables).items() if said.isascii()] == []
