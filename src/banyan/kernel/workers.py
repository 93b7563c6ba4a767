"""Worker processes for long calculations: Python uses one processor per process. They read; writing stays with the caller.

This module is imported in a fresh process before Django is ready, so it imports nothing of ours.
"""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor


def pool(count: int) -> ProcessPoolExecutor:
    """So many processes with Django ready and one plain database connection each. What is sent to them must be picklable.

    They are spawned, not forked: a fork would share the parent's connections. The environment names the database.
    """
    return ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"), initializer=_prepare)


def _prepare() -> None:
    os.environ["BANYAN_DATABASE_POOL"] = "0"
    import django

    django.setup()
