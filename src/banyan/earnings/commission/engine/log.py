"""The log that `CompiledPlan.trace` switches on. It only watches: it must never change an amount."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from banyan.earnings.commission.types import (
    FULL_BP,
    CapCut,
    Evaluation,
    LegalCeiling,
    LegalCheck,
    Member,
    PaidLine,
    PaidOrder,
    Seating,
    Share,
    Skipped,
    SkipReason,
    StackingDecision,
    Trace,
)

from .amounts import band_parts
from .cuts import Award

if TYPE_CHECKING:
    from .seats import Seat


class TraceLog:
    def __init__(self, order: PaidOrder, legal: LegalCeiling) -> None:
        self.order = order
        self.legal = legal
        self.seatings: list[Seating] = []
        self.skipped: list[Skipped] = []
        self.evaluations: list[Evaluation] = []
        self.stackings: list[StackingDecision] = []
        self.cuts: list[CapCut] = []

    def seat(self, rule_key: str, seat: Seat, upline: Sequence[Member], legal: LegalCeiling) -> Member | None:
        passed: list[tuple[int | None, int, SkipReason]] = []
        member = seat.find(upline, legal, passed)
        self.skipped.extend(Skipped(rule_key, payee_id, depth, reason) for payee_id, depth, reason in passed)
        payee_id = member.distributor_id if member else None
        self.seatings.append(Seating(rule_key, seat.depth, payee_id, member.depth if member else None))
        return member

    def seats(
        self, rule_key: str, depth: int, found: Sequence[Member], skipped: Sequence[tuple[int | None, int, SkipReason]]
    ) -> None:
        """Whom a rule pays that is not for one depth."""
        self.skipped.extend(Skipped(rule_key, payee_id, at_depth, reason) for payee_id, at_depth, reason in skipped)
        self.seatings.extend(Seating(rule_key, member.depth, member.distributor_id, member.depth) for member in found)
        if not found:
            self.seatings.append(Seating(rule_key, depth, None, None))

    def evaluated(self, award: Award, before_caps: int, lines: Sequence[PaidLine]) -> None:
        rule, line = award.rule, award.line
        limited_by = None
        if award.amount < before_caps:
            limited_by = "rule_line_cap" if rule.line_cap == award.amount else "line_base"
        on_minor = line.base_minor if award.on_minor is None or rule.evaluate is not None else award.on_minor
        dropped = 0
        bands = band_parts(rule.amount, lines, line, award.member)
        if not rule.splits:
            exact = sum(part.exact_e4 for part in bands) if bands else on_minor * award.rate_bp
            dropped = exact % FULL_BP
        self.evaluations.append(
            Evaluation(
                rule_key=rule.key,
                line_id=line.line_id,
                payee_id=award.member.distributor_id,
                base_minor=on_minor,
                rate_bp=award.rate_bp,
                quantity=line.quantity,
                amount_minor=award.amount,
                bands=bands,
                limited_by=limited_by,
                dropped_e4=dropped,
            )
        )

    def stacked(self, best: Award, rivals: Sequence[Award]) -> None:
        self.stackings.append(
            StackingDecision(
                group=best.rule.group,
                stacking=best.rule.stacking.value,
                line_id=best.line.line_id,
                payee_id=best.member.distributor_id,
                paid_rules=(best.rule.key,),
                dropped_rules=tuple(rival.rule.key for rival in rivals if rival is not best),
            )
        )

    def cut(self, cap: str, subject: str, limit: int, before: int) -> None:
        self.cuts.append(CapCut(cap, subject, limit, before, limit))

    def finish(self, shares: list[Share]) -> Trace:
        base = sum(line.base_minor for line in self.order.lines if line.base_minor > 0)
        legal = self.legal
        refused = {skip.depth for skip in self.skipped if skip.reason is SkipReason.LEGAL_DEPTH}
        check = LegalCheck(
            rule_set=legal.rule_set,
            upline_depth_allowed=legal.upline_depth,
            deepest_depth_paid=max((share.depth for share in shares), default=0),
            total_bp_allowed=legal.total_bp,
            ceiling_minor=None if legal.total_bp is None else base * legal.total_bp // FULL_BP,
            paid_minor=sum(share.amount_minor for share in shares),
            cut=any(cut.cap == "legal_total" for cut in self.cuts),
            refused_depths=tuple(sorted(refused)),
        )
        return Trace(
            order_id=self.order.order_id,
            base_minor=base,
            seatings=tuple(self.seatings),
            skipped=tuple(self.skipped),
            evaluations=tuple(self.evaluations),
            stackings=tuple(self.stackings),
            cuts=tuple(self.cuts),
            legal=check,
            shares=tuple(shares),
        )


def empty_trace(order: PaidOrder, legal: LegalCeiling) -> Trace:
    """The trace of an order that no plan version decided."""
    return TraceLog(order, legal).finish([])
