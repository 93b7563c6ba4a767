"""The verdict on a plan: a pure function of the plan's facts and one rule set.

Deny by default: where the rule set gives no number or no clause, what would need one is refused and the finding
says that it is refused for want of a source, not because a law forbids it.
"""

from __future__ import annotations

from collections.abc import Iterator

from banyan.kernel.values.money import format_rate
from banyan.rules.compliance.types import (
    Clause,
    Confidence,
    FactId,
    Finding,
    LegalCaps,
    PlanFacts,
    Practice,
    Rule,
    RuleSet,
    RuleSetId,
    Verdict,
)

_UNSOURCED = ("no law named", "-")


def judge(plan: PlanFacts, rules: RuleSet) -> Verdict:
    """Every clause that the plan breaks under these rules; legal when there is none. Raises ValueError on bad facts."""
    if plan.upline_depth_paid < 0 or plan.total_rate_bp < 0 or plan.entry_fee_minor < 0:
        raise ValueError("depth, rate and fee of a plan cannot be negative")
    findings = tuple(
        finding
        for found in (_depth(plan, rules), _rate(plan, rules), _recruitment(plan, rules), _fee(plan, rules),
                      _starter(plan, rules), _team(plan, rules))
        for finding in found
    )  # fmt: skip
    return Verdict(not findings, findings, rules.id, tuple(_notes(plan, rules)))


def caps_of(rules: RuleSet) -> LegalCaps:
    """The numbers for accrual. Where the rules give none the cap is 0: nobody above the seller, no pay at all."""
    banned = rules.network_marketing.rule is Rule.BANNED
    depth = 0 if banned else rules.upline_depth_paid.number or 0
    return LegalCaps(rules.id, depth, rules.total_rate_bp.number or 0)


def no_rule_set(rule_set: RuleSetId, message: str, message_zh: str, clause: Clause = Clause.RULE_SET) -> Verdict:
    """The verdict when there are no rules to judge by: denied."""
    return Verdict(False, (Finding(clause, *_UNSOURCED, None, message, message_zh),), rule_set)


def _finding(rules: RuleSet, clause: Clause, fact_id: FactId | None, message: str, message_zh: str) -> Finding:
    fact = rules.facts.get(fact_id) if fact_id else None
    if fact is None:
        return Finding(clause, *_UNSOURCED, None, message, message_zh)
    return Finding(clause, fact.law, fact.article, fact.id, message, message_zh, fact.text, fact.confidence)


def _depth(plan: PlanFacts, rules: RuleSet) -> Iterator[Finding]:
    paid, limit = plan.upline_depth_paid, rules.upline_depth_paid
    if paid == 0:
        return
    if rules.network_marketing.rule is Rule.BANNED:
        yield _finding(
            rules, Clause.NETWORK_MARKETING, rules.network_marketing.fact_id,
            f"The plan pays {paid} ancestor(s) above the seller; network marketing as such is banned here.",
            f"方案向销售者之上 {paid} 层付佣；本法域禁止网络式营销本身。",
        )  # fmt: skip
    if limit.number is None:
        yield _finding(
            rules, Clause.UPLINE_DEPTH, limit.fact_id,
            f"The plan pays {paid} ancestor(s) above the seller; the sources give no number for this jurisdiction,"
            " so every paid ancestor is denied by default.",
            f"方案向销售者之上 {paid} 层付佣；本法域资料中法律未给出层级数值，默认一律不允许。",
        )  # fmt: skip
    elif paid > limit.number:
        yield _finding(
            rules, Clause.UPLINE_DEPTH, limit.fact_id,
            f"The plan pays {paid} ancestor(s) above the seller; at most {limit.number} may be paid.",
            f"方案向销售者之上 {paid} 层付佣；最多允许 {limit.number} 层。",
        )  # fmt: skip


def _rate(plan: PlanFacts, rules: RuleSet) -> Iterator[Finding]:
    rate, limit = plan.total_rate_bp, rules.total_rate_bp
    if rate == 0:
        return
    shown = format_rate(rate)
    if limit.number is None:
        yield _finding(
            rules, Clause.TOTAL_RATE, limit.fact_id,
            f"The plan pays up to {shown} of a sale; the sources give no number for this jurisdiction,"
            " so pay is denied by default until counsel's number is recorded.",
            f"方案合计付佣至多为成交额的 {shown}；本法域资料中法律未给出比例上限，在记录律师给出的数值之前默认不允许。",
        )  # fmt: skip
    elif rate > limit.number:
        yield _finding(
            rules, Clause.TOTAL_RATE, limit.fact_id,
            f"The plan pays up to {shown} of a sale; at most {format_rate(limit.number)} may be paid.",
            f"方案合计付佣至多为成交额的 {shown}；上限为 {format_rate(limit.number)}。",
        )  # fmt: skip


