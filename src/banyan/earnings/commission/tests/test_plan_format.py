"""docs/plan-format.md is the published format: its examples are plans, and it names every kind and member that there is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from banyan.earnings.commission.api.samples import OrderIn
from banyan.earnings.commission.engine import parse_plan
from banyan.earnings.commission.queries import inward
from banyan.earnings.commission.types.document import CONDITIONS, plan_schema
from banyan.kernel import ids

PAGE = (Path(__file__).parents[5] / "docs" / "plan-format.md").read_text()
PLAN = {"format": 1, "title": "T", "unqualified": "breakage", "hold_days": 7, "caps": {"total_bp": 3000}}


def examples() -> Iterator[tuple[str, Any]]:
    for kind, text in re.findall(r"```json (\w+)\n(.*?)```", PAGE, re.DOTALL):
        yield kind, json.loads(re.sub(r"(sku|prd|cat|usr|dst)_…", lambda found: ids.public(found[1], 4711), text))


@pytest.mark.parametrize(("kind", "example"), list(examples()))
def test_an_example_is_what_it_says(kind: str, example: Any) -> None:
    match kind:
        case "plan":
            parse_plan(inward(example))
        case "rule":
            parse_plan(inward({**PLAN, "rules": [example]}))
        case "when":
            seller = {"key": "a", "pays": {"to": "seller"}, "amount": {"kind": "rate", "rate_bp": 1}}
            parse_plan(inward({**PLAN, "rules": [{**seller, "when": example}]}))
        case _:
            OrderIn.model_validate(example)


def test_the_page_names_every_kind_member_and_condition() -> None:
    schema = plan_schema()
    words = set(CONDITIONS)
    for each in (schema, *schema["$defs"].values()):
        words |= set(each.get("properties", {}))
        for name in ("kind", "to"):
            words |= {each.get("properties", {}).get(name, {}).get("const", name)}
    missing = {word for word in words if not re.search(rf"\b{word}\b", PAGE)}
    assert not missing
