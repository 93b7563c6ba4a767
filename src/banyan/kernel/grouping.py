"""Group commit: callers that come at the same time are served together, each with his own answer.

There is no thread that waits for work. Whoever finds nobody serving has the serving begun: in his own thread when he waits in
one (``serve``), in one of the pool when he does not (``submit``). Served are all who wait by then, in one call of ``run``, one
tenant at a time. Those who come meanwhile are the next group. So a quiet process answers each caller at once, and a busy one
pays its fixed costs (round trips, plans, the commit) once per group.

The queue is bounded and fair. Tenants take turns, and in a tenant the items do: a group takes the first of each item, then the
second of each. No tenant and no item may fill the queue, so that there is room for the others while one of them is stormed.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Executor
from typing import Generic, TypeVar

from banyan.kernel.values.errors import Refusal

GROUP_MAX = 128
"""Members of one group: enough to make the fixed costs small, few enough that the first does not wait for long."""
WAITING_MAX = 2048
TENANT_SHARE, ITEM_SHARE = 0.75, 0.5
"""How much of the queue one tenant, and one item of a tenant, may fill."""
CROWD = 1.5
"""Usual size of the latest groups from which on a group waits for more callers; below it, nobody is kept waiting."""
WINDOW_SHARE, WINDOW_MAX_SECONDS = 0.25, 0.01
"""How long a group waits for more callers: this share of what serving a group usually takes, and no longer."""
LULL_SECONDS = 0.001
"""So long nobody came: the crowd is complete."""
RETRY_MAX_SECONDS = 30
_WEIGHT = 0.25

M = TypeVar("M")


class Overloaded(Refusal):
    """More callers wait than can be served soon."""

    code = "overloaded"
    status = 503
    advice = "Send the same request again after the number of seconds in Retry-After."
    retry_after_seconds = 1

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = seconds  # type: ignore[misc]  # how long the queue is, told to this caller


class Closing(Refusal):
    """This process is being stopped; another one answers."""

    code = "closing"
    status = 503
    advice = "Send the same request again after the number of seconds in Retry-After."
    retry_after_seconds = 1


class Place(Generic[M]):
    """A member's place in the queue. ``error`` is what serving it raised, once ``served``."""

    __slots__ = ("appointed", "error", "item", "member", "pool", "served", "wake")

    def __init__(self, member: M, wake: Callable[[Place[M]], None], pool: Executor | None = None) -> None:
        self.member = member
        self.item: Hashable = None
        self.wake = wake
        self.pool = pool  # where serving is begun for somebody who does not wait in a thread
        self.appointed = False
        self.served = False
        self.error: BaseException | None = None


class _Queue(Generic[M]):
    """Who waits of one tenant: first come, first served per item, and the items take turns."""

    __slots__ = ("items", "length")

    def __init__(self) -> None:
        self.items: dict[Hashable, deque[Place[M]]] = {}  # in the order of their turns
        self.length = 0

    def add(self, place: Place[M]) -> None:
        self.items.setdefault(place.item, deque()).append(place)
        self.length += 1

    def waiting_for(self, item: Hashable) -> int:
        queue = self.items.get(item)
        return len(queue) if queue else 0

    def first(self) -> Place[M]:
        return next(iter(self.items.values()))[0]

    def take(self, count: int) -> list[Place[M]]:
        taken: list[Place[M]] = []
        while self.items and len(taken) < count:
            item = next(iter(self.items))
            queue = self.items.pop(item)
            taken.append(queue.popleft())
            if queue:
                self.items[item] = queue  # behind the others
        self.length -= len(taken)
        return taken


