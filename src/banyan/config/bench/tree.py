"""`banyan bench tree`: the network at a million members, through the commands that the shop uses.

The people and distributors under the tree are loaded set-based, because they are not what is measured; every place in the
network is taken through the real ``network.commands.join`` in batches. The bench leaves its tenant behind, clean under
``banyan verify``: run it in a home of its own.
"""

from __future__ import annotations

import os
import random
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from django.db import connections

from banyan.kernel import ids, secrets, sql, tenancy, verification
from banyan.people.network import commands, queries
from banyan.people.network.types import BindRequest, BindSource, Joining

START = datetime(2026, 1, 1, tzinfo=UTC)
BATCH = 20_000
TEAM = 10_000
NEWCOMERS = 50
SEED = 20260101
UPLINE_BAR_MS, BIND_BAR_MS, MOVE_BAR_MS = 50.0, 5.0, 2_000.0
T = TypeVar("T")


def run(members: int = 1_000_000, say: Callable[[str], None] = lambda text: None) -> dict[str, Any]:
    """Load a random tree of ``members``, measure, compare every answer with a plain Python model, and check the tenant.

    Returns ``members, upline_1000_ms, bind_ms, move_10k_ms`` (milliseconds of wall time, medians; ``bind_ms`` is the slower
    of one leaf joining and one consumer being bound, each in its own transaction). Needs at least 12,000 members.
    Raises AssertionError when an answer is wrong.
    """
    if members < TEAM + 2000:
        raise ValueError(f"the bench moves a team of {TEAM}; give it at least {TEAM + 2000} members")
    tenant_id = tenancy.create_tenant(f"bench-{os.urandom(5).hex()}", "Bench of the tree")
    chance = random.Random(SEED)
    places = _shape(members, chance)
    distributors, users = _load_people(tenant_id, members + NEWCOMERS, say)
    _load_tree(tenant_id, places, distributors, say)
    _gather_statistics()
    result = {
        "members": members,
        "upline_1000_ms": _measure_uplines(tenant_id, places, distributors, chance),
        "bind_ms": _measure_binding(tenant_id, places, distributors, users, chance),
        "move_10k_ms": _measure_moves(tenant_id, places, distributors),
    }
    say("checking every path, count and period")
    with tenancy.enter(tenant_id, actor="bench"):
        findings, _ = verification.run_checks()
    assert not findings, findings[:3]
    return result


def misses(result: dict[str, Any]) -> list[str]:
    """Which bars a result does not reach, in words."""
    bars = [
        ("the upline of 1,000 members", result["upline_1000_ms"], UPLINE_BAR_MS),
        ("binding one leaf", result["bind_ms"], BIND_BAR_MS),
        ("moving a team of 10,000", result["move_10k_ms"], MOVE_BAR_MS),
    ]
    return [f"{what} takes {spent:,} ms, wanted {bar:,.0f}" for what, spent, bar in bars if spent > bar]


def _shape(members: int, chance: random.Random) -> list[int]:
    """Parents by position (-1: root), each sponsor before the sponsored. The last 10,000 form one team under its first."""
    parents = [-1]
    team = members - TEAM
    for position in range(1, team):
        parents.append(chance.randrange(position))
    parents.append(chance.randrange(team))
    for position in range(team + 1, members):
        parents.append(chance.randrange(team, position))
    return parents


def _load_people(tenant_id: int, count: int, say: Callable[[str], None]) -> tuple[list[int], list[int]]:
    """``count`` active distributors and the users behind them; returns both lists of ids in the same order."""
    distributors: list[int] = []
    users: list[int] = []
    for start in range(0, count, BATCH):
        size = min(BATCH, count - start)
        with tenancy.enter(tenant_id, actor="bench", reason="bench tree"):
            people, sellers = list(ids.next_ids(size)), list(ids.next_ids(size))
            names = [secrets.seal(tenant_id, "identity_users.display_name", person, "Bench") for person in people]
            sql.execute(
                "INSERT INTO identity_users (id, tenant_id, login, password, display_name, roles, active, joined_at)"
                " SELECT p.id, %s, 'bench' || p.id, '!', p.name, '{distributor}', true, %s"
                " FROM unnest(%s::bigint[], %s::bytea[]) AS p(id, name)",
                (tenant_id, START, people, names),
            )
            sql.execute(
                "INSERT INTO distributors"
                " (id, tenant_id, user_id, code, status, status_since, tier, tier_since, applied_at, approved_at)"
                " SELECT p.id, %(tenant)s, p.user_id, 'B' || p.id, 'active', %(at)s, 'bronze', %(at)s, %(at)s, %(at)s"
                " FROM unnest(%(sellers)s::bigint[], %(people)s::bigint[]) AS p(id, user_id)",
                {"tenant": tenant_id, "at": START, "sellers": sellers, "people": people},  # type: ignore[arg-type]
            )
            for kind, value in (("status", "active"), ("tier", "bronze")):
                sql.execute(
                    f"INSERT INTO distributors_{kind}_facts (id, tenant_id, distributor_id, {kind}, valid_from, reason)"
                    " SELECT f.id, %s, f.distributor_id, %s, %s, 'bench'"
                    " FROM unnest(%s::bigint[], %s::bigint[]) AS f(id, distributor_id)",
                    (tenant_id, value, START, list(ids.next_ids(size)), sellers),
                )
        users += people
        distributors += sellers
        say(f"people {len(users):,} of {count:,}")
    return distributors, users


