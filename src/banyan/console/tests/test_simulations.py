"""Simulations and the standing per country in the console."""

from __future__ import annotations

import json
from datetime import timedelta

from banyan.console.simulation_tables import TITLES
from banyan.console.tests.conftest import Staffed
from banyan.earnings.commission import commands as commission
from banyan.earnings.commission import queries as plans
from banyan.earnings.commission.types import DraftPlan
from banyan.earnings.simulation import commands, queries
from banyan.earnings.simulation.types import NewRun
from banyan.kernel import clock, ids, sql
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
    assert auditor.get(f"{address}export/periods").content.decode().splitlines() == [
        "\ufeff周期,首日,结束次日,当时生效的方案 (CNY),此方案 (CNY),差异 (CNY),完整周期,尚未结算",
        "月,2026-01-01,2026-02-01,0.00,5.00,5.00,否,否",
        "月,2026-02-01,2026-02-01,0.00,5.00,5.00,是,是",
    ]
    answer = auditor.get(f"{address}export/totals")
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.content.decode().startswith("\ufeff订单,") and "_" not in answer.content.decode()
    auditor.cookies["django_language"] = "en"
    assert auditor.get(f"{address}export/totals").content.decode().startswith("\ufeffOrders,")
    auditor.cookies["django_language"] = "zh-hans"
    assert tuple(TITLES) == queries.TABLES
    for table in TITLES:
        assert auditor.get(f"{address}export/{table}").status_code == 200, table
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


def test_a_table_of_a_simulation_has_words_and_amounts_of_the_screen(staffed: Staffed) -> None:
    from dataclasses import replace

    from django.utils import translation

    from banyan.console.simulation_tables import rows_of

    with staffed.shop.enter():
        run_id = commands.request(NewRun(DOCUMENT, clock.now() - timedelta(days=9), clock.now()))
        run = queries.get_run(run_id)
        assert list(rows_of(run, "rules", "CNY")) == []
        sides = {"old_minor": 200, "new_minor": 50, "delta_minor": -150}
        outcome = {
            "by_tier": [{"tier": "gold", **sides}], "by_sku": [{"sku_id": 0, "old_bp": 1250, **sides}], "losers": [],
            "gainers": [{"payee_id": 7, **sides, "why": [{"rule": "seller", "delta_minor": -150}]}],
        }  # fmt: skip
        run = replace(run, outcome=outcome)
        with translation.override("zh-hans"):
            head, row = rows_of(run, "tiers", "CNY")
            assert [*map(str, head), *map(str, row)] == [
                "等级", "当时生效的方案 (CNY)", "此方案 (CNY)", "差异 (CNY)", "黄金", "2.00", "0.50", "-1.50"
            ]  # fmt: skip
            assert [str(cell) for cell in list(rows_of(run, "people", "JPY"))[1]] == ["–", "200", "50", "-150", "seller -150"]
            goods = list(rows_of(run, "goods", "CNY"))
            assert str(goods[1][0]) == "其他全部" and str(goods[1][4]) == "12.50"


def test_a_cell_that_a_spreadsheet_would_run_is_quoted_and_a_negative_amount_is_not() -> None:
    from decimal import Decimal

    from banyan.console.spreadsheets import as_csv

    told = as_csv("x", [["=1+1", Decimal("-1.50"), "a,b"]]).content.decode()
    assert told == '\ufeff\'=1+1,-1.50,"a,b"\r\n'
