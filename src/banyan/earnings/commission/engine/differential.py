"""级差: up the path each tier gets what its rate is above the rates already paid below it, and who stands above an earner of his
own tier gets the peer bonus (平级), if the plan has one.

An ineligible member: under compression he is passed over and his difference goes to the next one above; under breakage he
takes it with him, nobody gets it, and no peer bonus is paid on it. Each share is floored by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from banyan.earnings.commission.types import FULL_BP, CommissionKind, Differential, PaidLine, PaidOrder, SkipReason

from .cuts import Award
from .seats import Walked

if TYPE_CHECKING:
    from .compiled import CompiledRule
    from .log import TraceLog


def share_by_difference(
    rule: CompiledRule,
    amount: Differential,
    order: PaidOrder,
    lines: Sequence[PaidLine],
    walked: Walked,
    log: TraceLog | None,
) -> list[Award]:
    """The awards of one rule, by line and then nearest first."""
    rates = dict(amount.rates)
    awards: list[Award] = []
    idle: dict[int, tuple[int, SkipReason]] = {}
    for line in lines:
        awards += _climb(rule, amount, rates, order, line, walked, idle, log)
    if log is not None:
        paid = {award.member.distributor_id: award.member for award in awards}
        skipped = [(payee_id, depth, reason) for payee_id, (depth, reason) in idle.items() if payee_id not in paid]
        log.seats(rule.key, 0, list(paid.values()), skipped)
    return awards


def _climb(
    rule: CompiledRule,
    amount: Differential,
    rates: dict[str, int],
    order: PaidOrder,
    line: PaidLine,
    walked: Walked,
    idle: dict[int, tuple[int, SkipReason]],
    log: TraceLog | None,
) -> list[Award]:
    awards: list[Award] = []
    top, holder, peers, earned = 0, "", 0, 0  # the rate paid so far, the tier that reached it, its peers, what it got
    for member, reason in walked:
        if reason is SkipReason.LEGAL_DEPTH:
            idle[member.distributor_id] = (member.depth, reason)
            break
        if rule.matches is not None and not rule.matches(line, order, member.tier):
            continue
        rate = rates.get(member.tier, 0)
        if reason is not None:
            idle[member.distributor_id] = (member.depth, reason)
            if rate > top and not rule.compressed:
                top, holder, peers = rate, "", 0
            continue
        if rate > top:
            rate_bp, top, holder, peers = rate - top, rate, member.tier, 0
            kind = CommissionKind.OVERRIDE if member.depth else CommissionKind.DIRECT
            before_cap = earned = line.base_minor * rate_bp // FULL_BP
            on_minor = line.base_minor
        elif amount.peer is not None and member.tier == holder and peers < amount.peer.most:
            peers += 1
            rate_bp, kind = amount.peer.rate_bp, CommissionKind.PEER
            on_minor = earned if amount.peer.of_earned else line.base_minor
            before_cap = on_minor * rate_bp // FULL_BP
            if amount.peer.cap_minor is not None:
                before_cap = min(before_cap, amount.peer.cap_minor)
        else:
            idle[member.distributor_id] = (member.depth, SkipReason.NO_DIFFERENCE)
            continue
        within = min(before_cap, line.base_minor)
        if rule.line_cap is not None:
            within = min(within, rule.line_cap)
        award = Award(rule, line, member, kind, rate_bp, within, on_minor)
        awards.append(award)
        if log is not None:
            log.evaluated(award, before_cap, (line,))
    return awards
