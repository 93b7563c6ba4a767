"""Group commit without a database: everybody is answered once, in order, and nobody is forgotten."""

from __future__ import annotations

import threading
import time

import pytest

from banyan.kernel.grouping import GroupCommit, Overloaded


class Member:
    def __init__(self, number: int) -> None:
        self.number = number
        self.answer: int | None = None


def wait_for_waiting(group: GroupCommit[Member], count: int) -> None:
    """Until so many wait behind the group that is being served; fails after 30 seconds."""
    deadline = time.monotonic() + 30
    while group._waiting < count:
        assert time.monotonic() < deadline, f"{group._waiting} wait instead of {count}"
        time.sleep(0.001)


def test_alone_is_a_group_of_one_at_once() -> None:
    groups: list[int] = []

    def run(_: int, members: list[Member]) -> None:
        groups.append(len(members))
        for member in members:
            member.answer = -member.number

    group = GroupCommit(run)
    for number in range(5):
        member = Member(number)
        group.serve(1, member)
        assert member.answer == -number
    assert groups == [1] * 5


def test_a_crowd_is_served_once_each_and_in_order_per_thread() -> None:
    served: list[int] = []
    sizes: list[int] = []

    def run(_: int, members: list[Member]) -> None:
        time.sleep(0.001)  # what a commit costs
        sizes.append(len(members))
        for member in members:
            served.append(member.number)
            member.answer = member.number + 1

    group = GroupCommit(run, group_max=16)
    wrong: list[int] = []

    def caller(first: int) -> None:
        for number in range(first, first + 50):
            member = Member(number)
            group.serve(number % 3, member)
            if member.answer != number + 1:
                wrong.append(number)

    threads = [threading.Thread(target=caller, args=(1000 * n,)) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong
    assert len(served) == len(set(served)) == 24 * 50
    assert max(sizes) <= 16
    assert len(sizes) < 24 * 50 / 2, "nobody was grouped"
    for n in range(24):
        own = [number for number in served if number // 1000 == n]
        assert own == sorted(own)


def test_members_of_two_tenants_never_share_a_group_and_take_turns() -> None:
    groups: list[tuple[int, int]] = []
    first_runs, go_on = threading.Event(), threading.Event()

    def run(tenant_id: int, members: list[Member]) -> None:
        if not groups:
            first_runs.set()
            go_on.wait(30)
        groups.append((tenant_id, len(members)))

    group = GroupCommit(run, group_max=4)
    threads = [threading.Thread(target=group.serve, args=(7, Member(0)))]
    threads[0].start()
    assert first_runs.wait(30)
    for number in range(12):
        threads.append(threading.Thread(target=group.serve, args=(1, Member(number))))
    threads.append(threading.Thread(target=group.serve, args=(2, Member(99))))
    for thread in threads[1:]:
        thread.start()
        wait_for_waiting(group, threads.index(thread))
    go_on.set()
    for thread in threads:
        thread.join(30)
    assert groups == [(7, 1), (1, 4), (2, 1), (1, 4), (1, 4)], "the small shop waits for all of the large"


def test_a_failing_group_fails_its_members_and_the_next_one_is_served() -> None:
    def run(_: int, members: list[Member]) -> None:
        if any(member.number < 0 for member in members):
            raise ValueError("bad")
        for member in members:
            member.answer = member.number

    group = GroupCommit(run)
    with pytest.raises(ValueError, match="bad"):
        group.serve(1, Member(-1))
    good = Member(3)
    group.serve(1, good)
    assert good.answer == 3


def test_too_many_are_refused_and_told_when_to_come_back() -> None:
    inside, go_on = threading.Event(), threading.Event()

    def run(_: int, members: list[Member]) -> None:
        inside.set()
        go_on.wait(30)

    group = GroupCommit(run, waiting_max=2)
    threads = [threading.Thread(target=group.serve, args=(1, Member(0)))]
    threads[0].start()
    assert inside.wait(30)
    for number in (1, 2):
        threads.append(threading.Thread(target=group.serve, args=(1, Member(number))))
        threads[-1].start()
        wait_for_waiting(group, number)
    with pytest.raises(Overloaded) as refused:
        group.serve(1, Member(3))
    assert refused.value.status == 503
    assert refused.value.retry_after_seconds
    go_on.set()
    for thread in threads:
        thread.join(30)
