"""Commission plans in the console: checked, drafted, approved and published, and refused in the reader's language."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest

from banyan.console.tests.asking import page_of, post
from banyan.console.tests.conftest import Staffed
from banyan.kernel import clock, ids
from banyan.people.identity.types import Role


def _document(rate_bp: int = 500, **changes: Any) -> str:
    rules = [{"key": "seller", "pays": {"to": "seller"}, "amount": {"kind": "rate", "rate_bp": rate_bp}}]
    plan = {"format": 1, "title": "Spring", "unqualified": "breakage", "hold_days": 7, "caps": {"total_bp": 9000}, "rules": rules}
    return json.dumps({**plan, **changes})


def _versions(staffed: Staffed) -> list[Any]:
    from banyan.earnings.commission import queries

    with staffed.shop.enter():
        return queries.list_versions()


def test_a_plan_is_checked_drafted_revised_and_published_in_the_console(staffed: Staffed) -> None:
    operator, finance = staffed.client(Role.OPERATOR), staffed.client(Role.FINANCE)
    assert "&quot;format&quot;: 1" in page_of(operator, "/console/plans/new")
    broken = post(operator, "/console/plans/new", document='{"format": 1,\n "title": }', act="draft")
    assert "第 2 行" in broken and "&quot;title&quot;: }" in broken  # what was typed is not lost
    for nonsense in ("[" * 100_000, '{"format": NaN}', "x" * 400_001, ""):
        post(operator, "/console/plans/new", document=nonsense, act="draft")
    faulty = post(operator, "/console/plans/new", document=_document(hold_days="7", extra=1), act="draft")
    assert "hold_days" in faulty and "须为整数" in faulty and "extra" in faulty
    limits = post(operator, "/console/plans/new", document=_document(hold_days=9999, unqualified="x"), act="check")
    assert "须不大于 3650" in limits and "须为以下之一：compression, breakage" in limits
    checked = post(finance, "/console/plans/new", document=_document(), act="check")
    assert "最多付给上级层数" in checked and "5%" in checked
    assert finance.post("/console/plans/new", {"document": _document(), "act": "draft"}).status_code == 403
    assert _versions(staffed) == []
    kept = post(operator, "/console/plans/new", document=_document(), act="draft", name="春季")
    assert "草稿已保存" in kept
    (first,) = _versions(staffed)
    assert (first.name, first.number, first.status, first.title) == ("春季", 1, "draft", "Spring")
    assert first.drafted_by == ids.public("usr", staffed.people[Role.OPERATOR])
    address = f"/console/plans/{ids.public('plv', first.version_id)}/"
    taken = post(operator, "/console/plans/new", document=_document(), act="draft", name="春季")
    assert "已有同名方案" in taken
    post(operator, f"{address}edit", document=_document(600), act="revise")
    (revised,) = _versions(staffed)
    assert revised.document["rules"][0]["amount"]["rate_bp"] == 600
    assert finance.post(f"{address}publish").status_code == 403
    assert "同一人" in post(operator, f"{address}approve")  # never one's own
    assert "没有第二人审批" in post(operator, f"{address}publish")
    assert "已审批" in post(finance, f"{address}approve", note="看过")
    assert "已发布" in post(operator, f"{address}publish")
    post(operator, f"{address}edit", document=_document(700), act="draft")
    second, first = _versions(staffed)
    assert (second.number, second.status, second.plan_id, first.status) == (2, "draft", first.plan_id, "published")
    refused = post(operator, f"{address}edit", document=_document(800), act="revise")
    assert "请起草新版本" in refused  # what is published stands
    assert "停用方案需要原因" in post(operator, f"{address}retire", reason=" ")
    post(operator, f"{address}retire", reason="活动结束")
    assert _versions(staffed)[1].ended_reason == "活动结束"


def test_the_witness_of_a_plan_names_who_else_is_paid_and_what_the_sale_is(staffed: Staffed) -> None:
    operator = staffed.client(Role.OPERATOR)
    rules = [
        {"key": "seller", "pays": {"to": "seller"}, "amount": {"kind": "rate", "rate_bp": 500}},
        {"key": "own", "pays": {"to": "buyer", "min_tier": "gold"}, "amount": {"kind": "rate", "rate_bp": 300},
         "when": {"all": [{"channel": ["live"]}, {"first_order": True}, {"tag": ["spring"]}]}},
        {"key": "city", "pays": {"to": "regional_partner", "scope": "city"}, "amount": {"kind": "rate", "rate_bp": 100}},
    ]  # fmt: skip
    said = post(operator, "/console/plans/verdict", document=_document(rules=rules))
    facts = dict(re.findall(r"<dt>([^<]*)</dt><dd>(.*?)</dd>", said, re.DOTALL))
    assert facts["已证明：单笔销售最多付"] == "9%"
    assert facts["买家本人（自购）"] == "黄金" and facts["区域代理 市"] == "青铜"
    assert (facts["销售渠道"], facts["买家首单"], facts["标签"]) == ("live", "是", "spring")
    rivals = [{**rules[0], "key": "second", "pays": {"to": "ancestor", "depth": 2}},
              {**rules[0], "key": "team", "pays": {"to": "path", "from_depth": 2, "to_depth": 2}}]  # fmt: skip
    skipping = _document(rules=rivals, unqualified="compression", reach=3, groups={"base": "max"})
    assert "非正常" in post(operator, "/console/plans/verdict", document=skipping)
    ladder = {"kind": "progressive", "by": "figure", "figure": "month_sales_minor",
              "bands": [{"from_minor": 0, "rate_bp": 900}, {"from_minor": 100, "rate_bp": 100}]}  # fmt: skip
    unproven = [{**rules[0], "amount": ladder}, {**rules[0], "key": "second", "amount": ladder}]
    unsaid = post(operator, "/console/plans/verdict", document=_document(rules=unproven))
    assert "其中一条在末档之前最高" in unsaid


def test_the_law_refuses_a_draft_with_its_clauses_in_the_readers_language(staff: Any) -> None:
    staffed = staff(jurisdiction="cn")
    amount = {"kind": "rate", "rate_bp": 900}
    rules = [{"key": f"up{depth}", "pays": {"to": "ancestor", "depth": depth}, "amount": amount} for depth in (1, 2, 3)]
    operator = staffed.client(Role.OPERATOR)
    checked = post(operator, "/console/plans/new", document=_document(rules=rules), act="check")
    assert "不允许" in checked
    post(operator, "/console/plans/new", document=_document(rules=rules), act="draft")
    (draft,) = _versions(staffed)
    address = f"/console/plans/{ids.public('plv', draft.version_id)}/"
    assert "方案违反" in post(operator, f"{address}publish")
    operator.cookies["django_language"] = "en"
    assert "The plan breaks" in post(operator, f"{address}publish")
    assert _versions(staffed)[0].status == "draft"


def test_goods_in_a_plan_are_named_by_public_id(staffed: Staffed) -> None:
    sku = ids.public("sku", 4711)
    rule = {"key": "seller", "pays": {"to": "seller"}, "amount": {"kind": "rate", "rate_bp": 100}, "when": {"sku": [sku]}}
    operator = staffed.client(Role.OPERATOR)
    post(operator, "/console/plans/new", document=_document(rules=[rule]), act="draft")
    (draft,) = _versions(staffed)
    assert draft.document["rules"][0]["when"] == {"sku": [4711]}
    assert sku in page_of(operator, f"/console/plans/{ids.public('plv', draft.version_id)}/edit")


@pytest.mark.parametrize(("language", "title"), [("zh-hans", "新分佣方案"), ("en", "New commission plan")])
def test_a_new_plan_begins_without_a_fault(staffed: Staffed, language: str, title: str) -> None:
    from banyan.earnings.commission import queries as plans

    client = staffed.client(Role.OPERATOR)
    client.cookies["django_language"] = language
    page = client.get("/console/plans/new").content.decode()
    begun = re.search(r'<textarea[^>]*id="document"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    assert begun is not None
    document = json.loads(html.unescape(begun.group(1)))
    assert document["title"] == title
    with staffed.shop.enter():
        report = plans.check_document(document, clock.now())
    assert (report.faults, report.legal) == ((), True)
