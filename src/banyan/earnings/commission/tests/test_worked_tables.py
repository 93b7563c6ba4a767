"""Every row of docs/algorithms is run against the engine: the pages cannot say what the code does not do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from banyan.earnings.commission.engine import compile_plan, parse_plan, reverse_line
from banyan.earnings.commission.types import LegalCeiling, Member, OrderFacts, PaidLine, PaidOrder, Share, Spent, Trace

PAGES = Path(__file__).parents[5] / "docs" / "algorithms"
ALGORITHMS = (
    "fixed", "rate", "progressive", "whole_band", "conditions", "overlay_stacking", "caps", "compression_breakage", "rounding",
    "buyer", "path", "differential", "generation", "beside", "margin_units", "conditions_order", "caps_more", "priority",
    "overlay_more",
)  # fmt: skip


def rows_of(page: str) -> Iterator[tuple[str, Any, dict[str, str]]]:
    """(id, plan document above the table, row) of every table row of a page."""
    document: Any = None
    header: list[str] = []
    block: list[str] | None = None
    for text in (PAGES / f"{page}.md").read_text().splitlines():
        if text.startswith("```json"):
            block = []
        elif text.startswith("```") and block is not None:
            document, block = json.loads("\n".join(block)), None
        elif block is not None:
            block.append(text)
        elif text.startswith("|"):
            cells = [cell.strip() for cell in text.strip().strip("|").split("|")]
            if not header:
                header = cells
            elif not re.fullmatch(r"[-| ]+", text):
                assert len(cells) == len(header), f"{page}: {text}"
                row = dict(zip(header, cells, strict=True))
                yield f"{page}: {row['case']}", document, row
        else:
            header = []


def read_lines(text: str) -> tuple[PaidLine, ...]:
    lines = []
    for number, part in enumerate(filter(None, (piece.strip() for piece in text.split(";"))), start=1):
        amount, *words = part.split()
        named = dict(word.split("=", 1) for word in words if "=" in word)
        quantity = next((int(word[1:]) for word in words if word.startswith("x")), 1)
        listed = named.get("listed")
        lines.append(
            PaidLine(
                number,
                int(amount),
                quantity,
                int(named.get("sku", 1)),
                tuple(int(step) for step in named.get("category", "99").split("/")),
                tuple(filter(None, named.get("tag", "").split(","))),
                instant(listed) if listed else None,
                int(named.get("product", 1)),
                int(named["supplier"]) if "supplier" in named else None,
                int(named.get("cost", 0)),
            )
        )
    return tuple(lines)


def read_upline(text: str) -> tuple[Member, ...]:
    members = []
    for depth, part in enumerate(filter(None, (piece.strip() for piece in text.split(";")))):
        name, tier, *words = part.split()
        figures = {key: int(value) for key, value in (word.split("=") for word in words if "=" in word)}
        status = next((word for word in words if "=" not in word), "active")
        members.append(Member(ord(name), depth, tier, status, figures or None))
    return tuple(members)


def read_person(text: str, separator: str = " ") -> Member:
    name, tier, *words = text.split(separator)
    return Member(ord(name), 0, tier, words[0] if words else "active")


def read_facts(buyer: str, order: str) -> OrderFacts:
    """`buyer`: NAME tier [status]; `order`: words, as the pages' README lists them."""
    facts = OrderFacts(buyer=read_person(buyer) if buyer else None)
    budget, payees, rules = 0, [], []
    for word in order.split():
        name, _, value = word.partition("=")
        match name:
            case "channel":
                facts = facts._replace(channel=value)
            case "region":
                facts = facts._replace(region_code=value)
            case "first" | "again":
                facts = facts._replace(first_order=name == "first")
            case "at":
                facts = facts._replace(local_minute=int(value[:2]) * 60 + int(value[3:]))
            case "partner":
                scope, _, person = value.partition(":")
                facts = facts._replace(partners=(*facts.partners, (scope, read_person(person, ":"))))
            case "person":
                facts = facts._replace(people=(*facts.people, read_person(value, ":")))
            case "spent":
                budget = int(value)
            case "spent_by":
                payee, minor = value.split(":")
                payees.append((ord(payee), int(minor)))
            case "rule_spent":
                rule, payee, minor = value.split(":")
                rules.append((rule, ord(payee), int(minor)))
            case _:
                raise AssertionError(word)
    return facts._replace(spent=Spent(budget, tuple(payees), tuple(rules)))


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def written(shares: list[Share], line_count: int) -> set[str]:
    mark = "#{}" if line_count > 1 else ""
    return {f"{chr(each.payee_id)} {each.rule_key}{mark.format(each.line_id)} {each.amount_minor}" for each in shares}


def told(trace: Trace) -> set[str]:
    skips = {f"{chr(skip.payee_id) if skip.payee_id else '-'} {skip.reason}" for skip in trace.skipped}
    return skips | {f"cut {cut.cap} {cut.before_minor}→{cut.after_minor}" for cut in trace.cuts}


def pieces(text: str) -> set[str]:
    return {piece.strip() for piece in text.split(";") if piece.strip()}


@pytest.mark.parametrize(
    ("document", "row"), [pytest.param(plan, row, id=name) for page in ALGORITHMS for name, plan, row in rows_of(page)]
)
def test_row_is_what_the_engine_decides(document: Any, row: dict[str, str]) -> None:
    plan = compile_plan(parse_plan(document))
    order = PaidOrder(1, instant(row.get("paid") or "2026-03-01"), read_lines(row["lines"]), read_upline(row["upline"]),
                      read_facts(row.get("buyer", ""), row.get("order", "")))  # fmt: skip
    law = [int(word) for word in row.get("law", "").split()]
    legal = LegalCeiling("table", law[0], law[1]) if law else LegalCeiling("table", 50, None)
    shares = plan.decide(order, legal)
    assert written(shares, len(order.lines)) == pieces(row["shares"])
    trace = plan.trace(order, legal)
    assert list(trace.shares) == shares
    expected = pieces(row.get("trace", ""))
    assert expected <= told(trace)
    cuts = {piece for piece in told(trace) if piece.startswith("cut ")}
    assert cuts == {piece for piece in expected if piece.startswith("cut ")} or "trace" not in row


@pytest.mark.parametrize("row", [pytest.param(row, id=name) for name, _, row in rows_of("clawback")])
def test_clawback_row(row: dict[str, str]) -> None:
    returned = reversed_minor = 0
    steps = []
    for refund in row["refunds"].split(";"):
        step = reverse_line(
            int(row["commission"]),
            of_minor=int(row["of"]),
            returned_before_minor=returned,
            reversed_before_minor=reversed_minor,
            refund_minor=int(refund),
        )
        returned += step.returned_minor
        reversed_minor += step.amount_minor
        steps.append(step.amount_minor)
    assert steps == [int(piece) for piece in row["reversed"].split(";")]


def test_every_page_is_run_and_has_rows() -> None:
    pages = {page.stem for page in PAGES.glob("*.md")} - {"README"}
    assert pages >= {*ALGORITHMS, "clawback"}
    assert all(sum(1 for _ in rows_of(page)) >= 3 for page in (*ALGORITHMS, "clawback"))
