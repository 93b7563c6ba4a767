"""Periodic jobs: one transaction per batch, or none where the job calls the outside world."""

from __future__ import annotations

from typing import Any

from banyan.kernel import jobs, tenancy
from banyan.kernel.jobs import registry


def test_a_job_runs_until_nothing_is_left_inside_or_outside_of_a_transaction(make_shop: Any) -> None:
    shops = [make_shop().id, make_shop().id]
    seen: list[tuple[str, int]] = []
    left = {"in": 3, "out": 3}

    @jobs.periodic("test.inside", every_seconds=60)
    def inside() -> int:
        seen.append(("in", tenancy.current_tenant_id()))
        left["in"] -= 1
        return max(left["in"], 0)

    @jobs.periodic_outside("test.outside", every_seconds=60)
    def outside(tenant_id: int) -> int:
        assert tenancy.entered() is None
        seen.append(("out", tenant_id))
        left["out"] -= 1
        return max(left["out"], 0)

    try:
        assert jobs.run_job("test.inside", shops) == 3
        assert jobs.run_job("test.outside", shops) == 3
    finally:
        del registry._jobs["test.inside"], registry._jobs["test.outside"]
    assert seen == [(kind, shop) for kind in ("in", "out") for shop in (shops[0], shops[0], shops[0], shops[1])]
