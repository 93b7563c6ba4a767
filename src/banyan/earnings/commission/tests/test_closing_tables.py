"""Every row of docs/algorithms/closing.md is run against the engine."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest

from banyan.earnings.commission.engine import compile_plan, parse_plan
from banyan.earnings.commission.engine.trial import PeriodTrial, Sold, try_period
from banyan.earnings.commission.tests.test_worked_tables import instant, pieces, read_lines, read_upline, rows_of
from banyan.earnings.commission.types import LegalCeiling, Member, OrderFacts, PaidOrder, Period


def read_orders(row: dict[str, str], members: dict[str, Member]) -> list[Sold]:
    law = [int(word) for word in row.get("law", "").split()]
    legal = LegalCeiling("table", law[0], law[1]) if law else LegalCeiling("table", 50, None)
    returned: dict[int, int] = {}
    for piece in pieces(row.get("returns", "")):
        number, minor = piece.split(":")
        returned[int(number)] = int(minor)
    sold = []
    for number, piece in enumerate((each.strip() for each in row["orders"].split(";")), start=1):
        amount, path, *words = piece.split()
        day = next((word[4:] for word in words if word.startswith("day=")), f"2026-03-{number:02d}")
        (line,) = read_lines(" ".join([amount, *(word for word in words if not word.startswith("day="))]))
        line = line._replace(line_id=number * 10)
        upline = tuple(members[name]._replace(depth=depth) for depth, name in enumerate(path.split(">")))
        back = {line.line_id: (returned[number], line.base_minor)} if number in returned else {}
        sold.append(Sold(PaidOrder(number, instant(day), (line,), upline, OrderFacts()), legal, back))
    return sold


def run(document: Any, row: dict[str, str]) -> PeriodTrial:
    members = {chr(each.distributor_id): each._replace(depth=0) for each in read_upline(row["members"])}
    return try_period(compile_plan(parse_plan(document)), Period.MONTH, read_orders(row, members), list(members.values()), UTC)


@pytest.mark.parametrize(("document", "row"), [pytest.param(plan, row, id=name) for name, plan, row in rows_of("closing")])
def test_row_is_what_the_close_decides(document: Any, row: dict[str, str]) -> None:
    trial = run(document, row)
    if "rewards" in row:
        found = {f"{chr(each.payee_id)} {each.rule_key} {each.amount_minor}" for each in trial.closing.rewards}
        assert found == pieces(row["rewards"])
        for pot in trial.closing.pots:
            mine = sum(each.amount_minor for each in trial.closing.rewards if each.rule_key == pot.rule_key)
            assert mine == pot.shared_minor in (0, pot.pot_minor)
    if "cuts" in row:
        cuts = {f"{cut.cap} {cut.before_minor}→{cut.limit_minor}" for cut in trial.closing.cuts}
        assert cuts == pieces(row["cuts"])
    if "accrued" in row:
        accrued = {
            f"{order_id} {chr(share.payee_id)} {share.rule_key} {share.amount_minor}"
            for order_id, shares in trial.shares
            for share in shares
        }
        assert accrued == pieces(row["accrued"])
        changed = {
            f"{each.order_id} {chr(each.difference.share.payee_id)} {each.difference.share.rule_key}"
            f" {each.difference.before_minor}→{each.difference.after_minor}"
            for each in trial.adjustments
        }
        assert changed == pieces(row["adjust"])
