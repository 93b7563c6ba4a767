"""What periods of commission come to: closed ones, and running ones as far as they are provided for; and one of them in full."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from banyan.console import names, paging, showing, trail
from banyan.console.access import get_public, may, page, show
from banyan.earnings.commission import queries
from banyan.earnings.commission.types import ClosingAccount, ClosingReward, ClosingRule, CommissionKind
from banyan.kernel import ids

SHOWN = 100
"""Rewards that are shown at once, the largest first; a pool has thousands."""


@page("plans:read")
def listing(request: HttpRequest) -> HttpResponse:
    """Closings, the latest first: what the period's rules pay, and by how much its orders' commission went up and down."""
    context = paging.page(
        request, lambda before, count: queries.list_closings(before=before, limit=count), lambda one: int(one.closing_id)
    )
    sees_rewards = may(request, "commissions:read")
    rows = [
        {
            "one": one,
            "version_url": trail.plan_url(one.plan_version_id),
            "url": trail.closing_url(one.closing_id) if sees_rewards else "",
            "rewards_url": _rewards_url(one.closing_id) if sees_rewards and one.reward_minor else "",
        }
        for one in context["rows"]
    ]
    return show(request, "console/closings.html", _("Closed periods"), **{**context, "rows": rows})


@page("commissions:read")
def closing(request: HttpRequest, public_id: str) -> HttpResponse:
    """One closing decided again: its sales and limits, each rule's pot, everybody's share and why, who was left out, and what
    was adjusted. `of` names one distributor."""
    account = get_public(queries.get_closing_account, names.CLOSING, public_id)
    asked = request.GET.get("of", "").strip()
    of = names.find_distributor(asked) if asked else None
    chosen = [one for one in account.rewards if not asked or one.payee_id == of]
    rewards = chosen[:SHOWN]
    skipped = [one for one in account.skipped if one.payee_id == of] if asked else []
    people = names.names_of([*(one.payee_id for one in rewards), *(_cut_payee(cut.subject) for cut in account.cuts)])
    rules = {rule.rule_key: rule for rule in account.rules}
    one = account.closing
    return show(
        request, "console/closing.html", _("Closing of a period"), account=account, one=one, public_id=public_id,
        of=asked, unknown=bool(asked) and of is None, skipped=skipped, limits=_limits(account),
        paid_minor=account.accrued_minor + one.reward_minor, version_url=trail.plan_url(one.plan_version_id),
        rewards=[{"one": each, "rule": rules[each.rule_key], "name": people.get(each.payee_id),
                  "why": _why(each, rules[each.rule_key], one.currency),
                  "url": trail.explain_url(each.commission_id) if each.commission_id else ""} for each in rewards],
        more=len(chosen) - len(rewards), rewards_url=_rewards_url(one.closing_id),
        left_out=_left_out(account), cuts=[{"one": cut, "name": people.get(_cut_payee(cut.subject)),
                                            "rule": cut.subject.partition(":")[0] if cut.cap == "rule_period" else ""}
                                           for cut in account.cuts],
        adjusted=[{"one": each, "url": trail.order_url(each.order_id)} for each in account.adjusted],
        others=[{"one": each, "url": trail.closing_url(each.closing_id)} for each in account.others],
    )  # fmt: skip


def _rewards_url(closing_id: int) -> str:
    return trail.list_url("commission_commissionrow", ids.public(names.CLOSING, closing_id))


def _cut_payee(subject: str) -> int:
    """Whom a cut concerns: `payee`, `rule:payee`, or nobody alone."""
    number = subject.rpartition(":")[2]
    return int(number) if number.isdecimal() else 0


def _limits(account: ClosingAccount) -> list[tuple[str, int]]:
    """What the period's orders and rewards together may come to, where something limits them."""
    budget = account.budget_left_minor
    every = [
        (_("The plan's total cap"), account.plan_ceiling_minor),
        (_("The law's ceiling"), account.legal_ceiling_minor),
        (_("What the margins leave"), account.margin_ceiling_minor),
        (_("What the orders left of the budget"), None if budget is None else account.accrued_minor + budget),
    ]
    return [(said, minor) for said, minor in every if minor is not None]


def _left_out(account: ClosingAccount) -> list[tuple[str, str, int]]:
    """Rule, why not, how many: only members with sales or a weight are counted."""
    counted = Counter((one.rule_key, one.reason.value) for one in account.skipped)
    return [(rule, why, count) for (rule, why), count in sorted(counted.items())]


def _why(reward: ClosingReward, rule: ClosingRule, currency: str) -> str:
    """How the amount follows from the payee's sales or his share of the pot."""
    if reward.kind is CommissionKind.POOL:
        in_money = reward.sales_minor is not None
        mine, of = (showing.money(each, currency) if in_money else str(each) for each in (reward.weight, rule.weight))
        said: dict[str, Any] = {"pot": showing.money(rule.pot_minor, currency), "mine": mine, "all": of}
        return _("%(mine)s of %(all)s share the pot of %(pot)s") % said
    sales = showing.money(reward.sales_minor, currency)
    if not reward.rate_bp:
        return _("a set amount, or by steps, for %(sales)s") % {"sales": sales}
    plain = (reward.sales_minor or 0) * reward.rate_bp // 10_000
    said = {"sales": sales, "rate": showing.percent(reward.rate_bp)}
    return (_("%(sales)s × %(rate)s") if plain == reward.amount_minor else _("%(sales)s × %(rate)s, cut by a cap")) % said
