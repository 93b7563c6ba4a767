"""One closing with everything it decided, computed again from what was frozen with it and compared with what was booked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from banyan.earnings.commission.engine.closing import ClosingSums, RuleSales, decide_closing
from banyan.earnings.commission.models import ClosingRow
from banyan.earnings.commission.queries.closings import ClosingNotFound, closing_of, closing_rewards, thaw_closing
from banyan.earnings.commission.queries.plans import compiled_versions, get_version
from banyan.earnings.commission.types import (
    AdjustedOrder,
    ClosingAccount,
    ClosingDecision,
    ClosingReward,
    ClosingRule,
    CommissionId,
    CommissionKind,
    Period,
    Plan,
    Recipient,
    Rule,
    Sales,
)
from banyan.kernel import sql
from banyan.kernel.tenancy import current_tenant_id

ADJUSTED = 50
"""Adjusted orders that an account names, those that changed most."""


def get_closing_account(closing_id: int) -> ClosingAccount:
    """One closing: its rules with their sales and pots, everybody's reward, cuts, who was left out, and the orders it adjusted.

    Computed again from the frozen sums and members, so it costs what the close itself cost to decide. Raises ClosingNotFound.
    """
    row = ClosingRow.objects.filter(pk=closing_id).first()
    if row is None:
        raise ClosingNotFound("No such closed period.")
    plan = compiled_versions([row.plan_version_id])[row.plan_version_id].plan
    sums, members = thaw_closing(row.inputs)
    decision = decide_closing(plan, Period(row.period), sums, members)
    booked = {(rule, payee): minor for rule, payee, minor in closing_rewards(closing_id)}
    first_id = row.first_id or row.pk
    others = ClosingRow.objects.filter(first_id=first_id) | ClosingRow.objects.filter(pk=first_id)
    return ClosingAccount(
        closing=closing_of(row),
        version=get_version(row.plan_version_id),
        others=tuple(closing_of(each) for each in others.order_by("-id") if each.pk != row.pk),
        base_minor=sums.base,
        accrued_minor=sums.accrued,
        plan_ceiling_minor=sums.plan_ceiling,
        legal_ceiling_minor=sums.legal_ceiling,
        margin_ceiling_minor=sums.margin_ceiling,
        budget_left_minor=sums.budget_left,
        member_count=len(members),
        rules=tuple(_rules(plan, Period(row.period), sums, decision)),
        rewards=tuple(_rewards(plan, sums, decision, _latest_rows(row, first_id))),
        cuts=decision.cuts,
        skipped=decision.skipped,
        adjusted=tuple(_adjusted(row)),
        agrees={(each.rule_key, each.payee_id): each.amount_minor for each in decision.rewards} == booked,
    )


def _rules(plan: Plan, period: Period, sums: ClosingSums, decision: ClosingDecision) -> Iterable[ClosingRule]:
    pots = {pot.rule_key: pot for pot in decision.pots}
    for rule in sorted((rule for rule in plan.rules if rule.pays.period is period), key=lambda rule: (rule.priority, rule.key)):
        mine = [each for each in decision.rewards if each.rule_key == rule.key]
        pot = pots.get(rule.key)
        yield ClosingRule(
            rule_key=rule.key,
            title=rule.title or rule.key,
            kind=CommissionKind.POOL if rule.pays.to is Recipient.POOL else CommissionKind.BONUS,
            measure=_measure(rule),
            turnover_minor=sums.rules[rule.key].turnover,
            pot_before_minor=pot.before_minor if pot else None,
            pot_minor=pot.pot_minor if pot else None,
            weight=sum(each.weight for each in mine),
            payee_count=len(mine),
            amount_minor=sum(each.amount_minor for each in mine),
        )


def _measure(rule: Rule) -> str:
    """What a member is paid on, or what a pool is shared by."""
    if rule.pays.to is Recipient.POOL:
        return rule.pays.weight.value
    return "team_sales" if rule.pays.sales is Sales.TEAM else "personal_sales"


def _rewards(
    plan: Plan, sums: ClosingSums, decision: ClosingDecision, rows: dict[tuple[str, int], int]
) -> Iterable[ClosingReward]:
    """The largest first."""
    measures = {rule.key: _measure(rule) for rule in plan.rules}
    for each in sorted(decision.rewards, key=lambda one: (-one.amount_minor, one.rule_key, one.payee_id)):
        number = rows.get((each.rule_key, each.payee_id))
        yield ClosingReward(
            rule_key=each.rule_key,
            payee_id=each.payee_id,
            kind=each.kind,
            sales_minor=_sales(measures[each.rule_key], sums.rules[each.rule_key], each.payee_id),
            rate_bp=each.rate_bp,
            weight=each.weight,
            amount_minor=each.amount_minor,
            commission_id=CommissionId(number) if number is not None else None,
        )


def _sales(measure: str, sales: RuleSales, payee_id: int) -> int | None:
    """What the payee sold, or his team, where the rule asks for it."""
    match measure:
        case "team_sales":
            return sales.team.get(payee_id, 0)
        case "personal_sales":
            return sales.personal.get(payee_id, 0)
    return None


def _latest_rows(row: ClosingRow, first_id: int) -> dict[tuple[str, int], int]:
    """The latest commission of each (rule, payee) by the time of this closing: its page explains the reward."""
    return {
        (rule, payee): number
        for rule, payee, number in sql.fetch(
            "SELECT c.rule_key, c.payee_id, max(c.id) FROM commission_commissions c JOIN commission_closings k"
            " ON k.tenant_id = c.tenant_id AND k.id = c.line_id WHERE c.tenant_id = %s AND c.order_id = %s AND k.end_at <= %s"
            " GROUP BY 1, 2",
            (current_tenant_id(), first_id, row.end_at),
        )
    }


def _adjusted(row: ClosingRow) -> Sequence[AdjustedOrder]:
    """By how much the close moved single orders, before returns: true-ups of the orders paid in the period by this version."""
    if not row.is_final or not (row.raised_minor or row.lowered_minor):
        return ()
    rows = sql.fetch(
        "WITH moves AS (SELECT a.id, c.amount_minor AS raised, 0 AS lowered FROM commission_accruals a"
        "  JOIN commission_commissions c ON c.tenant_id = a.tenant_id AND c.order_id = a.id AND c.kind = 'true_up'"
        "  WHERE a.tenant_id = %s AND a.plan_version_id = %s AND a.currency = %s AND a.paid_at >= %s AND a.paid_at < %s"
        "   AND NOT a.is_closing"
        " UNION ALL SELECT r.order_id, 0, r.lowered_minor FROM commission_reversals r"
        "  WHERE r.tenant_id = %s AND r.cause = 'true_up' AND r.cause_id = %s AND r.order_id <> %s)"
        " SELECT id, sum(raised)::bigint, sum(lowered)::bigint FROM moves GROUP BY id HAVING sum(raised) + sum(lowered) > 0"
        " ORDER BY sum(raised) + sum(lowered) DESC, id LIMIT %s",
        (
            current_tenant_id(), row.plan_version_id, row.currency, row.start_at, row.end_at,
            current_tenant_id(), row.pk, row.first_id or row.pk, ADJUSTED,
        ),
    )  # fmt: skip
    return [AdjustedOrder(*each) for each in rows]
