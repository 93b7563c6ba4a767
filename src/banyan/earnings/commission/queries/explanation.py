"""Why somebody was paid: the decision computed again from its frozen inputs, with everything it touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from banyan.earnings.commission.engine import empty_trace
from banyan.earnings.commission.queries.closings import closing_rewards, decide_closing_again
from banyan.earnings.commission.queries.commissions import get_commission, list_for_orders, list_reversals
from banyan.earnings.commission.queries.inputs import thaw_inputs
from banyan.earnings.commission.queries.plans import compiled_versions, get_version
from banyan.earnings.commission.queries.words import say
from banyan.earnings.commission.types import (
    CapCut,
    Commission,
    CommissionId,
    CommissionKind,
    Evaluation,
    Explanation,
    LegalCeiling,
    OrderDecision,
    PaidOrder,
    PlanVersion,
    PostingView,
    Share,
)
from banyan.kernel import sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.values.errors import NotFound
from banyan.trade.attribution import queries as attribution
from banyan.treasury.ledger import queries as ledger

REFERENCE_KIND = "commission_accrual"
_ACCRUAL = "id, plan_version_id, paid_at, currency, rule_set, legal_depth, legal_bp, inputs"


class NotAccrued(NotFound):
    """No commission was decided for this order: it was not paid, or its event waits."""

    code = "not_accrued"
    advice = "Look at the order's state, and at the events that were set aside."


def explain(commission_id: CommissionId | int, *, payee_id: int | None = None) -> Explanation:
    """Rule, base, rate, frozen path, who was skipped and why, legal check, postings, and the other commissions of the order.

    With `payee_id` only if the commission is that person's, and then without what concerns others: their shares, their
    standing and their postings, and how the buyer came to the referrer. Raises CommissionNotFound.
    """
    commission = get_commission(commission_id, payee_id=payee_id)
    closing_id = commission.closing_id
    decision = decide_again(commission.order_id) if closing_id is None else _closed(commission, closing_id)
    version = decision.version or get_version(commission.plan_version_id)
    siblings = [each for each in list_for_orders([commission.order_id])[commission.order_id] if each != commission]
    postings = _postings(commission)
    reversals = tuple(list_reversals([commission.commission_id]))
    skipped = tuple(each for each in decision.trace.skipped if each.rule_key == commission.rule_key)
    arrival = attribution.find_arrival(commission.order_id) if closing_id is None else None
    if arrival is not None and payee_id not in (None, arrival.referrer_id):
        arrival = None
    words = tuple(say(commission, version, decision.trace, skipped, reversals, arrival))
    rule = next(each for each in version.document["rules"] if each["key"] == commission.rule_key)
    if payee_id is not None:
        decision = _own_part(decision, payee_id)
        siblings = [each for each in siblings if each.payee_id == payee_id]
        postings = tuple(each for each in postings if each.owner_id == payee_id)
        skipped = tuple(each for each in skipped if each.payee_id in (payee_id, None))
    return Explanation(
        commission=commission,
        version=version,
        rule_title=str(rule.get("title") or commission.rule_key),
        rule=rule,
        decision=decision,
        arrival=arrival,
        skipped=skipped,
        legal=decision.trace.legal,
        reversals=reversals,
        postings=postings,
        siblings=tuple(siblings),
        words=words,
    )


def _closed(commission: Commission, closing_id: int) -> OrderDecision:
    """The closing that added to a reward, as far as it concerns this one; computed again from what was frozen with it."""
    decision = decide_closing_again(closing_id)
    mine = (commission.rule_key, commission.payee_id)
    found = [each for each in decision.rewards if (each.rule_key, each.payee_id) == mine]
    kept = [minor for key, payee_id, minor in closing_rewards(closing_id) if (key, payee_id) == mine]
    trace = empty_trace(PaidOrder(commission.order_id, commission.paid_at, (), ()), LegalCeiling("", 0, None))
    steps = tuple(
        Evaluation(each.rule_key, commission.line_id, each.payee_id, each.base_minor, each.rate_bp, 1, each.amount_minor)
        for each in found
    )
    cuts = tuple(CapCut(cut.cap, cut.subject, cut.limit_minor, cut.before_minor, cut.limit_minor) for cut in decision.cuts)
    return OrderDecision(
        commission.order_id,
        commission.paid_at,
        commission.currency,
        get_version(commission.plan_version_id),
        (),
        replace(trace, evaluations=steps, cuts=cuts, shares=(_share_of(commission),)),
        [each.amount_minor for each in found] == kept,
    )


def decide_again(order_id: int) -> OrderDecision:
    """The whole decision on an order from what was frozen, compared with what is stored. Raises NotAccrued."""
    decisions = decide_many_again([order_id])
    if not decisions:
        raise NotAccrued("No commission was decided for this order.")
    return decisions[0]


def decide_many_again(order_ids: Sequence[int]) -> list[OrderDecision]:
    """As decide_again, for those of the orders that were accrued."""
    rows = sql.fetch(
        f"SELECT {_ACCRUAL} FROM commission_accruals WHERE tenant_id = %s AND id = ANY(%s::bigint[]) ORDER BY id",
        (current_tenant_id(), list(order_ids)),
    )
    compiled = compiled_versions(sorted({row[1] for row in rows if row[1] is not None}))
    versions: dict[int, PlanVersion] = {version_id: get_version(version_id) for version_id in compiled}
    stored = list_for_orders([row[0] for row in rows])
    decisions = []
    for order_id, version_id, paid_at, currency, rule_set, depth, rate_bp, inputs in rows:
        order = thaw_inputs(order_id, paid_at, inputs)
        ceiling = LegalCeiling(rule_set, depth, rate_bp)
        trace = compiled[version_id].trace(order, ceiling) if version_id in compiled else empty_trace(order, ceiling)
        own = [_share_of(each) for each in stored.get(order_id, ()) if each.kind is not CommissionKind.TRUE_UP]
        agrees = own == list(trace.shares)
        decisions.append(OrderDecision(order_id, paid_at, currency, versions.get(version_id), order.upline, trace, agrees))
    return decisions


def _share_of(commission: Commission) -> Share:
    return Share(
        commission.line_id,
        commission.payee_id,
        commission.depth,
        commission.rule_key,
        CommissionKind(commission.kind),
        commission.base_minor,
        commission.rate_bp,
        commission.amount_minor,
    )


def _postings(commission: Commission) -> tuple[PostingView, ...]:
    """The lines of the order's commission entries that are this payee's, and the expense on the other side."""
    return tuple(
        PostingView(
            entry.entry_id, entry.kind.value, line.account.kind.value, line.account.owner_id, line.amount_minor, entry.occurred_at
        )
        for entry in ledger.list_entries_for(REFERENCE_KIND, commission.order_id)
        for line in entry.postings
        if line.account.owner_id in (commission.payee_id, 0)
    )


def _own_part(decision: OrderDecision, payee_id: int) -> OrderDecision:
    """What one payee may see of a decision: his own steps, not other people's shares, tiers and states."""
    trace = decision.trace
    own: dict[str, Any] = {
        "seatings": tuple(each for each in trace.seatings if each.payee_id == payee_id),
        "skipped": tuple(each for each in trace.skipped if each.payee_id == payee_id),
        "evaluations": tuple(each for each in trace.evaluations if each.payee_id == payee_id),
        "stackings": tuple(each for each in trace.stackings if each.payee_id == payee_id),
        "cuts": tuple(each for each in trace.cuts if each.subject == str(payee_id)),
        "shares": tuple(each for each in trace.shares if each.payee_id == payee_id),
    }
    members = tuple(each for each in decision.upline if each.distributor_id == payee_id)
    kept = {name: getattr(trace, name) for name in ("order_id", "base_minor", "legal", "rounding")}
    return OrderDecision(
        decision.order_id,
        decision.paid_at,
        decision.currency,
        decision.version,
        members,
        type(trace)(**kept, **own),
        decision.agrees,
    )
