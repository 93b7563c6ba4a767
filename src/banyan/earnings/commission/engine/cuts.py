"""Stacking inside a group and the spreading of a cut: the two places where shares meet each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from banyan.earnings.commission.types import FULL_BP, CommissionKind, Member, PaidLine, PlanCaps, Stacking
from banyan.kernel.values.money import allocate

if TYPE_CHECKING:
    from .compiled import CompiledRule
    from .log import TraceLog


class Award:
    """A share in the making: its amount still moves with stacking and caps."""

    __slots__ = ("amount", "kind", "line", "member", "on_minor", "rate_bp", "rule")

    def __init__(
        self,
        rule: CompiledRule,
        line: PaidLine,
        member: Member,
        kind: CommissionKind,
        rate_bp: int,
        amount: int,
        on_minor: int | None = None,
    ) -> None:
        self.rule = rule
        self.line = line
        self.member = member
        self.kind = kind
        self.rate_bp = rate_bp
        self.amount = amount
        self.on_minor = on_minor
        """For overlays: what the target group pays here."""


def stack(awards: list[Award], log: TraceLog | None) -> list[Award]:
    """Keep what each group's stacking keeps, per line and payee. `awards` come in canonical order.

    max keeps the greatest, exclusive the first priority; equals go by greatest amount, then by key. A rule of 0 takes part
    in exclusive: that is how goods are shut out of a group.
    """
    places: dict[tuple[str, int, int], list[Award]] = {}
    kept: list[Award] = []
    for award in awards:
        if award.rule.stacking is Stacking.ADD:
            kept.append(award)
        else:
            places.setdefault((award.rule.group, award.line.line_id, award.member.distributor_id), []).append(award)
    if not places:
        return awards
    chosen: set[int] = set()
    for rivals in places.values():
        exclusive = rivals[0].rule.stacking is Stacking.EXCLUSIVE
        best = min(
            rivals, key=lambda each: (each.rule.priority if exclusive else 0, -each.amount, each.rule.priority, each.rule.key)
        )
        chosen.add(id(best))
        if log is not None:
            log.stacked(best, rivals)
    return [award for award in awards if award.rule.stacking is Stacking.ADD or id(award) in chosen]


def cut_to(awards: list[Award], limit: int, cap: str, subject: str, log: TraceLog | None) -> None:
    """Lower the awards so that they sum to `limit` at most, each by its share (largest remainder, canonical order)."""
    total = 0
    for award in awards:
        total += award.amount
    if total <= limit:
        return
    for award, part in zip(awards, allocate(limit, [award.amount for award in awards]), strict=True):
        award.amount = part
    if log is not None:
        log.cut(cap, subject, limit, total)


def margin_limit(caps: PlanCaps, line: PaidLine) -> int:
    """What a line may pay by the plan's floor at the margin."""
    assert caps.margin_bp is not None
    return line.margin_minor * caps.margin_bp // FULL_BP
