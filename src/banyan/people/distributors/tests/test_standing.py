"""Applications, status and tier: each change is a dated fact, and every past moment keeps its answer."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from banyan.kernel import clock, events, sql, verification
from banyan.kernel.values.errors import Refusal
from banyan.people.conftest import START
from banyan.people.distributors import commands, queries
from banyan.people.distributors.commands import applying
from banyan.people.distributors.types import Application, Applied, Status, Tier
from banyan.people.identity import queries as identity
from banyan.people.identity.types import Role, UserId

DAY = timedelta(days=1)


def code_of(answer: Any) -> str:
    refusal = answer if isinstance(answer, Refusal) else answer.refusal if not isinstance(answer, Applied) else None
    return refusal.code if refusal else "ok"


def test_an_application_is_judged_one_by_one(tenant: Any, make_users: Any, make_distributors: Any) -> None:
    with clock.driven(START + 10 * DAY), tenant.enter():
        active, frozen = make_distributors(2)
        commands.freeze([frozen], "under review")
        codes = {d: queries.get_distributor(d).code for d in (active, frozen)}
        a, b, c, d = make_users(4)
        answers = commands.apply(
            [
                Application(a, codes[active].lower(), START),
                Application(b, codes[frozen], START),
                Application(c, "NOSUCH", START),
                Application(d, None, START),
                Application(d, None, START),
                Application(UserId(10**15), None, START),
            ]
        )
        assert [code_of(answer) for answer in answers] == [
            "ok", "sponsor_not_active", "unknown_sponsor_code", "ok", "already_applied", "user_not_found",
        ]  # fmt: skip
        assert isinstance(answers[0], Applied)
        found = queries.get_distributor(answers[0].distributor_id)
        assert (found.sponsor_id, found.status, found.tier) == (active, Status.APPLIED, Tier.BRONZE)
        assert code_of(commands.apply([Application(a, None, START)])[0]) == "already_applied"
    assert tenant.verify() == []


def test_codes_are_short_unlike_and_unique_even_when_chance_repeats(
    tenant: Any, make_users: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = random.Random(1)
    monkeypatch.setattr(applying, "CODE_LENGTH", 1)
    monkeypatch.setattr(applying.system_secrets, "choice", letters.choice)
    with tenant.enter():
        answers = commands.apply([Application(user, None, START) for user in make_users(15)])
        codes = [answer.code for answer in answers if isinstance(answer, Applied)]
        assert len(set(codes)) == 15
        assert set("".join(codes)) <= set(applying.ALPHABET)
        assert queries.find_by_codes([f" {codes[0].lower()} "]) == {f" {codes[0].lower()} ": answers[0].distributor_id}
    for group in ("0OQ", "1IL", "2Z", "5S", "6G", "8B", "UV"):
        assert not set(group) & set(applying.ALPHABET)


def test_every_change_of_status_is_a_fact_with_reason_and_the_past_stays(tenant: Any, make_users: Any) -> None:
    with tenant.enter():
        (user,) = make_users(1)
        (applied,) = commands.apply([Application(user, None, START)])
        assert isinstance(applied, Applied)
        me = applied.distributor_id
        assert commands.approve([me], START + DAY)[0].done
        assert Role.DISTRIBUTOR in identity.get_user(user).roles
    with clock.driven(START + 2 * DAY), tenant.enter():
        assert commands.freeze([me], "complaint 12")[0].done
    with clock.driven(START + 3 * DAY), tenant.enter():
        assert commands.unfreeze([me])[0].done
    with clock.driven(START + 4 * DAY), tenant.enter():
        assert commands.close([me], "left")[0].done
        assert Role.DISTRIBUTOR not in identity.get_user(user).roles
        moments = {0.5: "applied", 1: "active", 1.9: "active", 2: "frozen", 3: "active", 4: "closed", 99: "closed"}
        for days, status in moments.items():
            assert queries.standings_at([me], START + days * DAY)[me].status == status
        assert queries.standings_at([me], START - DAY) == {}
        assert [(f.value, f.reason) for f in queries.list_status_history(me)] == [
            ("applied", "applied"), ("active", "approved"), ("frozen", "complaint 12"), ("active", "unfrozen"),
            ("closed", "left"),
        ]  # fmt: skip
        assert code_of(commands.unfreeze([me])[0]) == "wrong_status"
        assert code_of(commands.apply([Application(user, None, START + 4 * DAY)])[0]) == "already_applied"
    assert tenant.verify() == []


def test_a_rejected_applicant_may_apply_again_and_keeps_the_code(tenant: Any, make_users: Any) -> None:
    with clock.driven(START + DAY), tenant.enter():
        (user,) = make_users(1)
        (first,) = commands.apply([Application(user, None, START)])
        assert isinstance(first, Applied)
        assert commands.reject([first.distributor_id], "papers missing")[0].done
        assert code_of(commands.apply([Application(user, None, START)])[0]) == "backdated"
        (second,) = commands.apply([Application(user, None, START + 2 * DAY)])
        assert second == first
        assert commands.approve([first.distributor_id], START + 3 * DAY)[0].done
    assert tenant.verify() == []


def test_a_batch_goes_on_past_bad_members(tenant: Any, make_users: Any) -> None:
    with tenant.enter():
        answers = commands.apply([Application(user, None, START) for user in make_users(3)])
        a, b, c = [answer.distributor_id for answer in answers if isinstance(answer, Applied)]
        outcomes = commands.approve([a, 10**15, b, a, c], START - DAY)  # type: ignore[list-item]
        assert [code_of(o) for o in outcomes] == ["backdated", "distributor_not_found", "backdated", "backdated", "backdated"]
        outcomes = commands.approve([a, 10**15, b, a], START)  # type: ignore[list-item]
        assert [code_of(o) for o in outcomes] == ["ok", "distributor_not_found", "ok", "wrong_status"]
        with pytest.raises(commands.ReasonMissing):
            commands.freeze([a], " ")
        assert queries.standings_at([a, b, c], START)[c].status is Status.APPLIED
    assert tenant.verify() == []


def test_tiers_are_dated(tenant: Any, make_distributors: Any) -> None:
    with tenant.enter():
        a, b = make_distributors(2)
        commands.set_tiers({a: Tier.GOLD, b: Tier.SILVER}, START + 30 * DAY, "January's sales")
        commands.set_tiers({a: Tier.SILVER, b: Tier.SILVER}, START + 60 * DAY, "February's sales")
        outcomes = commands.set_tiers({a: Tier.DIAMOND, 10**15: Tier.GOLD}, START + 59 * DAY, "too late")  # type: ignore[dict-item]
        assert [code_of(o) for o in outcomes] == ["backdated", "distributor_not_found"]
        for days, tiers in {
            0: ("bronze", "bronze"),
            29: ("bronze", "bronze"),
            30: ("gold", "silver"),
            60: ("silver", "silver"),
        }.items():
            found = queries.standings_at([a, b], START + days * DAY)
            assert (found[a].tier, found[b].tier) == tiers
        assert len(queries.list_tier_history(a)) == 3
        assert len(queries.list_tier_history(b)) == 2
        each = queries.standings_at_each([(a, START + 31 * DAY), (b, START - DAY), (a, START)])
        assert [s.tier if s else None for s in each] == [Tier.GOLD, None, Tier.BRONZE]
        kinds = [kind for (kind,) in sql.fetch("SELECT kind FROM outbox_events ORDER BY id")]
        assert kinds.count("distributors.tier_changed") == 3
    assert tenant.verify() == []


def test_a_fact_that_held_for_no_time_is_replaced(tenant: Any, make_distributors: Any) -> None:
    with tenant.enter():
        (a,) = make_distributors(1)
        commands.set_tiers({a: Tier.GOLD}, START, "at the same moment")
        assert [f.value for f in queries.list_tier_history(a)] == ["gold"]
        assert [f.value for f in queries.list_status_history(a)] == ["active"]
    assert tenant.verify() == []


def test_thousands_are_answered_by_one_statement(tenant: Any, make_distributors: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with tenant.enter():
        ids = make_distributors(3000)
        commands.set_tiers(dict.fromkeys(ids, Tier.GOLD), START + DAY, "all")
        statements = []
        original = sql.fetch
        monkeypatch.setattr(sql, "fetch", lambda *args: statements.append(args[0]) or original(*args))
        found = queries.standings_at(ids, START)
        assert len(found) == 3000
        assert {s.tier for s in found.values()} == {Tier.BRONZE}
        assert len(statements) == 1
    assert tenant.verify() == []


def test_events_tell_what_happened(tenant: Any, make_distributors: Any) -> None:
    with clock.driven(START + DAY), tenant.enter():
        (a,) = make_distributors(1)
        commands.freeze([a], "x")
        commands.unfreeze([a])
        commands.close([a], "x")
        kinds = [kind for (kind,) in sql.fetch("SELECT kind FROM outbox_events ORDER BY id")]
        assert kinds == [f"distributors.{k}" for k in ("applied", "approved", "frozen", "unfrozen", "closed")]
    events.drain(tenant.id)


def test_planted_damage_is_found(tenant: Any, make_distributors: Any) -> None:
    with tenant.enter():
        (a,) = make_distributors(1)
        commands.set_tiers({a: Tier.GOLD}, START + DAY, "x")
    damages = {
        "distributors.status": "UPDATE distributors SET status = 'frozen' WHERE id = %s",
        "distributors.tier": "UPDATE distributors SET tier = 'diamond' WHERE id = %s",
        "distributors.tier_history": "UPDATE distributors_tier_facts SET valid_to = valid_to - interval '1 hour'"
        " WHERE distributor_id = %s AND valid_to IS NOT NULL",
    }
    for name, statement in damages.items():
        with tenant.enter():
            sql.execute("SAVEPOINT damage")
            assert sql.execute(statement, (a,)) == 1
            findings, _ = verification.run_checks()
            sql.execute("ROLLBACK TO SAVEPOINT damage")
        assert name in {finding.check for finding in findings}
    assert tenant.verify() == []
