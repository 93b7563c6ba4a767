"""Pure words of the screens: money, rates, moments, masks, tones. No I/O, so that they can be tested by table."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from banyan.kernel.values.filled import Filled
from banyan.kernel.values.money import format_rate
from banyan.kernel.words import in_words

SYMBOLS = {"CNY": "¥", "USD": "$", "GBP": "£", "EUR": "€", "JPY": "¥", "KRW": "₩", "HKD": "HK$", "TWD": "NT$", "SGD": "S$"}
WITHOUT_MINOR = frozenset({"JPY", "KRW", "VND"})
_TONES = {
    "good": {"active", "available", "approved", "completed", "paid", "released", "closed", "received", "published", "captured",
             "clear", "done", "settled", "accepted", "on_sale", "exchanged", "refunded",
             "delivered", "redeemed", "ready"},
    "warn": {"applied", "pending", "held", "hold", "review", "in_review", "placed", "requested", "submitting", "draft", "warn",
             "awaiting_confirmation", "unknown", "under_review", "awaiting_second", "paying", "holding_period",
             "awaiting_receipt", "open", "sent", "receiving", "counting", "drafted", "shipped", "payable", "awaiting",
             "packed", "partly_shipped", "in_transit", "out_for_delivery", "provisional"},
    "bad": {"frozen", "rejected", "failed", "expired", "cancelled", "reversed", "clawed_back", "retired", "debt", "escalate",
            "set_aside", "skipped", "payout_failed", "troubled", "returning", "returned"},
}  # fmt: skip


def decimals_of(currency: str) -> int:
    """How many digits an amount of this currency has after the point."""
    return 0 if currency in WITHOUT_MINOR else 2


def money(minor: int | None, currency: str = "CNY") -> str:
    """Minor units as ¥1,234.56 (no decimals where the currency has none); a dash for None."""
    if minor is None:
        return "–"
    symbol = SYMBOLS.get(currency, f"{currency} ")
    sign = "-" if minor < 0 else ""
    if currency in WITHOUT_MINOR:
        return f"{sign}{symbol}{abs(minor):,}"
    whole, part = divmod(abs(minor), 100)
    return f"{sign}{symbol}{whole:,}.{part:02d}"


def percent(rate_bp: int | None) -> str:
    """Basis points as 12.5%; a dash for None."""
    return "–" if rate_bp is None else format_rate(rate_bp)


def moment(at: datetime | None) -> str:
    """A moment in the current zone (the tenant's, set by the middleware); a dash for None."""
    return "–" if at is None else timezone.localtime(at).strftime("%Y-%m-%d %H:%M")


def word_of(code: object) -> str:
    """A code word such as `under_review` in the active language; where nobody translated it, at least without underlines."""
    if isinstance(code, Filled):
        return in_words(code)
    text = str(code)
    said = _(text) if text else "–"
    return said.replace("_", " ") if said == text else said


def confidence_of(code: object) -> str:
    """How well a fact of the law is known. "Unknown" is another word here than for a payout."""
    return pgettext("how well a law is known", "unknown") if str(code) == "unknown" else word_of(code)


def reason_of(text: str) -> str:
    """Why something was written: what a house wrote by itself in words, what a person wrote as it stands."""
    own = {
        "applied": _("with the application"),
        "approved": _("with the approval"),
        "joined": _("on joining"),
        "unfrozen": _("unfrozen"),
        "created": _("with the article"),
        "expired": _("the time was over"),
        "overridden": _("bound to somebody else"),
        "console": _("in the console"),
        "api": _("over the API"),
        "sign-in": _("when signing in"),
        "sign-up": _("when signing up"),
    }
    return own.get(text, text) or "–"


def actor_of(code: str) -> str:
    """Who acted when it was no person: `reaction:commission.accrue` and the like in words; nothing for a person's id."""
    kind, _colon, name = code.partition(":")
    said = {
        "reaction": _("Reaction: %s") % word_of(name),
        "job": _("Periodic work: %s") % word_of(name),
        "channel": _("Payment channel: %s") % word_of(name),
        "carrier": _("Carrier: %s") % word_of(name),
        "sign-in": _("Signing in"),
        "sign-up": _("Signing up"),
    }
    return said.get(kind, "")


def resolution_of(text: str) -> str:
    """How a set-aside event ended: `retried`, or `dismissed: ` and the person's reason."""
    end, colon, reason = text.partition(": ")
    return word_of(end) + colon + reason


def value_words(value: object) -> str:
    """A value of a compiled fact as people read it: yes or no, a list, names with what they hold; a dash for None."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, dict):
        return "; ".join(f"{str(name).replace('_', ' ')}: {value_words(each)}" for name, each in value.items())
    return ", ".join(map(value_words, value)) if isinstance(value, list | tuple) else str(value)


def tone_of(state: str) -> str:
    """good, warn, bad or plain: the color of a state's pill."""
    word = str(state).lower()
    return next((tone for tone, words in _TONES.items() if word in words), "plain")


def ruling_step(step: str) -> str:
    """Why a return is reviewed or not, such as `newcomer:2`, in words."""
    word, _colon, value = step.partition(":")
    said = {
        "risk": _("Risk signal: %(value)s"),
        "gives_back_much": _("Gives back %(value)s of what arrives"),
        "goodwill": _("Goodwill of the shop"),
        "word_alone": _("On the asker's word alone, without a reason of the list"),
        "amount_without_goods": _("An amount without goods"),
        "tier": _("Tier without review: %(value)s"),
        "newcomer": _("Newcomer: %(value)s orders received"),
        "small": _("Small amount of a known buyer"),
        "ordinary": _("Ordinary: reviewed"),
    }.get(word, step)
    if word == "gives_back_much" and value.isdigit():
        value = percent(int(value))
    return said % {"value": word_of(value) if word in ("tier", "risk") else value} if "%(value)s" in said else said


def commission_kind(kind: str, rule: dict[str, Any]) -> str:
    """What somebody above the seller gets is named after how his rule counts: only a differential is one."""
    if kind != "override":
        return word_of(kind)
    if rule.get("amount", {}).get("kind") == "differential":
        return _("differential")
    return _("generation bonus") if rule.get("pays", {}).get("to") == "generation" else word_of(kind)


def ground_of(code: str) -> str:
    """By what a deadline holds."""
    return {"policy": _("the shop's terms"), "tier": _("the distributor's tier")}.get(code, _("the law: %s") % code)
