"""Misbehavior on order: what the next answers of an operation shall look like."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum


class Effect(StrEnum):
    """``lose_answer`` does the work and then drops the connection; ``lose_request`` drops it before the work."""

    LOSE_ANSWER = "lose_answer"
    LOSE_REQUEST = "lose_request"
    HANG = "hang"  # does the work, then answers only after `seconds`
    SLOW = "slow"  # answers after `seconds`, correctly
    ERROR = "error"  # refuses with `status` and `code`, without doing the work
    ERROR_AFTER = "error_after"  # does the work, then answers with `status` and `code`
    GARBAGE = "garbage"  # does the work, answers with text that is no JSON
    BAD_SIGNATURE = "bad_signature"  # does the work, signs with a foreign key
    NO_SIGNATURE = "no_signature"
    STALE = "stale"  # does the work, answers with an hour-old timestamp


@dataclass
class Fault:
    """``operation`` is one of the server's names (``transfer``, ``query_transfer`` …) or ``*``; ``times`` -1 is forever."""

    operation: str
    effect: Effect
    times: int = 1
    status: int = 500
    code: str = "SYSTEM_ERROR"
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.effect = Effect(self.effect)


class Faults:
    """The queue of ordered misbehavior; the oldest matching one is used first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def take(self, operation: str) -> Fault | None:
        with self._lock:
            for index, fault in enumerate(self._faults):
                if fault.operation in (operation, "*"):
                    if fault.times > 0:
                        fault.times -= 1
                    if fault.times == 0:
                        del self._faults[index]
                    return fault
        return None
