"""Golden rows: what each shipped jurisdiction file says, and what it does to five plans.

A change of a law file must change a row here, on purpose.
"""

from __future__ import annotations

import runpy
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from banyan.rules.compliance import engine
from banyan.rules.compliance.queries import law
from banyan.rules.compliance.types import (
    Clause,
    Confidence,
    CounselNumbers,
    PlanFacts,
    Reading,
    Rule,
)

B, S, A, L = Rule.BANNED, Rule.SILENT, Rule.ALLOWED, Rule.LIMITED

# rule set id: depth, rate bp, recruitment pay, entry fee, starter purchase, network marketing as such
GOLDEN: dict[str, tuple[int | None, int | None, Rule, Rule, Rule, Rule]] = {
    "ae.letter.undated": (None, None, B, S, S, S),
    "au.letter.2011-01-01": (None, None, B, S, S, S),
    "ca.letter.1993-01-01": (None, None, B, S, B, S),
    "cn.letter.2005-12-01": (0, 3000, B, B, B, S),
    "cn.practice.2005-12-01": (1, 3000, B, B, B, S),
    "eu.letter.2007-12-12": (None, None, B, S, S, S),
    "gb.letter.1973-01-01": (None, None, B, S, S, S),
    "hk.letter.2012-01-01": (None, None, B, S, S, S),
    "id.letter.2026-01-15": (None, 4000, B, S, S, S),
    "in.letter.2021-12-28": (None, None, B, B, B, S),
    "jp.letter.undated": (None, None, S, S, S, S),
    "kr.letter.2026-10-02": (1, 3500, B, L, B, S),
    "my.letter.2011-03-01": (None, None, B, S, S, S),
    "om.letter.2021-01-01": (0, None, S, S, S, B),
    "ph.letter.1992-01-01": (None, None, B, S, S, S),
    "sa.letter.undated": (None, None, B, S, S, S),
    "sandbox.sandbox.undated": (1000, 10_000, A, A, A, A),
    "sg.letter.2002-01-01": (None, None, B, B, B, B),
    "th.letter.2002-08-28": (None, None, B, S, B, S),
    "tw.letter.2014-01-29": (None, None, B, S, B, S),
    "us.letter.1975-01-01": (None, None, B, S, S, S),
    "vn.letter.2018-05-02": (None, 4000, B, B, B, S),
}
RULE_SETS = {rules.id: rules for one in law.list_jurisdictions() for rules in one.rule_sets}


def test_every_file_has_its_golden_row_and_no_row_is_left_over() -> None:
    assert sorted(RULE_SETS) == sorted(GOLDEN)
    assert len(law.list_jurisdiction_codes()) == 21  # 20 jurisdictions and the sandbox


@pytest.mark.parametrize("rule_set_id", sorted(GOLDEN))
def test_file_says_what_the_golden_row_says(rule_set_id: str) -> None:
    rules = RULE_SETS[rule_set_id]
    said = (
        rules.upline_depth_paid.number, rules.total_rate_bp.number, rules.recruitment_pay.rule, rules.entry_fee.rule,
        rules.starter_purchase.rule, rules.network_marketing.rule,
    )  # fmt: skip
    assert said == GOLDEN[rule_set_id]


@pytest.mark.parametrize("rule_set_id", sorted(GOLDEN))
def test_verdicts_follow_the_golden_row(rule_set_id: str) -> None:
    depth, rate, recruitment, fee, starter, network = GOLDEN[rule_set_id]
    rules = RULE_SETS[rule_set_id]

    def broken(plan: PlanFacts) -> set[Clause]:
        verdict = engine.judge(plan, rules)
        assert verdict.legal is (not verdict.findings)
        return {finding.clause for finding in verdict.findings}

    assert broken(PlanFacts(0, 0)) == set()
    assert broken(PlanFacts(0, rate or 0)) == set()
    assert broken(PlanFacts(0, (rate or 0) + 1)) == {Clause.TOTAL_RATE}
    if network is B:
        assert broken(PlanFacts(1, 0)) == {Clause.UPLINE_DEPTH, Clause.NETWORK_MARKETING}
    else:
        assert broken(PlanFacts(depth or 0, 0)) == set()
        assert broken(PlanFacts((depth or 0) + 1, 0)) == {Clause.UPLINE_DEPTH}
    assert broken(PlanFacts(0, 0, pays_on_recruitment=True)) == (set() if recruitment is A else {Clause.RECRUITMENT_PAY})
    assert broken(PlanFacts(0, 0, entry_fee_minor=1)) == (set() if fee is A else {Clause.ENTRY_FEE})
    assert broken(PlanFacts(0, 0, starter_purchase_required=True)) == (set() if starter is A else {Clause.STARTER_PURCHASE})


@pytest.mark.parametrize("rule_set_id", sorted(GOLDEN))
def test_every_ban_names_its_law_and_every_silence_says_so(rule_set_id: str) -> None:
    rules = RULE_SETS[rule_set_id]
    worst = PlanFacts(101, 10_001, True, 10**9, True, True, "XXX") if rules.simulation_only is False else PlanFacts(1001, 10_001)
    for finding in engine.judge(worst, rules).findings:
        assert finding.message and finding.message_zh
        if finding.fact_id is None:
            assert "denied by default" in finding.message and "默认" in finding.message_zh
        else:
            fact = rules.facts[finding.fact_id]
            assert (finding.law, finding.article, finding.text) == (fact.law, fact.article, fact.text)
            assert fact.law != "same"
            # A fact that says "the law has no number" also leads to a denial that says it is by default.
            assert fact.value is not None or "denied by default" in finding.message