def _load_tree(tenant_id: int, places: list[int], distributors: list[int], say: Callable[[str], None]) -> None:
    for start in range(0, len(places), BATCH):
        batch = range(start, min(start + BATCH, len(places)))
        joinings = [_joining(distributors, position, places[position], START) for position in batch]
        with tenancy.enter(tenant_id, actor="bench", reason="bench tree"):
            outcomes = commands.join(joinings)
        assert all(outcome.joined for outcome in outcomes)
        say(f"members {batch[-1] + 1:,} of {len(places):,}")


def _gather_statistics() -> None:
    """What autovacuum does within a minute after such a load."""
    with connections["owner"].cursor() as cursor:
        for table in ("identity_users", "distributors", "network_members", "network_sponsorships"):
            cursor.execute(f"ANALYZE {table}")


def _joining(distributors: list[Any], position: int, parent: int, at: datetime) -> Joining:
    return Joining(distributors[position], distributors[parent] if parent >= 0 else None, at)


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    started = time.perf_counter()
    result = work()
    return (time.perf_counter() - started) * 1000, result


def _expected_upline(places: list[int], distributors: list[int], position: int) -> tuple[int, ...]:
    upline = []
    while places[position] >= 0:
        position = places[position]
        upline.append(distributors[position])
    return tuple(upline)


def _measure_uplines(tenant_id: int, places: list[int], distributors: list[Any], chance: random.Random) -> float:
    """The whole upline of 1,000 members drawn anew for each of 9 rounds."""
    times = []
    for _ in range(9):
        sample = chance.sample(range(len(places)), 1000)
        asked = [distributors[position] for position in sample]
        with tenancy.enter(tenant_id, actor="bench"):
            spent, found = _timed(lambda asked=asked: queries.uplines(asked))  # type: ignore[misc]
        times.append(spent)
        for position in sample:
            assert found[distributors[position]] == _expected_upline(places, distributors, position)
    return round(statistics.median(times), 2)


def _measure_binding(
    tenant_id: int, places: list[int], distributors: list[Any], users: list[Any], chance: random.Random
) -> float:
    """50 leaves joining and 50 consumers being bound, each in a transaction of its own, commit included."""
    joined, bound = [], []
    for newcomer in range(len(places), len(places) + NEWCOMERS):
        sponsor = chance.randrange(len(places) - TEAM)

        def join(newcomer: int = newcomer, sponsor: int = sponsor) -> None:
            with tenancy.enter(tenant_id, actor="bench"):
                assert commands.join([_joining(distributors, newcomer, sponsor, START)])[0].joined

        def bind(newcomer: int = newcomer, sponsor: int = sponsor) -> None:
            request = BindRequest(users[newcomer], distributors[sponsor], BindSource.LINK, START)
            with tenancy.enter(tenant_id, actor="bench"):
                assert commands.bind([request])[0].bound

        joined.append(_timed(join)[0])
        bound.append(_timed(bind)[0])
        with tenancy.enter(tenant_id, actor="bench"):
            upline = queries.uplines([distributors[newcomer]])[distributors[newcomer]]
            assert queries.referrers_at([users[newcomer]], START) == {users[newcomer]: distributors[sponsor]}
        assert upline == (distributors[sponsor], *_expected_upline(places, distributors, sponsor))
    return round(max(statistics.median(joined), statistics.median(bound)), 2)


def _measure_moves(tenant_id: int, places: list[int], distributors: list[Any]) -> float:
    """The team of 10,000 moves under the root, under a member, and back, commit included."""
    team = len(places) - TEAM
    times, first_home = [], places[team]
    for turn, home in enumerate((0, team // 2, first_home), start=1):
        at = START + timedelta(days=turn)

        def move(home: int = home, at: datetime = at) -> int:
            with tenancy.enter(tenant_id, actor="bench"):
                return commands.move(distributors[team], distributors[home], at, "bench")

        spent, moved = _timed(move)
        assert moved == TEAM, moved
        times.append(spent)
        places[team] = home
        sample = list(range(team, len(places), 500))
        with tenancy.enter(tenant_id, actor="bench"):
            found = queries.uplines([distributors[position] for position in sample])
            before = queries.uplines_at([distributors[position] for position in sample], at - timedelta(hours=1))
            assert queries.count_team(distributors[team]) == TEAM - 1
        for position in sample:
            assert found[distributors[position]] == _expected_upline(places, distributors, position)
        places[team] = (first_home, 0, team // 2)[turn - 1]
        for position in sample:
            assert before[distributors[position]] == _expected_upline(places, distributors, position)
        places[team] = home
    return round(statistics.median(times), 2)
