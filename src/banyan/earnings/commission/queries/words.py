"""A commission in sentences, in the language that is active: what a distributor reads, and what the explain page says first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.utils.translation import gettext as _

from banyan.earnings.commission.types import (
    CapCut,
    Cause,
    Commission,
    CommissionKind,
    Evaluation,
    Hold,
    PlanVersion,
    Reversal,
    Share,
    Skipped,
    SkipReason,
    Trace,
)
from banyan.kernel.tenancy import current_tenant_id, get_tenant
from banyan.kernel.values.money import format_minor, format_rate
from banyan.trade.attribution.types import Arrival, Source


def say(
    commission: Commission,
    version: PlanVersion,
    trace: Trace,
    skipped: Sequence[Skipped],
    reversals: Sequence[Reversal],
    arrival: Arrival | None = None,
) -> Iterator[str]:
    """The sentences, in the order in which the decision was made."""
    if arrival is not None:
        yield from _how_the_buyer_came(arrival)
    yield _who(commission)
    names = {"plan": version.name, "number": version.number, "rule": commission.rule_key}
    if commission.closing_id is None:
        yield _("The plan “%(plan)s”, version %(number)s, rule “%(rule)s” was in force when the order was paid.") % names
    else:
        yield _("The plan “%(plan)s”, version %(number)s, rule “%(rule)s” counts for the period.") % names
    own = next((each for each in trace.evaluations if _is_of(each, commission)), None)
    if own is not None:
        yield from _how_much(own, commission.currency)
        if commission.closing_id is not None and own.amount_minor != commission.amount_minor:
            added = format_minor(commission.amount_minor, commission.currency)
            yield _("%(amount)s of it was added here; the rest was accrued earlier in the period.") % {"amount": added}
    for each in skipped:
        yield _why_skipped(each)
    for cut in trace.cuts:
        if _touches(cut, commission.payee_id, commission.rule_key, commission.line_id):
            yield _cap(cut, commission.amount_minor, commission.currency)
    yield _("Amounts are rounded down to the cent.")
    yield from _afterwards(commission, reversals)


def say_share(share: Share, trace: Trace, currency: str) -> Iterator[str]:
    """One share of a decision that nobody was paid for yet: who, how much, what was passed over, what was cut."""
    yield _place(share.kind, share.depth)
    place = (share.rule_key, share.line_id, share.payee_id)
    own = next((each for each in trace.evaluations if (each.rule_key, each.line_id, each.payee_id) == place), None)
    if own is not None:
        yield from _how_much(own, currency)
    for each in trace.skipped:
        if each.rule_key == share.rule_key:
            yield _why_skipped(each)
    for cut in trace.cuts:
        if _touches(cut, share.payee_id, share.rule_key, share.line_id):
            yield _cap(cut, share.amount_minor, currency)


def _touches(cut: CapCut, payee_id: int, rule_key: str, line_id: int) -> bool:
    return cut.subject in ("order", str(payee_id), rule_key, f"{rule_key}:{payee_id}", f"line:{line_id}")


def _how_the_buyer_came(arrival: Arrival) -> Iterator[str]:
    match arrival.source:
        case Source.LINK:
            yield _("The buyer came by the sharing link %(token)s.") % {"token": arrival.token}
        case Source.CODE:
            yield _("The buyer gave the referral code %(code)s.") % {"code": arrival.code}
        case Source.BINDING:
            yield _("The buyer was bound to the referrer when the order was placed.")
        case Source.SPONSOR:
            yield _("The buyer is a distributor; the sponsor counts as the referrer.")
        case Source.SELF_PURCHASE:
            yield _("The buyer is a distributor and referred this order himself.")
        case Source.NONE:
            yield _("The buyer came by nobody.")
    for reason in filter(None, arrival.note.split(",")):
        yield _why_not_used(reason)
    if arrival.clicked_at is not None:
        yield _("The link %(token)s was opened on %(moment)s, the latest time before the order.") % {
            "token": arrival.token,
            "moment": f"{_local(arrival.clicked_at):%Y-%m-%d %H:%M}",
        }
    elif arrival.link_id is not None:
        yield _("No opening of the link %(token)s before the order was recorded.") % {"token": arrival.token}


def _why_not_used(reason: str) -> str:
    match reason:
        case "link_own":
            return _("The buyer's own sharing link did not count.")
        case "code_own":
            return _("The buyer's own referral code did not count.")
        case "link_unusable":
            return _("A sharing link was brought along that is unknown or whose holder was not active; it did not count.")
        case _:
            return _("A referral code was brought along that is unknown or whose holder was not active; it did not count.")


def _is_of(evaluation: Evaluation, commission: Commission) -> bool:
    return (evaluation.rule_key, evaluation.line_id, evaluation.payee_id) == (
        commission.rule_key,
        commission.line_id,
        commission.payee_id,
    )


def _who(commission: Commission) -> str:
    return _place(commission.kind, commission.depth)


def _place(kind: CommissionKind, depth: int) -> str:
    match kind:
        case CommissionKind.BOOSTER:
            return _("The payee earned on this sale, and a campaign adds to it.")
        case CommissionKind.SELF:
            return _("The payee is the buyer of this order.")
        case CommissionKind.REGIONAL:
            return _("The payee is the partner of the region that the order went to.")
        case CommissionKind.NAMED:
            return _("The plan names the payee.")
        case CommissionKind.PEER:
            return _("The payee stands %(depth)s above the seller, over an earner of the same tier.") % {"depth": depth}
        case CommissionKind.POOL:
            return _("The payee shares in the pool of the period.")
        case CommissionKind.BONUS:
            return _("The payee is rewarded for the sales of the period.")
        case CommissionKind.TRUE_UP:
            return _("The period closed, and this order's commission was raised to the sales of the whole period.")
        case _ if depth == 0:
            return _("The payee referred this order.")
        case _:
            return _("The payee stands %(depth)s above the seller of this order.") % {"depth": depth}


def _how_much(own: Evaluation, currency: str) -> Iterator[str]:
    base, amount = format_minor(own.base_minor, currency), format_minor(own.amount_minor, currency)
    if own.bands:
        for band in own.bands:
            yield _("From %(start)s on: %(part)s × %(rate)s.") % {
                "start": format_minor(band.from_minor, currency),
                "part": format_minor(band.part_minor, currency),
                "rate": format_rate(band.rate_bp),
            }
        yield _("For this line that is %(amount)s.") % {"amount": amount}
    elif own.rate_bp:
        yield _("%(base)s × %(rate)s = %(amount)s.") % {"base": base, "rate": format_rate(own.rate_bp), "amount": amount}
    else:
        yield _("A fixed amount: %(amount)s for %(quantity)s units.") % {"amount": amount, "quantity": own.quantity}
    if own.limited_by == "line_base":
        yield _("It was limited to what was paid for the line.")
    elif own.limited_by == "rule_line_cap":
        yield _("It was limited by the rule's cap per order line.")


def day_of(at: datetime) -> str:
    """The date of a moment where the shop is: what the pages beside these sentences say."""
    return f"{_local(at):%Y-%m-%d}"


def _local(at: datetime) -> datetime:
    return at.astimezone(get_tenant(current_tenant_id()).zone)


def _why_skipped(skipped: Skipped) -> str:
    place = {"depth": skipped.depth}
    match skipped.reason:
        case SkipReason.NOT_ACTIVE:
            return _("The distributor at depth %(depth)s was not active at payment and was passed over.") % place
        case SkipReason.TIER_TOO_LOW:
            return _("The distributor at depth %(depth)s did not have the tier that the rule asks for.") % place
        case SkipReason.BEYOND_REACH:
            return _("Depth %(depth)s is beyond the plan's reach.") % place
        case SkipReason.LEGAL_DEPTH:
            return _("The law does not allow pay at depth %(depth)s.") % place
        case SkipReason.NO_SELLER:
            return _("Nobody referred the order.")
        case SkipReason.NO_ANCESTOR:
            return _("There is nobody at depth %(depth)s.") % place
        case SkipReason.NO_BUYER:
            return _("The buyer is no distributor.")
        case SkipReason.NO_PARTNER:
            return _("Nobody holds the region that the order went to.")
        case SkipReason.NO_PERSON:
            return _("The person whom the plan names is no distributor here.")
        case SkipReason.NO_DIFFERENCE:
            return _("The tier at depth %(depth)s is not above what was paid below it.") % place
        case SkipReason.BELOW_MINIMUM:
            return _("The sales of the period were too small to take part.")


def _cap(cut: CapCut, amount_minor: int, currency: str) -> str:
    figures = {
        "before": format_minor(cut.before_minor, currency),
        "limit": format_minor(cut.limit_minor, currency),
        "amount": format_minor(amount_minor, currency),
    }
    match cut.cap:
        case "rule_order":
            sentence = _("The rule's cap per order lowered %(before)s to %(limit)s in all.")
        case "plan_payee":
            sentence = _("The plan's cap per person and order lowered %(before)s to %(limit)s in all.")
        case "rule_payee":
            sentence = _("The rule's cap per person and order lowered %(before)s to %(limit)s in all.")
        case "rule_period":
            sentence = _("The rule's cap per person and period lowered %(before)s to %(limit)s in all.")
        case "plan_payee_period":
            sentence = _("The plan's cap per person and period lowered %(before)s to %(limit)s in all.")
        case "plan_margin":
            sentence = _("The margin of the goods lowered what this line pays from %(before)s to %(limit)s in all.")
        case "plan_budget":
            sentence = _("The plan's budget lowered the commission of the whole order; %(amount)s is left of this one.")
        case "legal_total":
            sentence = _("The law's ceiling lowered the commission of the whole order; %(amount)s is left of this one.")
        case _:
            sentence = _("The plan's cap lowered the commission of the whole order; %(amount)s is left of this one.")
    return sentence % figures


def _afterwards(commission: Commission, reversals: Sequence[Reversal]) -> Iterator[str]:
    for each in reversals:
        if each.amount_minor:
            sentence = _("%(amount)s went back on %(day)s because goods were returned.")
            if each.cause is Cause.TRUE_UP:
                sentence = _("%(amount)s was taken off on %(day)s: the sales of the period came to less.")
            yield sentence % {
                "amount": format_minor(each.amount_minor, commission.currency),
                "day": day_of(each.occurred_at),
            }
    if commission.hold is Hold.RELEASED and commission.released_at is not None:
        yield _("It was released on %(day)s.") % {"day": day_of(commission.released_at)}
    elif commission.hold is Hold.HOLDING_PERIOD and commission.release_after is not None:
        yield _("It is held until %(day)s, and longer while a return is open.") % {"day": day_of(commission.release_after)}
    elif commission.hold is Hold.PROVISIONAL:
        yield _("It is provisional: the period still runs, and its end adjusts it.")
    else:
        yield _("The holding period begins when the buyer has received the goods.")
