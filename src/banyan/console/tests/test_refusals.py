"""What was refused is said in the reader's language, with its values and what to do about it; the API keeps the English."""

from __future__ import annotations

import re

import pytest

from banyan.console.tests.asking import post
from banyan.console.tests.conftest import Staffed
from banyan.console.tests.making import make_distributors
from banyan.kernel import ids
from banyan.people.identity.types import Role

ENGLISH = re.compile(r"(The distributor is|Read the|Look at|Correct the|Use the id)")


@pytest.mark.parametrize("page", ["applications", "records"])
def test_a_decision_about_somebody_who_was_decided_about(staffed: Staffed, page: str) -> None:
    (seller,) = make_distributors(staffed, None, drain=False)
    operator = staffed.client(Role.OPERATOR)
    if page == "applications":
        told = post(operator, "/console/applications/decide", pick=ids.public("dst", seller), decision="approve")
    else:
        told = post(operator, "/console/distributors/distributor/", action="approve", _selected_action=seller)
    assert "该分销商当前状态：启用。" in told and not ENGLISH.search(told)
    operator.cookies["django_language"] = "en"
    again = post(operator, "/console/applications/decide", pick=ids.public("dst", seller), decision="approve")
    assert "The distributor is active." in again and "当前状态" not in again


def test_a_page_that_is_refused_as_a_whole(staffed: Staffed) -> None:
    warehouse = staffed.client(Role.WAREHOUSE)
    answer = warehouse.post("/console/pickups/redeem", {"store": "whs_nonsense", "code": "1"})
    told = answer.content.decode()
    assert answer.status_code == 422 and "编号须以 whs_ 开头。" in told and not ENGLISH.search(told)
    assert "请原样使用系统给出的编号" in told


def test_an_event_that_was_decided_about_before(staffed: Staffed) -> None:
    operator = staffed.client(Role.OPERATOR)
    told = post(operator, "/console/set-aside/decide", pick=ids.public("sae", 77), decision="retry")
    assert "没有这个搁置事件。" in told and "No such event" not in told
