"""How often one caller may ask, before anything is looked up for him: per token, per address and per device, in each web process.

A bucket holds so many asks and is filled again over so many seconds. What is counted is forgotten when the process ends: a brake
for machines, no bookkeeping. With n processes a caller has up to n times as much.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from banyan.kernel.values.errors import Refusal

CALLERS_KNOWN = 100_000
Limit = tuple[int, float]
"""So many asks at once, and the seconds in which as many come back."""


class TooOften(Refusal):
    """This caller asks more often than people do."""

    code = "too_often"
    status = 429
    advice = "Send the same request again after the number of seconds in Retry-After."
    retry_after_seconds = 1

    def __init__(self, seconds: int) -> None:
        super().__init__("This caller asks too often.")
        self.retry_after_seconds = seconds  # type: ignore[misc]  # told to this caller


class Pace:
    """The limits of one operation. None: no limit."""

    def __init__(
        self,
        per_token: Limit | None = None,
        per_address: Limit | None = None,
        per_device: Limit | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = (per_token, per_address, per_device)
        self._now = now
        self._lock = threading.Lock()
        self._until: OrderedDict[tuple[int, object], float] = OrderedDict()  # when each bucket is full again

    def check(self, token: bytes, address: str, device: str) -> TooOften | None:
        """Count one ask of this caller; why he has to wait, or None. A device that is not named is not counted."""
        now = self._now()
        keys = [
            (number, key, limit)
            for number, (key, limit) in enumerate(zip((token, address, device), self._limits, strict=True))
            if limit is not None and key
        ]
        with self._lock:
            waits = [self._wait(now, number, key, limit) for number, key, limit in keys]
            if any(wait > 0 for wait in waits):
                return TooOften(max(1, -int(-max(waits) // 1)))
            for number, key, (count, seconds) in keys:
                self._until[number, key] = max(now, self._until.pop((number, key), now)) + seconds / count
            while len(self._until) > CALLERS_KNOWN:
                self._until.popitem(last=False)
        return None

    def _wait(self, now: float, number: int, key: object, limit: Limit) -> float:
        count, seconds = limit
        return self._until.get((number, key), now) - now - seconds * (count - 1) / count