def test_each_fact_is_sourced_or_says_that_it_is_from_memory() -> None:
    facts = [fact for one in law.list_jurisdictions() if one.code != "sandbox" for fact in one.facts]
    assert len(facts) == 224
    assert {fact.confidence for fact in facts} == {Confidence.VERIFIED, Confidence.PARTIAL, Confidence.MEMORY}
    assert sum(fact.confidence is Confidence.VERIFIED for fact in facts) == 152
    assert all(fact.source for fact in facts if fact.confidence is Confidence.VERIFIED)


def test_china_ships_as_letter_and_practice_and_only_the_letter_is_law() -> None:
    letter, practice = law.get_jurisdiction("CN").rule_sets
    assert (letter.reading, letter.is_law, letter.upline_depth_paid.number) == (Reading.LETTER, True, 0)
    assert (practice.reading, practice.is_law, practice.upline_depth_paid.number) == (Reading.PRACTICE, False, 1)
    finding = engine.judge(PlanFacts(1, 1000), letter).findings[0]
    assert (finding.law, finding.article, finding.fact_id) == ("禁止传销条例", "第七条(三)", "cn.04.max_upline_levels_paid")
    verdict = engine.judge(PlanFacts(1, 1000), practice)
    assert verdict.legal
    assert [note.fact_id for note in verdict.notes if note.clause is Clause.SOURCE] == ["cn.05.max_upline_levels_paid"]
    assert not engine.judge(PlanFacts(2, 1000), practice).legal
    team = engine.judge(PlanFacts(0, 1000, pays_on_team_sales=True), practice)
    assert [one.fact_id for one in team.findings] == ["cn.03.downline_sales_pay_banned"]


def test_rule_sets_are_dated() -> None:
    letter = law.get_jurisdiction("cn").rule_sets[0]
    start = datetime(2005, 12, 1, tzinfo=UTC)
    assert engine.select_rule_set([letter], Reading.LETTER, start) is letter
    assert engine.select_rule_set([letter], Reading.LETTER, start - timedelta(days=1)) is None
    assert engine.select_rule_set([letter], Reading.PRACTICE, start) is None


def test_korea_takes_a_small_yearly_fee_in_its_own_currency_only() -> None:
    rules = RULE_SETS["kr.letter.2026-10-02"]
    assert engine.judge(PlanFacts(1, 3500, entry_fee_minor=50_000, currency="KRW"), rules).legal
    assert not engine.judge(PlanFacts(1, 3500, entry_fee_minor=50_001, currency="KRW"), rules).legal
    other = engine.judge(PlanFacts(1, 3500, entry_fee_minor=1, currency="CNY"), rules)
    assert [one.clause for one in other.findings] == [Clause.ENTRY_FEE]


def test_counsel_fills_only_what_the_law_leaves_open() -> None:
    japan = RULE_SETS["jp.letter.undated"]
    lifted = engine.counsel_rule_set(japan, CounselNumbers(3, 4000))
    assert engine.judge(PlanFacts(3, 4000), lifted).legal
    assert not engine.judge(PlanFacts(4, 4000), lifted).legal
    assert not lifted.is_law
    china = engine.counsel_rule_set(RULE_SETS["cn.letter.2005-12-01"], CounselNumbers(9, 9000))
    assert (china.upline_depth_paid.number, china.total_rate_bp.number) == (0, 3000)
    singapore = engine.counsel_rule_set(RULE_SETS["sg.letter.2002-01-01"], CounselNumbers(3, 4000))
    assert not engine.judge(PlanFacts(1, 4000), singapore).legal
    assert engine.caps_of(singapore).upline_depth_paid == 0


def test_a_rule_set_that_names_an_unknown_fact_does_not_load() -> None:
    from importlib import resources

    page = yaml.safe_load((resources.files("banyan.rules.compliance") / "law" / "cn.yaml").read_text(encoding="utf-8"))
    page["rule_sets"][0]["entry_fee"]["fact"] = "cn.99.nowhere"
    with pytest.raises(ValueError, match=r"cn\.99\.nowhere"):
        engine.parse_jurisdiction(page)


def test_caps_without_numbers_are_zero() -> None:
    caps = engine.caps_of(RULE_SETS["us.letter.1975-01-01"])
    assert (caps.upline_depth_paid, caps.total_rate_bp) == (0, 0)


def test_files_are_what_the_converter_makes(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[5]
    source = root.parent / "shared" / "data" / "law" / "jurisdictions.yaml"
    script = root / "scripts" / "convert_law.py"
    if not source.exists() or not script.exists():
        pytest.skip("the compilation lies outside of the project and is not here")
    for path in runpy.run_path(str(script))["convert"](source, tmp_path):
        committed = root / "src" / "banyan" / "rules" / "compliance" / "law" / path.name
        assert path.read_text(encoding="utf-8") == committed.read_text(encoding="utf-8"), path.name
