"""What the law stopped, for operators and for those who earned by it."""

from __future__ import annotations

from banyan.earnings.commission.types import BrokenClause, PlanVersionId, Suspension
from banyan.kernel import sql
from banyan.kernel.tenancy import current_tenant_id


def list_suspensions(
    *, distributor_id: int | None = None, version_id: int | None = None, before: int | None = None, limit: int = 50
) -> list[Suspension]:
    """Suspensions, the latest first; with `distributor_id` those that this person was told of."""
    rows = sql.fetch(
        "SELECT s.id, s.version_id, p.name, v.number, s.suspended_from, s.noted_at, s.law_update_id, s.rule_set, s.broken,"
        " s.variant_id, (SELECT count(*) FROM commission_suspension_notices n WHERE n.tenant_id = s.tenant_id"
        " AND n.suspension_id = s.id) FROM commission_plan_suspensions s"
        " JOIN commission_plan_versions v ON v.tenant_id = s.tenant_id AND v.id = s.version_id"
        " JOIN commission_plans p ON p.tenant_id = s.tenant_id AND p.id = v.plan_id"
        " WHERE s.tenant_id = %s AND (%s::bigint IS NULL OR s.id < %s) AND (%s::bigint IS NULL OR s.version_id = %s)"
        " AND (%s::bigint IS NULL OR EXISTS (SELECT 1 FROM commission_suspension_notices n WHERE n.tenant_id = s.tenant_id"
        " AND n.suspension_id = s.id AND n.distributor_id = %s)) ORDER BY s.id DESC LIMIT %s",
        (current_tenant_id(), before, before, version_id, version_id, distributor_id, distributor_id, limit),
    )
    return [
        Suspension(
            row[0],
            PlanVersionId(row[1]),
            row[2],
            row[3],
            row[4],
            row[5],
            row[6],
            row[7],
            tuple(BrokenClause(**each) for each in row[8]),
            PlanVersionId(row[9]) if row[9] is not None else None,
            int(row[10]),
        )
        for row in rows
    ]
