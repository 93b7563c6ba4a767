"""The web process of a careless shop, for the negative control: it looks at the stock, then takes it, and locks nothing.

How soon it takes is luck, and a process that is quick enough oversells nothing. So each process waits, once, between its first
look and its first taking until another one has looked: with the guards on, that one could not.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

from banyan.config.rsgi import application
from banyan.goods.inventory.commands import holding

SECONDS = 20.0

holding.LOCK_LEVELS = holding.LOCK_LEVELS.replace("FOR UPDATE OF s", "")
holding.GUARD = ""
_read = holding._read


def _look(statement: str, wanted: Iterable[int]) -> list[tuple[int, int, int, int]]:
    seen = _read(statement, wanted)
    lookers, own = Path(os.environ["LOOKERS"]), str(os.getpid())
    if not (lookers / own).exists():
        (lookers / own).touch()
        ends = time.monotonic() + SECONDS
        while len(list(lookers.iterdir())) < 2 and time.monotonic() < ends:
            time.sleep(0.005)
    return seen


holding._read = _look

__all__ = ["application"]