def _recruitment(plan: PlanFacts, rules: RuleSet) -> Iterator[Finding]:
    if plan.pays_on_recruitment:
        yield from _practice(
            rules, Clause.RECRUITMENT_PAY, rules.recruitment_pay,
            ("The plan pays for people recruited", "方案按发展的人数付佣"),
        )  # fmt: skip


def _starter(plan: PlanFacts, rules: RuleSet) -> Iterator[Finding]:
    if plan.starter_purchase_required:
        yield from _practice(
            rules, Clause.STARTER_PURCHASE, rules.starter_purchase,
            ("The plan demands a purchase to join", "方案以购买商品作为加入条件"),
        )  # fmt: skip


def _team(plan: PlanFacts, rules: RuleSet) -> Iterator[Finding]:
    if plan.pays_on_team_sales:
        yield from _practice(
            rules, Clause.TEAM_PAY, rules.team_pay,
            ("The plan pays on the sales of a whole team, at any depth", "方案按团队（不限层级）销售业绩付佣"),
        )  # fmt: skip


def _fee(plan: PlanFacts, rules: RuleSet) -> Iterator[Finding]:
    fee, entry = plan.entry_fee_minor, rules.entry_fee
    if fee == 0:
        return
    if entry.rule is not Rule.LIMITED:
        yield from _practice(rules, Clause.ENTRY_FEE, entry, ("The plan takes a fee to join", "方案收取入门费"))
    elif plan.currency != entry.currency:
        yield _finding(
            rules, Clause.ENTRY_FEE, entry.fact_id,
            f"The plan takes a fee to join in {plan.currency}; the limit is in {entry.currency} and cannot be compared.",
            f"方案以 {plan.currency} 收取入门费；上限以 {entry.currency} 计，无法比较，默认不允许。",
        )  # fmt: skip
    elif fee > (entry.max_minor or 0):
        yield _finding(
            rules, Clause.ENTRY_FEE, entry.fact_id,
            f"The plan takes a fee of {fee} to join; at most {entry.max_minor} {entry.currency} (minor units) may be taken.",
            f"方案收取入门费 {fee}；上限为 {entry.max_minor} {entry.currency}（最小货币单位）。",
        )  # fmt: skip


def _practice(rules: RuleSet, clause: Clause, practice: Practice, said: tuple[str, str]) -> Iterator[Finding]:
    if practice.rule is Rule.ALLOWED:
        return
    if practice.rule is Rule.SILENT:
        yield _finding(
            rules, clause, practice.fact_id,
            f"{said[0]}; the sources have no clause on this for this jurisdiction, so it is denied by default.",
            f"{said[1]}；本法域资料中没有相关条文，默认不允许。",
        )  # fmt: skip
        return
    fact = rules.facts[practice.fact_id] if practice.fact_id else None
    if fact is not None and fact.value is not True:
        yield _finding(
            rules, clause, practice.fact_id,
            f"{said[0]}; the law forbids this where it is the main or a substantial part of the pay ({fact.value}), and here"
            " it is denied altogether.",
            f"{said[1]}；法律在其为主要或实质部分时予以禁止（{fact.value}），本系统一律不允许。",
        )  # fmt: skip
        return
    yield _finding(rules, clause, practice.fact_id, f"{said[0]}; this is banned.", f"{said[1]}；法律禁止。")


def _notes(plan: PlanFacts, rules: RuleSet) -> Iterator[Finding]:
    if rules.simulation_only:
        yield _finding(
            rules, Clause.SIMULATION_ONLY, rules.upline_depth_paid.fact_id,
            "No law is applied here: simulations only, not for live shops.", "此处不适用任何法律：仅供模拟，不得用于正式店铺。",
        )  # fmt: skip
    if rules.registration.rule is Rule.LIMITED:
        yield _finding(
            rules, Clause.REGISTRATION, rules.registration.fact_id,
            "A registration or license may be needed before selling this way.", "以此方式经营可能须先取得登记或许可。",
        )  # fmt: skip
    used = {rules.total_rate_bp.fact_id} if plan.total_rate_bp else set()
    if plan.upline_depth_paid:
        used.add(rules.upline_depth_paid.fact_id)
    for fact_id in sorted(one for one in used if one):
        if rules.facts[fact_id].confidence is not Confidence.VERIFIED:
            yield _finding(
                rules, Clause.SOURCE, fact_id,
                f"This figure is not read from the text of a law (confidence: {rules.facts[fact_id].confidence}).",
                f"该数值并非直接核对法律原文所得（可信度：{rules.facts[fact_id].confidence}）。",
            )  # fmt: skip
