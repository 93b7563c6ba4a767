"""Regional partners (区域代理): who holds a region, now and at any past moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from banyan.earnings.commission.models import RegionalPartnerRow
from banyan.earnings.commission.types import PartnerId, RegionalPartner
from banyan.kernel import sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.people.distributors.types import DistributorId


def partners_at_each(moments: Sequence[tuple[str, datetime]]) -> list[DistributorId | None]:
    """Who held each (region code, moment), in order; None: nobody."""
    if not moments:
        return []
    rows = sql.fetch(
        "SELECT q.place, p.distributor_id FROM unnest(%s::text[], %s::timestamptz[]) WITH ORDINALITY AS q(code, at, place)"
        " JOIN commission_regional_partners p ON p.tenant_id = %s AND p.region_code = q.code AND p.valid_from <= q.at"
        " AND (p.valid_to IS NULL OR p.valid_to > q.at)",
        ([code for code, _ in moments], [at for _, at in moments], current_tenant_id()),
    )
    found: list[DistributorId | None] = [None] * len(moments)
    for place, distributor_id in rows:
        found[place - 1] = DistributorId(distributor_id)
    return found


def list_partners(*, region_code: str | None = None, before: int | None = None, limit: int = 50) -> list[RegionalPartner]:
    """Appointments, the latest first, those that ended too; of one region when named."""
    rows = RegionalPartnerRow.objects.order_by("-id")
    if region_code is not None:
        rows = rows.filter(region_code=region_code)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return [
        RegionalPartner(PartnerId(row.pk), row.region_code, row.distributor_id, row.valid_from, row.valid_to)
        for row in rows[:limit]
    ]
