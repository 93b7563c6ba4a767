"""Joining and moving against a model: whatever happens, paths = parents, and every past upline stays answerable."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from banyan.kernel import clock, sql
from banyan.people.conftest import START
from banyan.people.network import commands, queries
from banyan.people.network.engine.placing import OwnSponsor, PlaceTaken, SponsorJoinedLater, SponsorNotInNetwork
from banyan.people.network.types import Joining

HOUR = timedelta(hours=1)


def chain(ids: list[Any], at: datetime = START) -> list[Joining]:
    return [Joining(member, sponsor, at) for sponsor, member in zip([None, *ids[:-1]], ids, strict=True)]


def test_a_batch_joins_in_any_order(tenant: Any, make_distributors: Any) -> None:
    with tenant.enter():
        ids = make_distributors(6)
        joinings = chain(ids)
        random.Random(7).shuffle(joinings)
        assert all(outcome.joined for outcome in commands.join(joinings))
        assert queries.uplines(ids)[ids[5]] == tuple(reversed(ids[:5]))
        assert queries.uplines(ids)[ids[0]] == ()
        assert queries.get_member(ids[2]).frontline_count == 1
        rows = sql.fetch(
            "SELECT ancestor, descendant, depth FROM network_closure WHERE descendant = %s ORDER BY depth", (ids[2],)
        )
        assert rows == [
            (ids[2], ids[2], 0), (ids[1], ids[2], 1), (ids[0], ids[2], 2),
        ]  # fmt: skip
    assert tenant.verify() == []


def test_bad_joinings_are_refused_one_by_one_and_the_others_join(tenant: Any, make_distributors: Any) -> None:
    with tenant.enter():
        root, late, own, loop1, loop2, orphan, good, child_of_late = make_distributors(8)
        stranger = 10**15
        commands.join([Joining(root, None, START), Joining(late, root, START + HOUR)])
        outcomes = commands.join(
            [
                Joining(own, own, START),
                Joining(loop1, loop2, START),
                Joining(loop2, loop1, START),
                Joining(orphan, stranger, START),
                Joining(stranger, root, START),
                Joining(good, root, START),
                Joining(child_of_late, late, START),
                Joining(root, good, START),
                Joining(late, root, START),
            ]  # type: ignore[arg-type]
        )
        codes = [outcome.refusal.code if outcome.refusal else None for outcome in outcomes]
        assert codes == [
            OwnSponsor.code, SponsorNotInNetwork.code, SponsorNotInNetwork.code, SponsorNotInNetwork.code,
            "distributor_not_found", None, SponsorJoinedLater.code, PlaceTaken.code, None,
        ]  # fmt: skip
        assert [outcome.joined for outcome in outcomes] == [False] * 5 + [True] + [False] * 3
        assert queries.count_team(root) == 2
    assert tenant.verify() == []


def test_moving_a_team_rewrites_every_path_below_and_keeps_the_past(tenant: Any, make_distributors: Any) -> None:
    with tenant.enter():
        a, b, c, d, other = make_distributors(5)
        commands.join([*chain([a, b, c, d]), Joining(other, None, START)])
        moved = commands.move(b, other, START + HOUR, "asked by the team")
        assert moved == 3
        assert queries.uplines([d])[d] == (c, b, other)
        assert queries.uplines_at([d], START)[d] == (c, b, a)
        assert queries.uplines_at([d], START + HOUR)[d] == (c, b, other)
        assert queries.uplines_at([d], START - HOUR) == {}
        assert queries.count_team(a) == 0
        assert queries.count_team(other) == 3
        assert [m.distributor_id for m in queries.list_team(other, depth=2)] == [c, b]
        assert [s.sponsor_id for s in queries.list_sponsorships(b)] == [a, other]
    assert tenant.verify() == []


def test_circles_are_refused_with_advice_and_change_nothing(tenant: Any, make_distributors: Any) -> None:
    with tenant.enter():
        ids = make_distributors(4)
        commands.join(chain(ids))
    for sponsor in ids[1:]:
        with pytest.raises(commands.Circle) as refused, tenant.enter():
            commands.move(ids[0], sponsor, None, "wrong")
        assert "outside" in refused.value.as_body()["error"]["advice"]
    with pytest.raises(OwnSponsor), tenant.enter():
        commands.move(ids[0], ids[0], None, "wrong")
    with tenant.enter():
        assert queries.uplines([ids[3]])[ids[3]] == tuple(reversed(ids[:3]))
        assert len(queries.list_sponsorships(ids[0])) == 1
    assert tenant.verify() == []


def test_a_move_may_not_rewrite_known_history(tenant: Any, make_distributors: Any) -> None:
    with tenant.enter():
        a, b, c = make_distributors(3)
        commands.join([Joining(a, None, START), Joining(b, None, START), Joining(c, a, START)])
        commands.move(a, b, START + 5 * HOUR, "first")
    with pytest.raises(commands.BackdatedMove), tenant.enter():
        commands.move(a, None, START + 4 * HOUR, "before the first move")
    with pytest.raises(commands.BackdatedMove), tenant.enter():
        commands.move(b, None, START - HOUR, "before joining") if queries.get_member(b).sponsor_id else commands.move(
            c, b, START - HOUR, "before joining"
        )
    with tenant.enter():
        assert commands.move(a, b, START + 6 * HOUR, "nothing to do") == 0
    assert tenant.verify() == []


def test_two_moves_at_one_moment_leave_one_fact(tenant: Any, make_distributors: Any) -> None:
    with tenant.enter():
        a, b, c = make_distributors(3)
        commands.join([Joining(member, None, START) for member in (a, b, c)])
        commands.move(c, a, START + HOUR, "first")
        commands.move(c, b, START + HOUR, "second thought")
        assert [(s.sponsor_id, s.valid_from, s.valid_to) for s in queries.list_sponsorships(c)] == [
            (None, START, START + HOUR),
            (b, START + HOUR, None),
        ]
        assert queries.uplines_at([c], START + HOUR)[c] == (b,)
    assert tenant.verify() == []


def test_deep_chains_move_and_count_right(tenant: Any, make_distributors: Any) -> None:
    with tenant.enter():
        ids = make_distributors(150)
        side, target = make_distributors(2)
        commands.join([*chain(ids), Joining(side, ids[79], START), Joining(target, None, START)])
        assert queries.count_team(ids[79]) == 71
        assert queries.count_team(ids[99]) == 50
        assert commands.move(ids[99], target, START + HOUR, "deep") == 51
        assert queries.count_team(ids[79]) == 20
        assert queries.count_team(target) == 51
        assert queries.uplines([ids[149]])[ids[149]] == (*reversed(ids[99:149]), target)
        assert queries.uplines_at([ids[149]], START)[ids[149]] == tuple(reversed(ids[:149]))
        assert commands.move(ids[99], ids[98], START + 2 * HOUR, "back") == 51
        assert queries.uplines([ids[149]])[ids[149]] == tuple(reversed(ids[:149]))
    assert tenant.verify() == []


def test_the_depth_has_a_clear_end(tenant: Any, make_distributors: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from banyan.people.network.commands import moving
    from banyan.people.network.engine import placing

    monkeypatch.setattr(placing, "DEPTH_MAX", 3)
    monkeypatch.setattr(moving, "DEPTH_MAX", 3)
    with tenant.enter():
        ids = make_distributors(5)
        outcomes = commands.join(chain(ids))
        assert [o.refusal.code if o.refusal else None for o in outcomes] == [None] * 4 + ["network_too_deep"]
        (top,) = make_distributors(1)
        commands.join([Joining(top, None, START)])
    with pytest.raises(placing.TooDeep), tenant.enter():
        commands.move(ids[0], top, None, "too deep")
    assert tenant.verify() == []


@pytest.mark.parametrize("seed", range(4))
def test_random_histories_equal_a_model_at_every_moment(tenant: Any, make_distributors: Any, seed: int) -> None:
    """A plain dictionary of parents per moment is the model; every upline at every moment must be the model's."""
    chance = random.Random(seed)
    moments: list[tuple[datetime, dict[int, int | None]]] = []
    parents: dict[int, int | None] = {}

    def upline(of: dict[int, int | None], member: int) -> tuple[int, ...]:
        found, step = [], of[member]
        while step is not None:
            found.append(step)
            step = of[step]
        return tuple(found)

    with tenant.enter():
        ids = make_distributors(40)
    at = START
    waiting = list(ids)
    for _ in range(60):
        at += HOUR
        with tenant.enter():
            if waiting and chance.random() < 0.5:
                batch = [waiting.pop() for _ in range(min(len(waiting), chance.randint(1, 4)))]
                joinings = []
                for member in batch:
                    sponsor = chance.choice([None, *parents])
                    parents[member] = sponsor
                    joinings.append(Joining(member, sponsor, at))  # type: ignore[arg-type]
                assert all(outcome.joined for outcome in commands.join(joinings))
            elif parents:
                member, sponsor = chance.choice(list(parents)), chance.choice([None, *parents])
                if sponsor == member or (sponsor is not None and member in upline(parents, sponsor)):
                    with pytest.raises((commands.Circle, OwnSponsor)):
                        commands.move(member, sponsor, at, "random")  # type: ignore[arg-type]
                else:
                    commands.move(member, sponsor, at, "random")  # type: ignore[arg-type]
                    parents[member] = sponsor
        moments.append((at, dict(parents)))
    with tenant.enter():
        for moment, model in moments:
            assert queries.uplines_at(ids, moment) == {member: upline(model, member) for member in model}
        assert queries.uplines(ids) == {member: upline(parents, member) for member in parents}
        for member in parents:
            below = sum(member in upline(parents, other) for other in parents)
            assert queries.count_team(member) == below  # type: ignore[arg-type]
    assert tenant.verify() == []


