"""Why somebody was not paid, or not yet: for any order and any person, in words that a distributor understands.

"Why this" is `explanation`; here are the other two questions. The decision is computed again from what was frozen; words about
other people are left out, so the same answer serves the person himself and finance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from banyan.earnings.commission.queries.commissions import list_for_orders, list_reversals
from banyan.earnings.commission.queries.explanation import NotAccrued, decide_again
from banyan.earnings.commission.queries.words import day_of
from banyan.earnings.commission.types import Cause, Commission, Hold, OrderDecision, SkipReason
from banyan.kernel.values.money import format_minor
from banyan.trade.returns import queries as returns


@dataclass(frozen=True, slots=True)
class Answer:
    """What an order brings a person. `outcome`: paid, waiting, reversed, nothing, or undecided (no payment, or not accrued yet).

    `reasons`: a code for each thing that stood in the way, the same as in the trace, or `not_in_path`, `no_plan`, `no_rule`,
    `cut_to_nothing`, `undecided`. `words` says it all in the active language.
    """

    order_id: int
    distributor_id: int
    outcome: str
    amount_minor: int
    reversed_minor: int
    reasons: tuple[str, ...]
    words: tuple[str, ...]
    release_after: datetime | None
    commission_ids: tuple[int, ...]


def answer_for(order_id: int, distributor_id: int) -> Answer:
    """Why this order pays this person, does not, or not yet: also for an order that earned nobody anything.

    An order that is not there is undecided, too: who may ask about which orders is for the caller to know.
    """
    try:
        decision = decide_again(order_id)
    except NotAccrued:
        words = (_("The order is not paid yet, or its payment is still being worked on: nothing is decided."),)
        return Answer(order_id, distributor_id, "undecided", 0, 0, ("undecided",), words, None, ())
    own = [each for each in list_for_orders([order_id]).get(order_id, []) if each.payee_id == distributor_id]
    return _paid(decision, own) if own else _not_paid(decision, distributor_id)


def _paid(decision: OrderDecision, own: list[Commission]) -> Answer:
    amount, gone = sum(each.amount_minor for each in own), sum(each.reversed_minor for each in own)
    first = own[0]
    waits = first.hold is not Hold.RELEASED
    outcome = "reversed" if gone == amount else "waiting" if waits else "paid"
    reasons = tuple(_why_not_yet(first)) if outcome == "waiting" else ()
    shown = format_minor(amount - gone, decision.currency)
    words = [_("This order brings you %(amount)s.") % {"amount": shown}]
    back = _back_by_cause(own) if gone else {}
    if minor := back.get(Cause.RETURN):
        words.append(
            _("%(amount)s of it went back because goods were returned.") % {"amount": format_minor(minor, decision.currency)}
        )
    if minor := back.get(Cause.TRUE_UP):
        words.append(
            _("%(amount)s of it was taken off because the sales of the period came to less.")
            % {"amount": format_minor(minor, decision.currency)}
        )
    if outcome == "waiting":
        words += [_waiting_words(reason, first) for reason in reasons]
    elif outcome == "paid":
        words.append(_("It is released; the next settlement takes it up."))
    ids = tuple(int(each.commission_id) for each in own)
    return Answer(decision.order_id, first.payee_id, outcome, amount, gone, reasons, tuple(words), first.release_after, ids)


def _back_by_cause(own: list[Commission]) -> dict[Cause, int]:
    back: dict[Cause, int] = {}
    for each in list_reversals([each.commission_id for each in own]):
        back[each.cause] = back.get(each.cause, 0) + each.amount_minor
    return back


def _why_not_yet(commission: Commission) -> Iterator[str]:
    if commission.hold is Hold.AWAITING_RECEIPT:
        yield "awaiting_receipt"
    else:
        yield "holding_period"
    if returns.open_returns([commission.order_id]):
        yield "open_return"


def _waiting_words(reason: str, commission: Commission) -> str:
    if reason == "awaiting_receipt":
        return _("Not yet: the holding period begins when the buyer has received the goods.")
    if reason == "open_return":
        return _("Not yet: a return of this order is open.")
    day = day_of(commission.release_after) if commission.release_after is not None else "–"
    return _("Not yet: it is held until %(day)s, so that returned goods can be taken off.") % {"day": day}


def _not_paid(decision: OrderDecision, distributor_id: int) -> Answer:
    reasons = tuple(dict.fromkeys(_why_not(decision, distributor_id)))
    words = tuple(_words_of(reason) for reason in reasons)
    return Answer(decision.order_id, distributor_id, "nothing", 0, 0, reasons, words, None, ())


def _why_not(decision: OrderDecision, distributor_id: int) -> Iterator[str]:
    if decision.version is None:
        yield "no_plan"
        return
    trace = decision.trace
    skipped = [each.reason.value for each in trace.skipped if each.payee_id == distributor_id]
    yield from skipped
    member = next((each for each in decision.upline if each.distributor_id == distributor_id), None)
    if any(each.payee_id == distributor_id and each.amount_minor for each in trace.evaluations):
        yield "cut_to_nothing"
    elif member is None and not skipped:
        yield "not_in_path"
    elif not skipped:
        yield "no_rule"


def _words_of(reason: str) -> str:
    match reason:
        case "no_plan":
            return _("No plan was in force when the order was paid, so nobody earned by it.")
        case "not_in_path":
            return _("You were not in the line above the buyer when the order was paid; later changes count for later orders.")
        case "no_rule":
            return _("No rule of the plan in force pays your place for these goods.")
        case "cut_to_nothing":
            return _("A rule gave you a share, but another rule or a cap left nothing of it.")
        case SkipReason.NOT_ACTIVE:
            return _("You were not active when the order was paid.")
        case SkipReason.TIER_TOO_LOW:
            return _("Your tier was below the one that the rule asks for when the order was paid.")
        case SkipReason.BEYOND_REACH:
            return _("You stood deeper than the plan reaches.")
        case SkipReason.LEGAL_DEPTH:
            return _("The law that counted when the order was paid does not allow pay at your depth.")
        case SkipReason.NO_DIFFERENCE:
            return _("Somebody of your tier or above it, nearer to the buyer, had already been paid the difference.")
        case SkipReason.BELOW_MINIMUM:
            return _("Your sales of the period were below what the rule asks for.")
        case _:
            return _("The plan in force did not pay you: %(reason)s.") % {"reason": reason}
