"""Simulations and the standing per country in the console."""

from __future__ import annotations

import json

from banyan.console.tests.conftest import Staffed
from banyan.earnings.commission import commands as commission
from banyan.earnings.commission import queries as plans
from banyan.earnings.commission.types import DraftPlan
from banyan.earnings.simulation import commands, queries
from banyan.kernel import ids, sql
from banyan.people.identity.types import Role
from banyan.rules.compliance import commands as law
from banyan.rules.compliance import ports
from banyan.rules.compliance.tests.test_feed import PUBLIC, signed, update

DOCUMENT = {
    "format": 1, "title": "Spring", "unqualified": "breakage", "hold_days": 7, "caps": {"total_bp": 2000},
    "rules": [{"key": "seller", "pays": {"to": "seller"}, "amount": {"kind": "rate", "rate_bp": 500}}],
}  # fmt: skip


def test_a_simulation_is_asked_for_watched_and_exported(staffed: Staffed) -> None:
    operator, auditor = staffed.client(Role.OPERATOR), staffed.client(Role.AUDITOR)
    with staffed.shop.enter():
        version = ids.public("plv", commission.draft_plan(DraftPlan(DOCUMENT, "usr_a")))
    assert version in operator.get("/console/simulations/").content.decode()
    form = {"version": version, "start": "2026-01-01", "end": "2026-02-01"}
    assert auditor.post("/console/simulations/request", form).status_code == 403
    assert "排队" in operator.post("/console/simulations/request", form, follow=True).content.decode()
    assert operator.post("/console/simulations/request", {**form, "end": "x"}, follow=True).status_code == 200
    with staffed.shop.enter():
        (run,) = queries.list_runs()
    address = f"/console/simulations/{ids.public('sim', run.run_id)}/"
    assert "取消模拟" in operator.get(address).content.decode()
    assert commands.run_due(staffed.shop.id) == 1
    told = auditor.get(address).content.decode()
    assert "sim-by-day" in told and "取消模拟" not in told
    period = {"period": "month", "end_day": "2026-02-01", "old_minor": 0, "new_minor": 500, "delta_minor": 500}
    rows = [{**period, "first_day": "2026-01-01", "is_whole": False, "is_open": False},
            {**period, "first_day": "2026-02-01", "is_whole": True, "is_open": True}]  # fmt: skip
    with staffed.shop.enter():
        sql.execute(
            "UPDATE simulation_runs SET outcome = jsonb_set(outcome, '{by_period}', %s::jsonb) WHERE id = %s",
            (json.dumps(rows), run.run_id),
        )
    told = auditor.get(address).content.decode()
    assert "请选完整周期再比较： 2026-01-01 起的月</p>" in told
    assert "当时方案一侧未含其结算金额： 2026-02-01 起的月</p>" in told
    assert "first_day" in auditor.get(f"{address}export/periods").content.decode()
    answer = auditor.get(f"{address}export/totals")
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert "old_minor" in answer.content.decode()
    assert auditor.get(f"{address}export/nothing").status_code == 404
    again = operator.post("/console/simulations/request", form, follow=True)
    assert again.status_code == 200
    with staffed.shop.enter():
        waiting = ids.public("sim", queries.list_runs()[0].run_id)
    assert "已取消" in operator.post(f"/console/simulations/{waiting}/cancel", follow=True).content.decode()
    assert json.dumps(DOCUMENT)


def test_what_is_being_written_is_simulated_without_being_kept(staffed: Staffed) -> None:
    operator, auditor = staffed.client(Role.OPERATOR), staffed.client(Role.AUDITOR)
    form = {"document": json.dumps({**DOCUMENT, "title": "Unkept"}), "act": "simulate"}
    assert auditor.post("/console/plans/new", form).status_code == 403
    assert "排队" in operator.post("/console/plans/new", form, follow=True).content.decode()
    with staffed.shop.enter():
        (run,) = queries.list_runs()
        assert (run.title, run.version_id) == ("Unkept", None)
        assert plans.list_versions() == []
        version = ids.public("plv", commission.draft_plan(DraftPlan(DOCUMENT, "usr_a")))
    broken = operator.post("/console/plans/new", {**form, "document": '{"format": 1}'}, follow=True)
    assert broken.status_code == 200 and "&quot;format&quot;: 1" in broken.content.decode()
    link = f"/console/simulations/?version={version}"
    assert link in operator.get(f"/console/plans/{version}/").content.decode()
    assert f'value="{version}" selected' in operator.get(link).content.decode()


def test_one_screen_shows_every_country(staffed: Staffed) -> None:
    told = staffed.client(Role.OPERATOR).get("/console/law/standing/").content.decode()
    assert told.count("<tr") > 20
    assert "韩国" in told and "还没有组织" in told


def test_the_screen_says_which_updates_of_the_law_are_missing(staffed: Staffed) -> None:
    before = ports.trusted_keys()
    ports.trust_keys({"test": PUBLIC})
    try:
        law.receive_update(signed(update("2030-08-01")))
        lost = update("2030-08-01")["sequence"]
        law.receive_update(signed(update("2030-08-01")))
    finally:
        ports.trust_keys(before)
    told = staffed.client(Role.OPERATOR).get("/console/law/standing/").content.decode()
    assert "缺少法规更新" in told and f"{lost}" in told
