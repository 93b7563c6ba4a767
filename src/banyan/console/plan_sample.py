"""The sample order beside the plan editor: a few fields of a form as the order that the engine decides."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _

from banyan.earnings.commission.types.plan import FIGURES, TIERS
from banyan.earnings.commission.types.samples import SampleLine, SampleOrder, SamplePerson
from banyan.goods.catalog import queries as catalog
from banyan.kernel import clock, ids

CATEGORY = "cat"
MOST_MINOR = 10**12
MOST_DEPTHS = 20


def sample_order(fields: Mapping[str, str], document: Any) -> SampleOrder:
    """One line, a seller, so many above him, a buyer who is a distributor, and somebody for every region and named person.

    What is no number counts as the field's first value; nothing here can be wrong, it is only a sample.
    """
    line = SampleLine(
        _minor(fields, "sample_amount", 100_000),
        max(1, min(_whole(fields, "sample_pieces", 1), 100_000)),
        category_path=_path(fields.get("sample_category", "")),
        cost_minor=_minor(fields, "sample_cost", 0),
        listed_at=clock.now(),
    )
    figures = dict.fromkeys(FIGURES, _minor(fields, "sample_sales", 0))
    seller = SamplePerson(_("Seller"), _tier(fields, "sample_tier"), figures=figures)
    above = [
        SamplePerson(_("Above, depth %d") % depth, _tier(fields, "sample_above"), figures=figures)
        for depth in range(1, 1 + max(0, min(_whole(fields, "sample_depths", 3), MOST_DEPTHS)))
    ]
    buyer = SamplePerson(_("Buyer"), seller.tier, figures=figures)
    partner = SamplePerson(_("Regional partner"), _tier(fields, "sample_above"))
    return SampleOrder(
        (line,), (seller, *above), clock.now(), first_order=True, region_code="440305", buyer=buyer,
        partners=tuple((scope, partner) for scope in ("province", "city", "district")),
        people=tuple((one, SamplePerson(_("Named person"), _tier(fields, "sample_above"))) for one in _named(document)),
    )  # fmt: skip


def _named(document: Any) -> set[int]:
    """The distributors that rules name; the document has been checked before."""
    return {rule["pays"]["distributor"] for rule in document["rules"] if rule["pays"]["to"] == "person"}


def _path(public_id: str) -> tuple[int, ...]:
    try:
        wanted = ids.parse(CATEGORY, public_id)
    except ids.BadPublicId:
        return ()
    return next((tuple(map(int, one.path)) for one in catalog.list_categories() if one.category_id == wanted), ())


def _tier(fields: Mapping[str, str], name: str) -> str:
    return fields.get(name, "") if fields.get(name) in TIERS else TIERS[0]


def _whole(fields: Mapping[str, str], name: str, otherwise: int) -> int:
    text = fields.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else otherwise


def _minor(fields: Mapping[str, str], name: str, otherwise: int) -> int:
    try:
        amount = Decimal(fields.get(name, "")) * 100
    except InvalidOperation:
        return otherwise
    return max(0, min(int(amount), MOST_MINOR)) if amount.is_finite() else otherwise
