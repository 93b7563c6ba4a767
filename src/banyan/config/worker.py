"""The worker process: `python -m banyan.config.worker`. Delivers events and runs the periodic and single jobs.

It holds no state: kill it anywhere and another continues, because effects and cursors move together.
"""

from __future__ import annotations

import os
import signal
import threading

import structlog


def main() -> None:
    """Run until SIGTERM or SIGINT; the batch under way is finished first."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "banyan.config.settings")
    import django

    django.setup()
    from banyan.config import deliveries, schedule
    from banyan.kernel import events, garbage
    from banyan.kernel.jobs.registry import QUEUES

    log = structlog.get_logger(__name__)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    garbage.settle()
    drains = [deliveries.Drain(queue, stopping) for queue in QUEUES]
    jobs = schedule.Jobs(stopping)
    for thread in (*drains, jobs):
        thread.start()
    log.info("worker_started", queues=list(QUEUES), reactions=len(events.reactions()))
    deliveries.listen(drains, stopping)
    for thread in (*drains, jobs):
        thread.join(schedule.GRACEFUL_SECONDS)
    log.info("worker_stopped")


if __name__ == "__main__":
    main()
