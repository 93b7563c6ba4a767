"""How money, rates, moments, ids and personal words look on every page."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from banyan.console import showing
from banyan.earnings.settlement import queries as settlement
from banyan.kernel import ids

register = template.Library()


@register.filter
def money(minor: int | None, currency: str = "CNY") -> str:
    """Minor units as ¥1,234.56; a dash for None."""
    return showing.money(minor, currency)


@register.filter
def percent(rate_bp: int | None) -> str:
    """Basis points as 12.5%; a dash for None."""
    return showing.percent(rate_bp)


@register.filter
def when(at: datetime | None) -> str:
    """A moment in the tenant's zone as 2026-03-01 09:30; a dash for None."""
    return showing.moment(at)


@register.filter
def day(at: datetime | None) -> str:
    """The date of a moment in the tenant's zone."""
    return showing.moment(at)[:10]


@register.filter
def day_before(at: datetime | None) -> str:
    """The last date of a half-open period that ends at a moment."""
    return showing.moment(at - timedelta(seconds=1))[:10] if at else "–"


@register.filter
def negated(amount_minor: int) -> int:
    """The other sign: credits are shown without their minus."""
    return -amount_minor


@register.filter
def symbol(currency: str) -> str:
    """The sign of a currency."""
    return showing.SYMBOLS.get(currency, currency)


@register.filter
def word(code: object) -> str:
    """A code word in the active language."""
    return showing.word_of(code)


@register.filter
def confidence(code: object) -> str:
    """How well a fact of the law is known."""
    return showing.confidence_of(code)


@register.filter
def reason(text: str) -> str:
    """Why something was written; a house's own reason in words."""
    return showing.reason_of(text)


@register.filter
def statement_reason(text: str) -> str:
    """Why a statement waits, was carried or was not paid."""
    return settlement.reason_words(text)


@register.filter
def value_words(value: object) -> str:
    """A value of a compiled fact in words."""
    return showing.value_words(value)


@register.filter
def ruling(step: str) -> str:
    """One step of why a return is reviewed or not, in words; its value after the colon."""
    return showing.ruling_step(step)


@register.filter
def ground(code: str) -> str:
    """By what a deadline holds: the shop's terms, the tier, or the law's rule."""
    return showing.ground_of(code)


@register.filter
def net(totals: Any, currency: str = "CNY") -> str:
    """What a payee's commissions come to after what was taken back."""
    return showing.money(totals.accrued_minor - totals.reversed_minor, currency)


@register.filter
def public(number: int | None, prefix: str) -> str:
    """The public id; a dash for None."""
    return "–" if number is None else ids.public(prefix, int(number))


@register.filter
def field_of(row: Any, name: str) -> Any:
    """An attribute or key by name: for small generic tables."""
    return row.get(name) if isinstance(row, dict) else getattr(row, name, None)


@register.simple_tag
def state_label(state: str, text: str = "") -> SafeString:
    """A colored pill for a state word."""
    return format_html('<span class="bn-pill bn-pill-{}">{}</span>', showing.tone_of(state), text or showing.word_of(state))
