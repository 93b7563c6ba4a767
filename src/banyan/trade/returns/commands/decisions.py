"""What happens between the request and the goods: approval, rejection, withdrawal, and goods that never came."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from banyan.goods.catalog.types import CategoryId
from banyan.kernel import clock, events, sql, tenancy
from banyan.kernel.values.errors import Invalid, Refusal
from banyan.kernel.values.filled import Filled
from banyan.trade.orders import queries as orders
from banyan.trade.orders.types import OrderId
from banyan.trade.returns import queries
from banyan.trade.returns.commands.exchanging import give_up_replacements, keep_replacements
from banyan.trade.returns.commands.finding import Found, expect, find_locked, judge_each, outcomes_of
from banyan.trade.returns.commands.standing import change_claims
from banyan.trade.returns.engine.addresses import choose_address
from banyan.trade.returns.engine.requests import MAX_REASON_LENGTH, ReasonMissing
from banyan.trade.returns.events import ReturnApproved, ReturnClosed
from banyan.trade.returns.types import (
    AWAITED_STATUSES,
    Address,
    Grant,
    Mode,
    Rejection,
    ReturnId,
    ReturnOutcome,
    ReturnStatus,
)

NOBODY = 0
"""Who decided when the policy did, or the clock."""


class BadGrant(Invalid):
    """More is granted than was asked, or for a line that asks for no amount."""

    code = "return_grant_bad"
    advice = "Grant between 1 minor unit and the asked amount, for lines of a refund by amount only."


def approve(
    return_ids: Sequence[int], approved_by: int, grants: Mapping[int, Sequence[Grant]] | None = None
) -> list[ReturnOutcome]:
    """requested → approved. The buyer is told where to and until when goods are sent; without goods it can be accepted.

    What an exchange wants is held in stock from now on: replacement_out_of_stock where there is none. `grants` by return id:
    less than what was asked by amount. `approved_by` NOBODY: the policy, without review.
    """
    found, _ = find_locked(return_ids)
    given = grants or {}
    in_status = expect(ReturnStatus.REQUESTED)
    passed, refusals = judge_each(
        return_ids, found, lambda one: in_status(one) or _judge_grants(one, given.get(one.return_id, ()))
    )
    policy, now = queries.get_policy(), clock.now()
    until: dict[int, datetime | None] = {
        one.return_id: now + timedelta(days=policy.send_back_days) if one.mode.wants_goods else None for one in passed
    }
    exchanges = [one for one in passed if one.mode is Mode.EXCHANGE]
    # Held a while longer than the goods may take, for the way and the inspection.
    kept: dict[int, datetime | None] = {
        one.return_id: now + timedelta(days=3 * policy.send_back_days + policy.difference_days) for one in exchanges
    }
    refusals |= keep_replacements(exchanges, kept)
    passed = [one for one in passed if one.return_id not in refusals]
    _grant({one.return_id: given[one.return_id] for one in passed if one.return_id in given})
    _decide([(one.return_id, "") for one in passed], ReturnStatus.APPROVED, approved_by, now)
    _write_directions(passed, until, approved_by == NOBODY)
    events.record(
        [
            ReturnApproved(one.return_id, one.order_id, one.buyer_id, approved_by == NOBODY, until[one.return_id], now)
            for one in passed
        ]
    )
    return outcomes_of(return_ids, ReturnStatus.APPROVED, refusals)


def _judge_grants(one: Found, grants: Sequence[Grant]) -> Refusal | None:
    asked = {claim.line_id: claim.amount_minor for claim in one.lines if one.mode.is_by_amount}
    if len({grant.line_id for grant in grants}) != len(grants):
        return BadGrant("A line is named twice.")
    for grant in grants:
        most = asked.get(grant.line_id, 0)
        if not 0 < grant.amount_minor <= most:
            return BadGrant(
                Filled("{granted_minor} of {asked_minor} is granted.", granted_minor=grant.amount_minor, asked_minor=most)
            )
    return None


def _grant(grants: Mapping[int, Sequence[Grant]]) -> None:
    granted = [(return_id, grant.line_id, grant.amount_minor) for return_id, each in grants.items() for grant in each]
    if granted:
        sql.execute(
            "UPDATE return_lines l SET granted_minor = d.amount FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[])"
            " AS d(return_id, line_id, amount) WHERE l.tenant_id = %s AND l.return_id = d.return_id AND l.line_id = d.line_id",
            (*(list(column) for column in zip(*granted, strict=True)), tenancy.current_tenant_id()),
        )


def _write_directions(approved: Sequence[Found], until: Mapping[int, datetime | None], is_automatic: bool) -> None:
    if not approved:
        return
    addresses = _addresses([one for one in approved if one.mode.wants_goods])
    sql.execute(
        "UPDATE returns r SET send_back_by = d.until, address = d.address::jsonb, is_automatic = %s"
        " FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[]) AS d(id, until, address)"
        " WHERE r.tenant_id = %s AND r.id = d.id",
        (
            is_automatic,
            [one.return_id for one in approved],
            [until[one.return_id] for one in approved],
            [addresses.get(one.return_id) for one in approved],
            tenancy.current_tenant_id(),
        ),
    )


def _addresses(wanted: Sequence[Found]) -> dict[int, str]:
    """Where each goes back to, as it is written; where no rule fits, the buyer asks the shop."""
    rules = queries.list_address_rules() if wanted else []
    if not rules:
        return {}
    order_ids = [OrderId(one.order_id) for one in wanted]
    found, regions = orders.list_by_ids(order_ids), orders.region_codes(order_ids)
    addresses: dict[int, str] = {}
    for one in wanted:
        paths: dict[int, set[CategoryId]] = {
            line.line_id: set(line.sku.category_path) for line in found[OrderId(one.order_id)].lines
        }
        common = set.intersection(*(paths[claim.line_id] for claim in one.lines))
        rule = choose_address(rules, {int(each) for each in common}, one.mode.value, regions.get(OrderId(one.order_id), ""))
        if rule is not None:
            addresses[one.return_id] = _written(rule.address)
    return addresses


def _written(address: Address) -> str:
    return json.dumps(asdict(address), ensure_ascii=False)


def reject(rejections: Sequence[Rejection], rejected_by: int) -> list[ReturnOutcome]:
    """requested | approved | sent | received → rejected, with a reason for the buyer. The claimed units are free again; goods
    that are here already are to be handed back."""
    reasons = {rejection.return_id: rejection.reason.strip() for rejection in rejections}
    in_status = expect(ReturnStatus.REQUESTED, *AWAITED_STATUSES, ReturnStatus.RECEIVED)

    def judge(one: Found) -> Refusal | None:
        usable = 0 < len(reasons[one.return_id]) <= MAX_REASON_LENGTH
        return in_status(one) if usable else ReasonMissing("A rejection needs a reason.")

    return _close([one.return_id for one in rejections], judge, ReturnStatus.REJECTED, rejected_by, reasons)


def withdraw(return_ids: Sequence[int], withdrawn_by: int) -> list[ReturnOutcome]:
    """requested | approved → withdrawn by the buyer. The claimed units are free again."""
    judge = expect(ReturnStatus.REQUESTED, ReturnStatus.APPROVED)
    return _close(return_ids, judge, ReturnStatus.WITHDRAWN, withdrawn_by, {})


def expire_due(at: datetime | None = None, limit: int = 500) -> int:
    """approved → expired, where the goods were not sent in time; returns how many. A named parcel stops the clock."""
    at = at or clock.now()
    rows = sql.fetch(
        "SELECT id FROM returns WHERE tenant_id = %s AND status = 'approved' AND send_back_by <= %s ORDER BY send_back_by, id"
        " LIMIT %s",
        (tenancy.current_tenant_id(), at, limit),
    )
    due = [ReturnId(return_id) for (return_id,) in rows]
    reasons = dict.fromkeys(due, "The goods were not sent back in time.")
    outcomes = _close(due, expect(ReturnStatus.APPROVED), ReturnStatus.EXPIRED, NOBODY, reasons) if due else []
    return sum(1 for outcome in outcomes if outcome.refusal is None)


def _close(
    return_ids: Sequence[int],
    judge: Callable[[Found], Refusal | None],
    status: ReturnStatus,
    user_id: int,
    reasons: Mapping[ReturnId, str],
) -> list[ReturnOutcome]:
    found, _ = find_locked(return_ids)
    passed, refusals = judge_each(return_ids, found, judge)
    freed: Counter[int] = Counter()
    for one in passed:
        freed.update({claim.line_id: claim.quantity for claim in one.lines})
    change_claims({line_id: -quantity for line_id, quantity in freed.items()})
    give_up_replacements(one for one in passed if one.status is not ReturnStatus.REQUESTED)
    now = clock.now()
    _decide([(one.return_id, reasons.get(one.return_id, "")) for one in passed], status, user_id, now)
    events.record([ReturnClosed(one.return_id, one.order_id, status.value, now) for one in passed])
    return outcomes_of(return_ids, status, refusals)


def _decide(decided: Sequence[tuple[ReturnId, str]], status: ReturnStatus, user_id: int, at: datetime) -> None:
    if not decided:
        return
    sql.execute(
        "UPDATE returns r SET status = %s, decision_reason = d.reason, decided_by = %s, decided_at = %s"
        " FROM unnest(%s::bigint[], %s::text[]) AS d(id, reason) WHERE r.tenant_id = %s AND r.id = d.id",
        (status.value, user_id, at, [one for one, _ in decided], [reason for _, reason in decided], tenancy.current_tenant_id()),
    )
