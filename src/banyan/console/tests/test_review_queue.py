"""The review queue with 3,000 open statements: every one on exactly one page, totals right, decided in one go or not at all."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from banyan.console.tests.conftest import Staffed
from banyan.people.identity.types import Role

OPEN = 3_000


@pytest.mark.slow
def test_three_thousand_statements(staffed: Staffed, driven_clock: Callable[..., None]) -> None:
    from datetime import UTC, datetime

    from banyan.earnings.settlement.tests import making
    from banyan.kernel import sql

    driven_clock(datetime(2026, 3, 1, 2, 0, tzinfo=UTC))
    with staffed.shop.enter():
        making.open_policy()
        payees = making.make_distributors(OPEN, account=False)
        making.earn([(payee, 1_000 + 7 * place) for place, payee in enumerate(payees)])
    driven_clock(datetime(2026, 4, 2, 2, 0, tzinfo=UTC))
    with staffed.shop.enter():
        making.open_all()
    client = staffed.client(Role.FINANCE)
    expected = sum(1_000 + 7 * place for place in range(OPEN))

    for order in ("priority", "amount", "oldest"):
        seen, amounts, address = [], [], f"/console/review/?order={order}"
        while address:
            text = client.get(address).content.decode()
            page = re.findall(r'name="pick" value="(stm_\w+):(\d+)"', text)
            seen += [one for one, _amount in page]
            amounts += [int(amount) for _one, amount in page]
            assert f'name="shown_count" value="{OPEN}"' in text
            assert f'name="shown_minor" value="{expected}"' in text
            following = re.search(r'href="(\?[^"]*cursor=[^"]+)"[^>]*>\s*下一页', text)
            address = "/console/review/" + following.group(1).replace("&amp;", "&") if following else ""
        assert len(seen) == len(set(seen)) == OPEN, order
        assert sum(amounts) == expected
        if order == "amount":
            assert amounts == sorted(amounts, reverse=True)

    filters = "state=waiting&from=15&to=50"
    wanted = [amount for amount in amounts if 1_500 <= amount <= 5_000]
    form = {"decision": "hold", "scope": "all", "filters": filters, "reason": "spot check", "shown_count": str(len(wanted)),
            "shown_minor": str(sum(wanted) + 1)}  # fmt: skip
    assert client.post("/console/review/decide", form).status_code == 302
    assert _held(staffed) == 0  # the sum was not what the page would have shown: nothing happens
    client.post("/console/review/decide", {**form, "shown_minor": str(sum(wanted))})
    assert _held(staffed) == len(wanted)
    with staffed.shop.enter():
        reasons = sql.fetch("SELECT DISTINCT reason FROM settlement_statements WHERE status = 'held'")
    assert reasons == [("spot check",)]


@pytest.mark.parametrize("cursor", ["x", "W10", "WzEsMiwzLDRd", "WyJhIiwiYiIsMV0", "////", "WzEsIjIwMjYtMDEtMDEiLDFd"])
def test_a_broken_cursor_starts_anew_and_broken_filters_show_nothing_wrong(staffed: Staffed, cursor: str) -> None:
    client = staffed.client(Role.FINANCE)
    for words in (
        f"cursor={cursor}",
        "from=abc&to=1e999",
        "state=zzz&order=zzz&tier=zzz",
        "code=NOBODY12",
        "from=-5&to=99999999999999",
    ):
        assert client.get(f"/console/review/?{words}").status_code == 200, words


def test_only_reviewers_decide(staffed: Staffed) -> None:
    for role in (Role.OPERATOR, Role.AUDITOR, Role.WAREHOUSE):
        assert staffed.client(role).post("/console/review/decide", {"decision": "approve"}).status_code == 403, role


def test_nonsense_posted_to_the_queue_is_no_accident(staffed: Staffed) -> None:
    client = staffed.client(Role.FINANCE)
    for form in (
        {"decision": "approve", "statement": "a/b\nc", "pick": "stm_x:1"},
        {"decision": "approve", "pick": ["stm_0000000000000:999999999999999999999999", ":", "x" * 5000]},
        {"decision": "nothing", "filters": "a\r\nLocation: x"},
        {"decision": "reject", "scope": "all", "filters": "%%%", "shown_count": "x"},
    ):
        answer = client.post("/console/review/decide", form)
        assert answer.status_code == 302, form
        assert answer["Location"].startswith("/console/review/"), form


def _held(staffed: Any) -> int:
    from banyan.kernel import sql

    with staffed.shop.enter():
        return int(sql.fetch("SELECT count(*) FROM settlement_statements WHERE status = 'held'")[0][0])
