"""Creating and finding tenants."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NewType
from zoneinfo import ZoneInfo

from banyan.kernel import clock
from banyan.kernel.tenancy.models import TenantRow
from banyan.kernel.values.errors import Conflict, Invalid, NotFound

TenantId = NewType("TenantId", int)
PLATFORM_SLUG = "platform"


_jurisdictions: set[str] = set()


class SlugTaken(Conflict):
    """Another tenant has the slug."""

    code = "slug_taken"
    advice = "Choose another slug; it stands behind the '@' of every login of the shop."


@dataclass(frozen=True)
class Tenant:
    """A tenant's settings that every house may need."""

    id: TenantId
    slug: str
    name: str
    currency: str
    timezone: str
    jurisdiction: str
    cell: str

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which days, months and settlement cycles are counted."""
        return ZoneInfo(self.timezone)


def _tenant(row: TenantRow) -> Tenant:
    return Tenant(TenantId(row.pk), row.slug, row.name, row.currency, row.timezone, row.jurisdiction, row.cell)


def create_tenant(
    slug: str, name: str, currency: str = "CNY", timezone: str = "Asia/Shanghai", jurisdiction: str = "CN"
) -> TenantId:
    """Create a tenant; its rows need nothing else. Raises SlugTaken; Invalid on a bad slug or zone."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{1,38}", slug):
        raise Invalid("A slug has 2 to 39 characters a-z, 0-9 and '-', and starts with a letter.", field="slug")
    try:
        ZoneInfo(timezone)
    except (KeyError, ValueError, OSError) as error:
        raise Invalid("Unknown time zone.", field="timezone") from error
    row, created = TenantRow.objects.get_or_create(
        slug=slug,
        defaults={
            "name": name,
            "currency": currency,
            "timezone": timezone,
            "jurisdiction": jurisdiction,
            "created_at": clock.now(),
        },
    )
    if not created:
        raise SlugTaken("This slug is taken.", field="slug")
    return TenantId(row.pk)


@lru_cache(maxsize=10_000)
def get_tenant(tenant_id: int) -> Tenant:
    """The tenant's settings, cached for the life of the process (they change by restart only); raises NotFound."""
    row = TenantRow.objects.filter(pk=tenant_id).first()
    if row is None:
        raise NotFound("No such tenant.")
    return _tenant(row)


def find_tenant_by_slug(slug: str) -> Tenant | None:
    """The tenant of that slug, or None."""
    row = TenantRow.objects.filter(slug=slug).first()
    return _tenant(row) if row else None


def list_tenants(before_id: int | None, count: int) -> list[Tenant]:
    """Tenants in descending id order, at most ``count``, with id below ``before_id``."""
    rows = TenantRow.objects.order_by("-pk")
    return [_tenant(row) for row in (rows if before_id is None else rows.filter(pk__lt=before_id))[:count]]


def offer_jurisdictions(codes: Iterable[str]) -> None:
    """The house that knows the law says once, when Django is ready, under which jurisdictions a shop may be opened."""
    _jurisdictions.update(code.upper() for code in codes)


def list_jurisdiction_codes() -> list[str]:
    """The jurisdictions under which a shop may be opened, in capitals."""
    return sorted(_jurisdictions)


def list_tenant_ids() -> list[TenantId]:
    """All tenants in order of creation: for the worker and the tools, which enter each in turn."""
    return [TenantId(pk) for pk in TenantRow.objects.order_by("pk").values_list("pk", flat=True)]
