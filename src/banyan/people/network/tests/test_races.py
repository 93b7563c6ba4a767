"""Real threads on the real tree: the locks hold, and without them the same tests see the damage."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections

from banyan.kernel import events
from banyan.kernel.values.errors import Refusal
from banyan.people.conftest import START
from banyan.people.network import commands, queries
from banyan.people.network.commands import binding, joining, moving
from banyan.people.network.types import BindingMode, BindingSettings, BindRequest, BindSource, Joining


def in_threads(works: list[Callable[[], Any]]) -> list[Any]:
    """Run all at once; each returns its result or the exception."""

    def run(work: Callable[[], Any]) -> Any:
        try:
            return work()
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


@pytest.fixture
def meeting(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Barrier]:
    """Both movers have checked for circles before either writes, unless a lock keeps them apart."""
    barrier = threading.Barrier(2)
    original = moving._rewrite_paths

    def wait_and_rewrite(*args: Any) -> int:
        try:
            barrier.wait(timeout=1.5)
        except threading.BrokenBarrierError:
            pass  # the lock held the other one back: exactly what it is for
        return original(*args)

    monkeypatch.setattr(moving, "_rewrite_paths", wait_and_rewrite)
    return barrier


def cross_move(tenant: Any, a: Any, b: Any) -> list[Any]:
    def put(member: Any, under: Any) -> Callable[[], Any]:
        def work() -> Any:
            with tenant.enter():
                return commands.move(member, under, None, "race")

        return work

    return in_threads([put(a, b), put(b, a)])


def test_two_crossing_moves_make_no_circle(tenant: Any, make_distributors: Any, meeting: Any) -> None:
    with tenant.enter():
        a, b = make_distributors(2)
        commands.join([Joining(a, None, START), Joining(b, None, START)])
    results = cross_move(tenant, a, b)
    assert sorted(type(result).__name__ for result in results) == ["Circle", "int"]
    assert tenant.verify() == []


def test_without_the_lock_the_same_two_moves_make_a_circle(
    tenant: Any, make_distributors: Any, meeting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control."""
    monkeypatch.setattr(moving, "lock_tree", lambda: None)
    monkeypatch.setattr(moving, "_count_frontlines", lambda *args: None)  # else their row locks deadlock and save the day
    with tenant.enter():
        a, b = make_distributors(2)
        commands.join([Joining(a, None, START), Joining(b, None, START)])
    cross_move(tenant, a, b)
    with tenant.enter():
        parents = {m.distributor_id: m.sponsor_id for m in queries.list_members_by_ids([a, b]).values()}
    assert parents == {a: b, b: a}
    assert {"network.paths"} <= {finding.check for finding in tenant.verify()}