def test_planted_damage_is_found(tenant: Any, make_distributors: Any) -> None:
    with tenant.enter():
        ids = make_distributors(4)
        commands.join(chain(ids))
    damages = {
        "network.paths": ("UPDATE network_members SET path = ARRAY[%s, id], depth = 1 WHERE id = %s", (ids[1], ids[3])),
        "network.frontline_count": ("UPDATE network_members SET frontline_count = 9 WHERE id = %s", (ids[0],)),
        "network.sponsor_of_today": ("UPDATE network_members SET sponsored_since = %s WHERE id = %s", (clock.now(), ids[0])),
        "network.sponsorship_history": (
            "UPDATE network_sponsorships SET valid_from = %s WHERE distributor_id = %s",
            (START - HOUR, ids[2]),
        ),
        "network.path_since": ("UPDATE network_members SET path_since = %s WHERE id = %s", (START - HOUR, ids[3])),
    }
    for name, (statement, params) in damages.items():
        with tenant.enter():
            sql.execute("SAVEPOINT damage")
            sql.execute(statement, params)
            from banyan.kernel import verification

            findings, compared = verification.run_checks()
            sql.execute("ROLLBACK TO SAVEPOINT damage")
        assert name in {finding.check for finding in findings}
        assert compared > 0
    assert tenant.verify() == []
