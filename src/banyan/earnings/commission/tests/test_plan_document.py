"""A document that is not a plan is told so, with the place of every fault."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from banyan.earnings.commission.engine import PlanDocumentError, parse_plan

SELLER = {"key": "a", "pays": {"to": "seller"}, "amount": {"kind": "rate", "rate_bp": 100}}


def document(**changes: Any) -> dict[str, Any]:
    plan = {"format": 1, "title": "T", "unqualified": "breakage", "hold_days": 7, "caps": {"total_bp": 3000}, "rules": [SELLER]}
    return {**plan, **changes}


def rule(**changes: Any) -> dict[str, Any]:
    return document(rules=[{**SELLER, **changes}])


FAULTY = [
    (document(format=2), "format"),
    (document(title=""), "title"),
    (document(title=5), "title"),
    (document(colour="red"), "colour"),
    (document(unqualified="maybe"), "unqualified"),
    (document(hold_days=-1), "hold_days"),
    (document(hold_days=True), "hold_days"),
    (document(hold_days=1.5), "hold_days"),
    (document(caps={}), "caps.total_bp"),
    (document(caps={"total_bp": 10_001}), "caps.total_bp"),
    (document(caps={"total_bp": 100, "payee": 1}), "caps.payee"),
    (document(caps=None), "caps"),
    (document(rules=[]), "rules"),
    (document(rules="none"), "rules"),
    (document(rules=[SELLER, SELLER]), "rules[1].key"),
    (document(rules=["x"]), "rules[0]"),
    (document(groups={"base": "sum"}), "groups.base"),
    (document(groups={"other": "add"}), "rules[0].group"),
    (document(reach=3), "reach"),
    (document(unqualified="compression", reach=1, rules=[{**SELLER, "pays": {"to": "ancestor", "depth": 2}}]), "reach"),
    (document(terms={"entry_fee_minor": "none"}), "terms.entry_fee_minor"),
    (rule(key="Über"), "rules[0].key"),
    (rule(pays={"to": "friend"}), "rules[0].pays.to"),
    (rule(pays={"to": "ancestor"}), "rules[0].pays.depth"),
    (rule(pays={"to": "ancestor", "depth": 0}), "rules[0].pays.depth"),
    (rule(pays={"to": "seller", "depth": 1}), "rules[0].pays.depth"),
    (rule(pays={"to": "seller", "min_tier": "iron"}), "rules[0].pays.min_tier"),
    (rule(pays={"to": "earner"}), "rules[0].pays.to"),
    (rule(amount={"kind": "gift"}), "rules[0].amount.kind"),
    (rule(amount={"kind": "rate", "rate_bp": "5%"}), "rules[0].amount.rate_bp"),
    (rule(amount={"kind": "fixed", "minor": 5}), "rules[0].amount.per"),
    (rule(amount={"kind": "progressive", "by": "line", "bands": []}), "rules[0].amount.bands"),
    (
        rule(amount={"kind": "progressive", "by": "line", "bands": [{"from_minor": 5, "rate_bp": 1}]}),
        "rules[0].amount.bands[0].from_minor",
    ),
    (
        rule(
            amount={
                "kind": "whole_band",
                "by": "order",
                "bands": [{"from_minor": 0, "rate_bp": 1}, {"from_minor": 0, "rate_bp": 2}],
            }
        ),
        "rules[0].amount.bands[1].from_minor",
    ),
    (rule(amount={"kind": "whole_band", "by": "figure", "bands": [{"from_minor": 0, "rate_bp": 1}]}), "rules[0].amount.figure"),
    (rule(amount={"kind": "multiplier", "of": "base", "times_bp": 9_999}), "rules[0].amount.times_bp"),
    (rule(amount={"kind": "multiplier", "of": "base", "times_bp": 20_000}), "rules[0].amount.of"),
    (rule(amount={"kind": "uplift", "of": "nowhere", "rate_bp": 10}), "rules[0].amount.of"),
    (rule(when={}), "rules[0].when"),
    (rule(when={"tag": ["a"], "sku": [1]}), "rules[0].when"),
    (rule(when={"tag": []}), "rules[0].when.tag"),
    (rule(when={"sku": [0]}), "rules[0].when.sku[0]"),
    (rule(when={"sku": [10**30]}), "rules[0].when.sku[0]"),
    (rule(when={"payee_tier": ["iron"]}), "rules[0].when.payee_tier[0]"),
    (rule(when={"all": [{"tag": ["a"]}, {"moon": 1}]}), "rules[0].when.all[1]"),
    (rule(when={"window": {}}), "rules[0].when.window"),
    (rule(when={"window": {"from": "2026-03-01"}}), "rules[0].when.window.from"),
    (rule(when={"window": {"from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"}}), "rules[0].when.window.to"),
    (rule(when={"new_goods_days": 0}), "rules[0].when.new_goods_days"),
    (rule(caps={"line_minor": -1}), "rules[0].caps.line_minor"),
    (rule(priority="high"), "rules[0].priority"),
    (rule(colour=1), "rules[0].colour"),
]


@pytest.mark.parametrize(("faulty", "path"), FAULTY, ids=[path for _, path in FAULTY])
def test_fault_is_named_with_its_path(faulty: Any, path: str) -> None:
    with pytest.raises(PlanDocumentError) as refused:
        parse_plan(faulty)
    assert path in [fault.path for fault in refused.value.faults]


@pytest.mark.parametrize(
    ("faulty", "words"),
    [
        (rule(key="A B"), "a-z 0-9 - _"),
        (rule(when={"time_of_day": {"from": "20:00", "to": "24:00"}}), "00:00 … 23:59"),
        (rule(when={"region": ["440"]}), "44 / 4403 / 440304"),
        (rule(amount={"kind": "multiplier", "of": "base", "times_bp": 20_000}), "a group beside the one that it works on"),
    ],
)
def test_a_fault_says_what_to_write(faulty: Any, words: str) -> None:
    with pytest.raises(PlanDocumentError) as refused:
        parse_plan(faulty)
    assert any(words in fault.message for fault in refused.value.faults)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(PlanDocumentError) as refused:
        parse_plan(document(title="", hold_days=-1, rules=[{**SELLER, "priority": -1, "x": 1}]))
    assert {fault.path for fault in refused.value.faults} == {"title", "hold_days", "rules[0].priority", "rules[0].x"}


def test_the_example_is_a_plan() -> None:
    assert parse_plan(document()).rules[0].key == "a"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8) | st.sampled_from(["rules", "caps", "when", "all"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(
    json_values,
    st.sampled_from(["", "title", "caps", "rules", "groups", "terms", "reach", "pays", "amount", "when", "key", "priority"]),
)
def test_no_json_makes_the_parser_fail_in_another_way(value: Any, place: str) -> None:
    """Any JSON in any place is a plan or a PlanDocumentError, never another exception."""
    if place == "":
        faulty = value
    elif place in ("pays", "amount", "when", "key", "priority"):
        faulty = rule(**{place: value})
    else:
        faulty = document(**{place: value})
    with contextlib.suppress(PlanDocumentError):
        parse_plan(faulty)