class GroupCommit(Generic[M]):
    """Serves members in groups. ``run(tenant_id, members)`` writes each member's answer into the member."""

    def __init__(
        self,
        run: Callable[[int, list[M]], None],
        group_max: int = GROUP_MAX,
        waiting_max: int = WAITING_MAX,
        leaders: int = 1,
        crowd_from: int = 1,
    ) -> None:
        """``leaders``: groups served at the same time, so that one computes while another one waits for the database; a further
        one begins only when ``crowd_from`` members wait: two small groups cost more than one."""
        self._run = run
        self._leaders = leaders
        self._crowd_from = crowd_from
        self._group_max = group_max
        self._waiting_max = waiting_max
        self._lock = threading.Lock()
        self._queues: dict[int, _Queue[M]] = {}  # tenants in the order of their turns
        self._waiting = 0
        self._leading = 0
        self._usual, self._usual_seconds = 1.0, 0.0  # size of a group, and how long serving it took
        self._crowd = 0  # who was served last and who waited then: so many come again at most, as far as is known
        self._arrived = threading.Event()
        self._closed = False
        self._idle = threading.Condition(self._lock)

    # ── two ways in ──────────────────────────────────────────────────────────────────────────────────────────────
    def serve(self, tenant_id: int, member: M, items: tuple[Hashable, ...] = ()) -> None:
        """Return when ``run`` has answered this member, in a group with others or alone.

        Members of a tenant who want the same item are served in the order in which they came. Raises Overloaded when too many
        wait, Closing when no more are taken in, and what ``run`` raised.
        """
        gate = threading.Semaphore(0)
        place = Place(member, lambda _: gate.release())
        if self._enter(tenant_id, place, items):
            self._lead(place)
        else:
            self._arrived.set()
            gate.acquire()  # opened when served, and when appointed to lead
            if place.appointed:
                self._lead(place)
        while not place.served:  # another leader serves this place just now
            gate.acquire()
        if place.error is not None:
            raise place.error

    def submit(
        self, tenant_id: int, member: M, items: tuple[Hashable, ...], pool: Executor, told: Callable[[Place[M]], None]
    ) -> None:
        """As ``serve``, but returns at once: ``told`` is called with the served place, in the thread that served it.

        Raises Overloaded and Closing."""
        if self._enter(tenant_id, Place(member, told, pool), items):
            pool.submit(self._lead)
        else:
            self._arrived.set()

    def close(self, seconds: float) -> bool:
        """Take nobody in any more and wait until everybody who waits is served; whether that was so in time."""
        with self._idle:
            self._closed = True
            return self._idle.wait_for(lambda: not self._waiting and not self._leading, seconds)

    # ── the queue ────────────────────────────────────────────────────────────────────────────────────────────────
    def _enter(self, tenant_id: int, place: Place[M], items: tuple[Hashable, ...]) -> bool:
        """Take a place in the queue; whether its owner has to have the serving begun."""
        with self._lock:
            if self._closed:
                raise Closing("This process is being stopped.")
            queue = self._queues.get(tenant_id)
            mine = queue.length if queue else 0
            if items and queue:  # where most wait already: an order of a hot and a cold item waits with the hot one
                place.item = max(items, key=queue.waiting_for)
            elif items:
                place.item = items[0]
            if self._waiting >= self._waiting_max:
                raise self._overloaded(f"{self._waiting} requests are waiting already.")
            if mine >= self._waiting_max * TENANT_SHARE:
                raise self._overloaded(f"{mine} requests of this shop are waiting already.")
            if items and queue and queue.waiting_for(place.item) >= self._waiting_max * ITEM_SHARE:
                raise self._overloaded("Too many requests for one of these items are waiting already.")
            if queue is None:
                queue = self._queues[tenant_id] = _Queue()
            queue.add(place)
            self._waiting += 1
            leads = not self._leading or (self._leading < self._leaders and self._waiting >= self._crowd_from)
            self._leading += leads
            return leads

    def _overloaded(self, message: str) -> Overloaded:
        seconds = self._waiting / max(1.0, self._usual) * self._usual_seconds
        return Overloaded(message, max(1, min(RETRY_MAX_SECONDS, round(seconds + 0.5))))

    def _take(self) -> tuple[int, list[Place[M]]]:
        with self._lock:
            if not self._queues:
                return 0, []  # another leader has taken them
            tenant_id = next(iter(self._queues))
            queue = self._queues.pop(tenant_id)
            group = queue.take(self._group_max)
            if queue.length:
                self._queues[tenant_id] = queue  # behind the others
            self._waiting -= len(group)
            self._usual += _WEIGHT * (len(group) - self._usual)
            return tenant_id, group

    # ── serving ──────────────────────────────────────────────────────────────────────────────────────────────────
    def _lead(self, own: Place[M] | None = None) -> None:
        """Serve groups until nobody waits, or until the own place is served. Then the next one leads."""
        try:
            while self._waiting and (own is None or not own.served):
                self._gather()
                self._serve_group()
        finally:
            self._hand_over()

    def _gather(self) -> None:
        """Wait for those who usually come together: until all of the last crowd are here, or nobody has come for a moment."""
        if self._usual < CROWD:
            return
        ends = time.monotonic() + min(WINDOW_MAX_SECONDS, WINDOW_SHARE * self._usual_seconds)
        while self._waiting < min(self._group_max, self._crowd) and time.monotonic() < ends:
            self._arrived.clear()
            if not self._arrived.wait(LULL_SECONDS):
                return

    def _serve_group(self) -> None:
        tenant_id, group = self._take()
        if not group:
            return
        began = time.monotonic()
        try:
            self._run(tenant_id, [place.member for place in group])
        except BaseException as error:
            for place in group:
                place.error = error
        finally:
            self._usual_seconds += _WEIGHT * (time.monotonic() - began - self._usual_seconds)
            self._crowd = len(group) + self._waiting
            for place in group:
                place.served = True
                place.wake(place)

    def _hand_over(self) -> None:
        """The first of those who wait leads on; nobody where nobody waits, or where another leader has appointed him already."""
        with self._lock:
            following = next(iter(self._queues.values())).first() if self._queues else None
            if following is None or following.appointed:
                self._leading -= 1
                self._idle.notify_all()
            elif following.pool is not None:
                following.pool.submit(self._lead)
            else:
                following.appointed = True
                following.wake(following)