def test_random_moves_and_joinings_from_many_threads_keep_paths_equal_to_parents(tenant: Any, make_distributors: Any) -> None:
    with tenant.enter():
        ids = make_distributors(60)
        commands.join([Joining(member, None, START) for member in ids[:10]])
        commands.join([Joining(member, ids[n % 10], START) for n, member in enumerate(ids[10:40])])

    def mover(seed: int) -> Callable[[], Any]:
        def work() -> int:
            chance, done = random.Random(seed), 0
            for turn in range(25):
                try:
                    with tenant.enter():
                        if seed % 3 == 0 and turn < 20:
                            newcomer = ids[40 + (seed // 3 * 7 + turn) % 20]
                            commands.join([Joining(newcomer, chance.choice(ids[:40]), START + timedelta(days=1))])
                        else:
                            commands.move(chance.choice(ids[:40]), chance.choice([None, *ids[:40]]), None, "race")
                    done += 1
                except Refusal:
                    pass
            return done

        return work

    results = in_threads([mover(seed) for seed in range(6)])
    assert all(isinstance(result, int) for result in results), results
    assert sum(results) > 50
    assert tenant.verify() == []


def test_many_threads_binding_one_consumer_leave_one_binding(tenant: Any, make_users: Any, make_distributors: Any) -> None:
    with tenant.enter():
        (consumer,), sellers = make_users(1), make_distributors(8)

    def binder(seller: Any) -> Callable[[], Any]:
        def work() -> Any:
            with tenant.enter():
                return commands.bind([BindRequest(consumer, seller, BindSource.LINK, START + timedelta(days=1))])[0]

        return work

    outcomes = in_threads([binder(seller) for seller in sellers])
    assert sorted(outcome.result.value for outcome in outcomes) == ["bound"] + ["refused"] * 7
    with tenant.enter():
        assert len(queries.list_bindings(consumer)) == 1
    assert tenant.verify() == []


def test_without_the_lock_two_binders_meet_in_the_constraint(
    tenant: Any, make_users: Any, make_distributors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: the loser no longer gets a reason but a database error; the table still refuses the double."""
    monkeypatch.setattr(binding, "lock_consumers", lambda ids: None)
    barrier = threading.Barrier(2)
    original = binding._write

    def wait_and_write(rows: Any) -> None:
        barrier.wait(timeout=5)
        original(rows)

    monkeypatch.setattr(binding, "_write", wait_and_write)
    with tenant.enter():
        commands.set_binding_settings(BindingSettings(BindingMode.OVERRIDING))
        (consumer,), sellers = make_users(1), make_distributors(2)

    def binder(seller: Any, days: int) -> Callable[[], Any]:
        def work() -> Any:
            with tenant.enter():
                return commands.bind([BindRequest(consumer, seller, BindSource.LINK, START + timedelta(days=days))])[0]

        return work

    results = in_threads([binder(sellers[0], 1), binder(sellers[1], 2)])
    assert sum(isinstance(result, Exception) and "one_open_binding" in str(result) for result in results) == 1


def join_twice(tenant: Any, make_distributors: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    with tenant.enter():
        (member,) = make_distributors(1)
    barrier, original = threading.Barrier(2), joining._write

    def wait_and_write(*args: Any) -> None:
        try:
            barrier.wait(timeout=1.5)
        except threading.BrokenBarrierError:
            pass  # the lock held the other one back
        original(*args)

    monkeypatch.setattr(joining, "_write", wait_and_write)

    def work() -> Any:
        with tenant.enter():
            return commands.join([Joining(member, None, START)])[0]

    return in_threads([work, work])


def test_one_distributor_joining_twice_at_once_joins_once(
    tenant: Any, make_distributors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = join_twice(tenant, make_distributors, monkeypatch)
    assert sorted(outcome.joined for outcome in outcomes) == [False, True]
    assert all(outcome.refusal is None for outcome in outcomes)
    assert tenant.verify() == []


def test_without_the_lock_the_second_joining_meets_the_primary_key(
    tenant: Any, make_distributors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control."""
    monkeypatch.setattr(joining, "share_tree", lambda ids: None)
    results = join_twice(tenant, make_distributors, monkeypatch)
    assert sum("network_members_pkey" in str(result) for result in results if isinstance(result, Exception)) == 1


@pytest.mark.parametrize(
    "columns", ["valid_from + interval '1 hour', NULL", "valid_from + interval '1 hour', valid_from + interval '2 hours'"]
)
def test_the_database_itself_refuses_overlapping_facts(tenant: Any, make_distributors: Any, columns: str) -> None:
    from django.db import IntegrityError

    from banyan.kernel import ids, sql

    with tenant.enter():
        (member,) = make_distributors(1)
        commands.join([Joining(member, None, START)])
    with pytest.raises(IntegrityError), tenant.enter():
        sql.execute(
            "INSERT INTO network_sponsorships (id, tenant_id, distributor_id, valid_from, valid_to, reason)"
            f" SELECT %s, tenant_id, distributor_id, {columns}, '' FROM network_sponsorships WHERE distributor_id = %s",
            (ids.next_id(), member),
        )


def test_approval_leads_to_a_place_through_the_event(tenant: Any, make_users: Any, make_distributors: Any) -> None:
    from banyan.people.distributors import commands as distributors
    from banyan.people.distributors.queries import get_distributor
    from banyan.people.distributors.types import Application, Applied

    with tenant.enter():
        (sponsor,) = make_distributors(1)
        code = get_distributor(sponsor).code
        answers = distributors.apply([Application(user, f" {code.lower()} ", START) for user in make_users(2)])
        ids = [answer.distributor_id for answer in answers if isinstance(answer, Applied)]
        distributors.approve(ids, START)
        commands.join([Joining(sponsor, None, START), Joining(ids[0], sponsor, START)])  # the caller was faster for one
    events.drain(tenant.id)
    with tenant.enter():
        assert queries.uplines(ids) == {ids[0]: (sponsor,), ids[1]: (sponsor,)}
    assert tenant.verify() == []
