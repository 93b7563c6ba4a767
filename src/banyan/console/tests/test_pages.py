"""Pages that act: events set aside, applications, the law's acknowledgement, the audited reveal, the explain page's tenants."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from banyan.console.tests.conftest import Staffed
from banyan.kernel import clock, events
from banyan.people.identity.types import Role


@dataclass(frozen=True)
class Poisonable(events.Event):
    kind = "console_test.poisonable"
    number: int
    occurred_at: datetime


@pytest.fixture
def broken() -> Iterator[set[int]]:
    """A reaction that refuses the numbers in this set."""
    from banyan.kernel.events import core

    refused: set[int] = set()

    @events.reaction("console_test.refuse", on=(Poisonable,), batch=10)
    def refuse(batch: list[Poisonable]) -> None:
        if any(event.number in refused for event in batch):
            raise ValueError("poison")

    yield refused
    core._reactions.pop("console_test.refuse", None)


def _set_aside(staffed: Staffed, *numbers: int) -> None:
    with staffed.shop.enter():
        events.record([Poisonable(number, clock.now()) for number in numbers])
    events.drain(staffed.shop.id, names={"console_test.refuse"})


def test_set_aside_events_are_seen_retried_and_dismissed_with_a_reason(staffed: Staffed, broken: set[int]) -> None:
    broken |= {2, 3}
    _set_aside(staffed, 1, 2, 3, 4)
    client = staffed.client(Role.OPERATOR)
    picks = re.findall(r'name="pick" value="(sae_\w+)"', client.get("/console/set-aside/").content.decode())
    assert len(picks) == 2
    broken.discard(2)
    assert client.post("/console/set-aside/decide", {"decision": "retry", "pick": picks}).status_code == 302
    left = re.findall(r'name="pick" value="(sae_\w+)"', client.get("/console/set-aside/").content.decode())
    assert len(left) == 1
    client.post("/console/set-aside/decide", {"decision": "dismiss", "pick": left})  # no reason: nothing happens
    assert left[0] in client.get("/console/set-aside/").content.decode()
    client.post("/console/set-aside/decide", {"decision": "dismiss", "pick": [*left, "sae_nonsense"], "reason": "test event"})
    assert "sae_" not in client.get("/console/set-aside/").content.decode()
    assert "已忽略: test event" in client.get("/console/set-aside/?state=all").content.decode()


def test_the_acknowledgement_is_recorded_with_the_words_that_were_shown(staffed: Staffed) -> None:
    from banyan.rules.compliance import queries

    client = staffed.client(Role.OPERATOR)
    text = client.get("/console/law/").content.decode()
    shown = re.search(r'name="statement" value="([^"]+)"', text)
    assert shown is not None
    form = {"reading": "practice", "statement": shown.group(1)}
    client.post("/console/law/acknowledge", form)  # the box was not ticked
    with staffed.shop.enter():
        assert queries.list_acknowledgements() == []
    client.post("/console/law/acknowledge", {**form, "agreed": "yes"})
    with staffed.shop.enter():
        kept = queries.list_acknowledgements()
        assert [(one.statement, one.accepted_by_id) for one in kept] == [(shown.group(1), staffed.people[Role.OPERATOR])]
        assert queries.caps_at(clock.now()).upline_depth_paid == 1
    client.post("/console/law/withdraw", {"reason": "counsel advised against it"})
    with staffed.shop.enter():
        assert queries.caps_at(clock.now()).upline_depth_paid == 0


def test_a_reveal_needs_a_reason_and_leaves_a_row(staffed: Staffed) -> None:
    from banyan.kernel import ids, sql

    subject = staffed.people[Role.CONSUMER]
    address = f"/console/people/{ids.public('usr', subject)}/reveal"
    client = staffed.client(Role.OPERATOR)
    assert "consumer person" not in client.get(address).content.decode()
    assert "consumer person" not in client.post(address, {"reason": "x"}).content.decode()
    answer = client.post(address, {"reason": "ticket 5: wrong parcel"})
    assert "consumer person" in answer.content.decode()
    assert answer["Cache-Control"] == "no-store"
    with staffed.shop.enter():
        rows = sql.fetch("SELECT viewer_id, subject_id, reason FROM console_reveals")
        logged = sql.fetch("SELECT actor FROM audit_entries WHERE table_name = 'console_reveals'")
    assert rows == [(staffed.people[Role.OPERATOR], subject, "ticket 5: wrong parcel")]
    assert logged == [(ids.public("usr", staffed.people[Role.OPERATOR]),)]
    assert staffed.client(Role.WAREHOUSE).post(address, {"reason": "curious me"}).status_code == 403
    seen = staffed.client(Role.AUDITOR).get("/console/audit/?table=console_reveals").content.decode()
    for word in ("查看个人信息记录", "console_reveals", "后台操作", 'title="viewer_id">查看'):
        assert word in seen, word  # in words, with the code beside it


def test_applications_are_approved_and_refused_one_by_one(staffed: Staffed) -> None:
    from banyan.people.distributors import commands, queries
    from banyan.people.distributors.types import Application, Status

    with staffed.shop.enter():
        commands.apply([Application(staffed.people[role], None, clock.now()) for role in (Role.CONSUMER, Role.WAREHOUSE)])
    client = staffed.client(Role.OPERATOR)
    picks = re.findall(r'name="pick" value="(dst_\w+)"', client.get("/console/applications/").content.decode())
    assert len(picks) == 2
    client.post("/console/applications/decide", {"decision": "reject", "pick": picks[:1]})  # no reason
    client.post("/console/applications/decide", {"decision": "approve", "pick": [picks[1], "dst_nonsense"]})
    with staffed.shop.enter():
        assert sorted(one.status for one in queries.list_distributors(None, 10)) == [Status.ACTIVE, Status.APPLIED]


@pytest.mark.parametrize(
    "page", ["commissions/{}/explain", "orders/{}/money", "statements/{}/", "network/{}/", "people/{}/reveal"]
)
@pytest.mark.parametrize("text", ["cms_0000000000000", "ord_zzzzzzzzzzzzz", "x", "dst_aaaaaaaaaaaaa", "%00", "stm_e5a3fmgt3seft"])
def test_ids_that_name_nothing_here_are_not_found(staffed: Staffed, page: str, text: str) -> None:
    assert staffed.client(Role.FINANCE).get(f"/console/{page.format(text)}").status_code == 404


@pytest.mark.parametrize(
    "address",
    ["review/?code=%00", "review/?cursor=%00&tier=%00", "network/?q=%00", "audit/?table=%00", "audit/?row=9999999999999999999",
     "audit/?day=x", "set-aside/?reaction=%00", "sellers/?q=%00&status=x", "applications/?cursor=%00", "law/%00/", "?days=%00",
     "network/?q=%F0%9F%98%80",
     "sellers/?cursor=WzFd", "sellers/?cursor=!!", "audit/?cursor=!!"],
)  # fmt: skip
def test_no_filter_breaks_a_page(staffed: Staffed, address: str) -> None:
    for role in (Role.AUDITOR, Role.FINANCE):
        assert staffed.client(role).get(f"/console/{address}").status_code < 500, (address, role)


def test_lists_of_the_back_office_have_one_look(staffed: Staffed) -> None:
    """Money is money, states are words, public ids lead on: also in a house's own list."""
    from banyan.people.distributors import commands
    from banyan.people.distributors.types import Application

    with staffed.shop.enter():
        commands.apply([Application(staffed.people[Role.CONSUMER], None, clock.now())])
    text: Any = staffed.client(Role.OPERATOR).get("/console/distributors/distributor/").content.decode()
    assert "bn-pill" in text or "申请" in text
    assert re.search(r'href="/console/network/dst_\w+/"', text)


@pytest.mark.parametrize(
    "address",
    ["returns/ret_zzzzzzzzzzzzz/", "network/dst_zzzzzzzzzzzzz/sponsor", "plans/plv_zzzzzzzzzzzzz/", "plans/x/edit", "plans/%00/",
     "network/dst_%00/sponsor"],
)  # fmt: skip
def test_ids_of_the_new_pages_that_name_nothing_are_not_found(staffed: Staffed, address: str) -> None:
    assert staffed.client(Role.OPERATOR).get(f"/console/{address}").status_code == 404
