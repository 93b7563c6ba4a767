"""Group commit: callers that come at the same time are served together, each with his own answer.

There is no thread of its own. Whoever finds nobody serving serves: himself and everybody who waits by then,
in one call of ``run``, one tenant at a time. Those who come meanwhile wait and are the next group, served by one of them.
So a quiet process answers each caller at once, and a busy one pays its fixed costs (round trips, plans, the commit) once
per group.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from banyan.kernel.values.errors import Refusal

GROUP_MAX = 128
"""Members of one group: enough to make the fixed costs small, few enough that the first does not wait for long."""
WAITING_MAX = 1024
CROWD = 1.5
"""Usual size of the latest groups from which on a group waits for more callers; below it, nobody is kept waiting."""
WINDOW_SECONDS = 0.005
LULL_SECONDS = 0.001
_WEIGHT = 0.25

M = TypeVar("M")


class Overloaded(Refusal):
    """More callers wait than can be served soon."""

    code = "overloaded"
    status = 503
    advice = "Send the same request again after the number of seconds in Retry-After."
    retry_after_seconds = 1


class _Waiting(Generic[M]):
    __slots__ = ("error", "gate", "member", "served")

    def __init__(self, member: M) -> None:
        self.member = member
        self.served = False
        self.error: BaseException | None = None
        self.gate = threading.Lock()
        self.gate.acquire()


class GroupCommit(Generic[M]):
    """Serves members in groups. ``run(tenant_id, members)`` writes each member's answer into the member."""

    def __init__(
        self, run: Callable[[int, list[M]], None], group_max: int = GROUP_MAX, waiting_max: int = WAITING_MAX
    ) -> None:
        self._run = run
        self._group_max = group_max
        self._waiting_max = waiting_max
        self._lock = threading.Lock()
        self._queues: dict[int, deque[_Waiting[M]]] = {}  # tenants in the order of their turns
        self._waiting = 0
        self._led = False
        self._usual = 1.0
        self._arrived = threading.Event()

    def serve(self, tenant_id: int, member: M) -> None:
        """Return when ``run`` has answered this member, in a group with others or alone.

        Members of a tenant are served in the order in which they came; tenants take turns. Raises Overloaded when too many
        wait, and what ``run`` raised.
        """
        place = _Waiting(member)
        with self._lock:
            if self._waiting >= self._waiting_max:
                raise Overloaded(f"{self._waiting} requests are waiting already.")
            self._queues.setdefault(tenant_id, deque()).append(place)
            self._waiting += 1
            leads, self._led = not self._led, True
        if not leads:
            self._arrived.set()
            place.gate.acquire()  # opened when served, or to lead
        if not place.served:
            try:
                while not place.served:
                    self._gather()
                    self._serve_group()
            finally:
                self._hand_over()
        if place.error is not None:
            raise place.error

    def _gather(self) -> None:
        """Wait for the callers that usually come together: until nobody has come for a moment."""
        if self._usual < CROWD:
            return
        ends = time.monotonic() + WINDOW_SECONDS
        while self._waiting < self._group_max and time.monotonic() < ends:
            self._arrived.clear()
            if not self._arrived.wait(LULL_SECONDS):
                return

    def _serve_group(self) -> None:
        tenant_id, group = self._take()
        try:
            self._run(tenant_id, [place.member for place in group])
        except BaseException as error:
            for place in group:
                place.error = error
        finally:
            for place in group:
                place.served = True
                place.gate.release()

    def _take(self) -> tuple[int, list[_Waiting[M]]]:
        with self._lock:
            tenant_id = next(iter(self._queues))
            queue = self._queues.pop(tenant_id)
            group = [queue.popleft() for _ in range(min(len(queue), self._group_max))]
            if queue:
                self._queues[tenant_id] = queue  # behind the others
            self._waiting -= len(group)
            self._usual += _WEIGHT * (len(group) - self._usual)
            return tenant_id, group

    def _hand_over(self) -> None:
        """The first of those who wait leads on; nobody, nobody."""
        with self._lock:
            if self._queues:
                next(iter(self._queues.values()))[0].gate.release()
            else:
                self._led = False
