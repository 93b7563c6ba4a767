"""Why this person was paid this amount: one page per commission, from what was frozen at payment."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from banyan.console import names, showing, trail
from banyan.console.access import get_public, page, show
from banyan.earnings.commission import queries as commissions
from banyan.earnings.commission.types import Evaluation, Explanation, Share
from banyan.earnings.settlement import queries as settlement
from banyan.earnings.settlement.types import SourceKind, Statement, StatementLine
from banyan.rules.compliance import queries as compliance
from banyan.rules.compliance.types import NOT_LEGAL_ADVICE, NOT_LEGAL_ADVICE_ZH
from banyan.trade.attribution import queries as attribution
from banyan.trade.attribution.types import Source

SIBLINGS = 20
"""Other commissions that are named; a pool's closing has thousands."""


@page("commissions:read")
def explain(request: HttpRequest, public_id: str) -> HttpResponse:
    """Rule version, base, rate, frozen path, who was skipped and why, legal check, postings, links both ways."""
    found = get_public(commissions.explain, names.COMMISSION, public_id)
    one, trace = found.commission, found.decision.trace
    siblings = found.siblings[:SIBLINGS]
    frozen = attribution.frozen([one.order_id]).get(one.order_id)
    people = names.names_of(
        [one.payee_id, *(m.distributor_id for m in found.decision.upline), *(s.payee_id for s in siblings),
         *(s.payee_id for s in trace.skipped), *(p.owner_id for p in found.postings)]
    )  # fmt: skip
    own = {str(rule["key"]): rule for rule in found.version.document["rules"]}
    chinese = names.is_chinese()
    rules = compliance.explain_rule_set(found.legal.rule_set)
    return show(
        request, "console/explain.html", _("Why this commission"),
        siblings=[(each, showing.commission_kind(each.kind, own.get(each.rule_key, {}))) for each in siblings],
        more_siblings=len(found.siblings) - len(siblings),
        found=found, one=one, trace=trace, frozen=frozen, people=people, source=_source_words(frozen.source) if frozen else "",
        payee=people.get(one.payee_id), path=_path(found, people), steps=_own_steps(found),
        stackings=[s for s in trace.stackings if s.line_id == one.line_id and s.payee_id == one.payee_id],
        skipped=[{"one": s, "name": people.get(s.payee_id or 0), "own": s.rule_key == one.rule_key} for s in trace.skipped],
        kind=showing.commission_kind(one.kind, found.rule), statements=_statements(found), rules=rules, chinese=chinese,
        advice=NOT_LEGAL_ADVICE_ZH if chinese else NOT_LEGAL_ADVICE, order_url=trail.order_url(one.order_id),
        version_url=trail.record_url("commission_planversionrow", found.version.version_id),
        postings=[{"one": p, "name": people.get(p.owner_id), "url": trail.record_url("ledger_entryrow", p.entry_id)}
                  for p in found.postings],
    )  # fmt: skip


def _statements(found: Explanation) -> list[tuple[Statement, StatementLine]]:
    """Every statement with a line of this commission or of what was taken back from it, oldest first."""
    reversals = [each.reversal_id for each in found.reversals]
    lines = [
        *settlement.list_lines_of(SourceKind.COMMISSION_RELEASED, [found.commission.commission_id]),
        *settlement.list_lines_of(SourceKind.COMMISSION_REVERSED, reversals),
    ]
    return sorted(lines, key=lambda each: (each[0].statement_id, each[1].line_id))


def _source_words(source: Source) -> str:
    words = {
        Source.LINK: _("by a sharing link"),
        Source.CODE: _("by a referral code"),
        Source.BINDING: _("by the binding of the buyer"),
        Source.SELF_PURCHASE: _("own purchase"),
        Source.SPONSOR: _("by the sponsor of the buyer"),
    }
    return words.get(source, _("by nobody"))


def _path(found: Explanation, people: dict[int, names.Name]) -> list[dict[str, Any]]:
    """The frozen upline, nearest first, each with what this order paid to him and why not, if not."""
    paid: dict[int, list[Share]] = {}
    for share in found.decision.trace.shares:
        paid.setdefault(share.payee_id, []).append(share)
    skipped = {s.payee_id: s.reason.value for s in found.decision.trace.skipped if s.payee_id is not None}
    return [
        {
            "member": member,
            "name": people.get(member.distributor_id),
            "total": sum(share.amount_minor for share in paid.get(member.distributor_id, [])),
            "is_this": member.distributor_id == found.commission.payee_id,
            "why_not": "" if member.distributor_id in paid else skipped.get(member.distributor_id, "no_rule"),
        }
        for member in found.decision.upline
    ]


def _own_steps(found: Explanation) -> list[Evaluation]:
    """What the rule gave on this line to this payee, before stacking and caps."""
    one = found.commission
    return [
        each
        for each in found.decision.trace.evaluations
        if each.rule_key == one.rule_key and each.line_id == one.line_id and each.payee_id == one.payee_id
    ]
