"""Short names of people for lists: codes and masked names, never a full name without the audited reveal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import get_language

from banyan.goods.catalog import queries as catalog
from banyan.goods.catalog.types import SkuId
from banyan.kernel import ids
from banyan.kernel.values.errors import Invalid
from banyan.kernel.values.masks import masked
from banyan.people.distributors import queries as distributors
from banyan.people.distributors.types import DistributorId
from banyan.people.identity import queries as identity
from banyan.people.identity.types import UserId
from banyan.trade.orders.types import OrderLine

ORDER, COMMISSION, STATEMENT, PAYOUT, DISTRIBUTOR, USER = "ord", "cms", "stm", "pyo", "dst", "usr"
WAVE, PARCEL, FULFILLMENT = "wav", "pcl", "ful"
ENTRY, RETURN, SET_ASIDE, VERSION, WAREHOUSE = "ent", "ret", "sae", "plv", "whs"
SKU, CLOSING = "sku", "clg"
"""Prefixes of public ids in addresses and on pages."""


@dataclass(frozen=True)
class Name:
    """A distributor as lists show it. `label` has the code and the masked name."""

    id: int
    public_id: str
    user_id: int
    code: str
    name: str
    tier: str
    status: str

    @property
    def label(self) -> str:
        """Code and masked name."""
        return f"{self.code} {self.name}"


def names_of(distributor_ids: Iterable[int | None]) -> dict[int, Name]:
    """The names of these distributors, two queries for any number; unknown ids are absent."""
    wanted = sorted({DistributorId(one) for one in distributor_ids if one})
    if not wanted:
        return {}
    found = distributors.list_distributors_by_ids(wanted)
    users = identity.list_users_by_ids([one.user_id for one in found.values()])
    return {
        int(key): Name(
            int(key),
            ids.public(DISTRIBUTOR, key),
            int(one.user_id),
            one.code,
            masked(users[one.user_id].display_name) if one.user_id in users else "–",
            one.tier.value,
            one.status.value,
        )
        for key, one in found.items()
    }


def user_names(user_ids: Iterable[int | None]) -> dict[int, str]:
    """Logins of these users (staff are named by login), one query."""
    wanted = sorted({UserId(one) for one in user_ids if one})
    return {int(key): user.login for key, user in identity.list_users_by_ids(wanted).items()} if wanted else {}


def find_distributor(words: str) -> DistributorId | None:
    """The distributor whose public id or referral code this is, in any status; None for words that name nobody here."""
    words = words.strip()
    try:
        found = DistributorId(ids.parse(DISTRIBUTOR, words))
    except ids.BadPublicId:
        return distributors.find_by_codes([words]).get(words)
    return found if distributors.list_distributors_by_ids([found]) else None


def get_distributor(words: str) -> DistributorId:
    """As find_distributor, for a form's field `distributor`. Raises Invalid for words that name nobody here."""
    found = find_distributor(words)
    if found is None:
        raise Invalid("No distributor has this code or id.", field="distributor")
    return found


def is_chinese() -> bool:
    """Whether the reader reads Chinese."""
    return (get_language() or "").startswith("zh")


def category_names() -> dict[int, str]:
    """Every category with the names of those above it, parents before children, in the reader's language."""
    every = catalog.list_categories()
    own = {one.category_id: one.name_zh if is_chinese() else one.name_en or one.name_zh for one in every}
    return {int(one.category_id): " / ".join(own[part] for part in one.path if part in own) for one in every}


def ordered(lines: Iterable[OrderLine]) -> set[int]:
    """The SKUs that these order lines name: what was bought, and the bundles that it was bought in."""
    return {sku_id for line in lines for sku_id in (line.sku.sku_id, line.bundle_sku_id) if sku_id is not None}


def goods_names(sku_ids: Iterable[int]) -> dict[int, str]:
    """Code and Chinese name of these SKUs, for people who look at a parcel; one query."""
    named = catalog.sku_names(SkuId(one) for one in sku_ids)
    return {int(key): f"{code} {name}" for key, (code, name) in named.items()}
