"""Group commit without a database: everybody is answered once, in order, and nobody is forgotten."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor

import pytest

from banyan.kernel import grouping
from banyan.kernel.grouping import Closing, GroupCommit, Overloaded, Place


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


def test_when_all_of_the_last_crowd_are_here_nobody_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Callers who ask again as soon as they are answered. With a lull of a second, 40 groups that sit it out take 40."""
    monkeypatch.setattr(grouping, "LULL_SECONDS", 1.0)
    monkeypatch.setattr(grouping, "WINDOW_SHARE", 1_000.0)
    monkeypatch.setattr(grouping, "WINDOW_MAX_SECONDS", 1.0)
    sizes: list[int] = []

    def run(_: int, members: list[Member]) -> None:
        if not sizes:
            wait_for_waiting(group, 3)  # the first one finds nobody; the others come while he is served
        sizes.append(len(members))
        time.sleep(0.001)

    group = GroupCommit(run)

    def caller() -> None:
        for number in range(40):
            group.serve(1, Member(number))

    threads = [threading.Thread(target=caller) for _ in range(4)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(sizes) == 160 and sizes.count(4) >= 30, sizes
    assert time.monotonic() - began < 20, "whoever leaves at the end is waited for, nobody before"


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


class Stage:
    """A group commit whose first group is held until the test lets it go; what it serves is written down."""

    def __init__(self, **settings: int) -> None:
        self.groups: list[tuple[int, list[int]]] = []
        self.inside, self.go_on = threading.Event(), threading.Event()
        self.group: GroupCommit[Member] = GroupCommit(self._run, **settings)
        self.pool = ThreadPoolExecutor(4)
        self.told: list[int] = []
        self.submit(99, -1)
        assert self.inside.wait(30)

    def _run(self, tenant_id: int, members: list[Member]) -> None:
        self.inside.set()
        assert self.go_on.wait(30)
        if tenant_id != 99:
            self.groups.append((tenant_id, [member.number for member in members]))

    def submit(self, tenant_id: int, number: int, *items: Hashable) -> None:
        def told(place: Place[Member]) -> None:
            assert place.error is None
            self.told.append(place.member.number)

        self.group.submit(tenant_id, Member(number), items, self.pool, told)

    def end(self) -> None:
        self.go_on.set()
        assert self.group.close(30)
        self.pool.shutdown()


def test_a_stormed_item_leaves_room_in_the_next_group_for_the_others() -> None:
    """Fifty want the hot item before one wants a cold one: he is in the first group, not behind them all."""
    stage = Stage(group_max=10)
    for number in range(50):
        stage.submit(1, number, "hot")
    stage.submit(1, 777, "cold")
    stage.end()
    assert 777 in stage.groups[0][1]
    hot = [number for _, group in stage.groups for number in group if number != 777]
    assert hot == list(range(50)), "of one item, first come is first served"
    assert sorted(stage.told) == [-1, *range(50), 777]


def test_who_wants_a_hot_and_a_cold_item_waits_with_the_hot_one() -> None:
    stage = Stage(group_max=4)
    for number in range(8):
        stage.submit(1, number, "hot")
    stage.submit(1, 100, "cold", "hot")
    stage.submit(1, 200, "cold")
    stage.end()
    assert [number for _, group in stage.groups for number in group].index(200) < 4
    assert stage.groups[-1][1][-1] == 100


def test_no_item_and_no_tenant_fills_the_queue() -> None:
    stage = Stage(waiting_max=40)
    for number in range(20):
        stage.submit(1, number, "hot")
    with pytest.raises(Overloaded, match="one of these items"):
        stage.submit(1, 20, "hot")
    for number in range(30, 40):
        stage.submit(1, number, f"cold {number}")
    with pytest.raises(Overloaded, match="of this shop"):
        stage.submit(1, 41, "another")
    for number in range(50, 60):
        stage.submit(2, number, "hot")
    with pytest.raises(Overloaded) as refused:
        stage.submit(3, 60)
    assert refused.value.retry_after_seconds is not None
    assert 1 <= refused.value.retry_after_seconds <= 30
    stage.end()
    assert len(stage.told) == 1 + 40


def test_closing_serves_everybody_who_is_in_and_takes_nobody_more() -> None:
    stage = Stage()
    for number in range(30):
        stage.submit(number % 3, number)
    closing = threading.Thread(target=stage.group.close, args=(30,))
    closing.start()
    deadline = time.monotonic() + 30
    while not stage.group._closed:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    with pytest.raises(Closing):
        stage.submit(1, 99)
    assert not stage.group.close(0.01), "it says so when not all are served in time"
    stage.end()
    closing.join(30)
    assert sorted(stage.told) == [-1, *range(30)]


def test_two_lead_at_once_and_each_member_is_served_once() -> None:
    """One group waits, for a database say, while another one is served; in threads and without them."""
    together = threading.Barrier(2)
    served: list[int] = []

    def run(_: int, members: list[Member]) -> None:
        if members[0].number < 2:
            together.wait(30)  # breaks unless both groups are being served at the same time
        served.extend(member.number for member in members)

    group = GroupCommit(run, leaders=2)
    threads = [threading.Thread(target=group.serve, args=(1, Member(0)))]
    threads[0].start()
    deadline = time.monotonic() + 30
    while group._leading < 1 or group._waiting:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    threads.append(threading.Thread(target=group.serve, args=(1, Member(1))))
    threads[1].start()
    for thread in threads:
        thread.join(30)
    pool, told = ThreadPoolExecutor(4), []

    def crowd(first: int) -> None:
        for number in range(first, first + 200):
            if number % 2:
                group.serve(number % 3, Member(number), (number % 5,))
            else:
                group.submit(number % 3, Member(number), (number % 5,), pool, lambda place: told.append(place.member.number))

    threads = [threading.Thread(target=crowd, args=(1000 * n,)) for n in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert group.close(30)
    assert len(served) == len(set(served)) == 2 + 8 * 200
    assert len(told) == 8 * 100


def test_who_is_appointed_by_two_leaders_leads_once_and_the_group_comes_to_rest() -> None:
    """Two leaders go at the same moment and the same caller is the next for both: else one of them would be counted forever."""
    served: list[int] = []
    group: GroupCommit[Member] = GroupCommit(lambda _, members: served.extend(m.number for m in members), leaders=2)
    places = [Place(Member(number), lambda place: None) for number in range(3)]
    assert [group._enter(1, place, ()) for place in places[:2]] == [True, True]
    assert len(group._take()[1]) == 2
    assert not group._enter(1, places[2], ())
    group._hand_over()
    group._hand_over()
    group._lead(places[2])
    assert served == [2]
    assert group.close(0.01), "somebody is still counted as leading: the next caller would wait for him"
