"""Links of the river of money, both ways: order ↔ commission ↔ ledger entry ↔ statement ↔ payout."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from banyan.console import names
from banyan.kernel import ids
from banyan.kernel.values.errors import Refusal


def explain_url(commission_id: int) -> str:
    """The commission's explain page."""
    return reverse("console:explain", args=[ids.public(names.COMMISSION, commission_id)])


def order_url(order_id: int) -> str:
    """The order's money story."""
    return reverse("console:money_story", args=[ids.public(names.ORDER, order_id)])


def statement_url(statement_id: int) -> str:
    """The statement's page."""
    return reverse("console:statement", args=[ids.public(names.STATEMENT, statement_id)])


def distributor_url(distributor_id: int) -> str:
    """The distributor's place in the network."""
    return reverse("console:network_tree", args=[ids.public(names.DISTRIBUTOR, distributor_id)])


def return_url(return_id: int) -> str:
    """The return with its inspection."""
    return reverse("console:inspection", args=[ids.public(names.RETURN, return_id)])


def plan_url(version_id: int) -> str:
    """The plan version with its document and what the law says about it."""
    return reverse("console:plan", args=[ids.public(names.VERSION, version_id)])


def closing_url(closing_id: int) -> str:
    """The closing of a period with what it decided."""
    return reverse("console:closing", args=[ids.public(names.CLOSING, closing_id)])


def record_url(model: str, row_id: int | None) -> str:
    """The read-only record in the back office (`ledger_entryrow`), or nothing where that house has no such page."""
    try:
        return reverse(f"admin:{model}_change", args=[row_id]) if row_id else ""
    except NoReverseMatch:
        return ""


def list_url(model: str, words: str) -> str:
    """A house's own list, searched for these words; nothing where that house has no such list."""
    try:
        address = reverse(f"admin:{model}_changelist")
        return f"{address}?{urlencode({'q': words})}" if words else address
    except NoReverseMatch:
        return ""


_RECORDS = {
    names.PAYOUT: "payouts_payoutrow",
    names.ENTRY: "ledger_entryrow",
    names.USER: "identity_user",
    "pay": "payments_paymentrow",
}
_PAGES = {
    names.ORDER: "console:money_story",
    names.COMMISSION: "console:explain",
    names.STATEMENT: "console:statement",
    names.DISTRIBUTOR: "console:network_tree",
    names.RETURN: "console:inspection",
    names.VERSION: "console:plan",
    names.CLOSING: "console:closing",
}
PUBLIC_ID = re.compile(r"[a-z]{3}_[0-9a-hjkmnp-tv-z]{13}")


def public_url(text: str) -> str:
    """The page of whatever a public id names; nothing for text that is no public id or has no page."""
    if not PUBLIC_ID.fullmatch(text):
        return ""
    prefix = text[:3]
    try:
        if prefix in _PAGES:
            return reverse(_PAGES[prefix], args=[text])
        return record_url(_RECORDS[prefix], ids.parse(prefix, text)) if prefix in _RECORDS else ""
    except (NoReverseMatch, Refusal):
        return ""


def reveal_url(user_id: int) -> str:
    """The audited look at a person's name and phone."""
    return reverse("console:reveal", args=[ids.public(names.USER, user_id)])


JOINED: dict[str, tuple[Any, Callable[[int], str]]] = {
    "orders.order": (_("Money story"), order_url),
    "returns.returnrow": (_("Goods and inspection"), return_url),
    "commission.planversionrow": (_("Document and law"), plan_url),
    "settlement.statementrow": (_("Lines and decisions"), statement_url),
    "distributors.distributor": (_("Network"), distributor_url),
    "identity.user": (_("Reveal"), reveal_url),
}
"""Records whose list and page lead on to one of the console's own pages."""
