"""Delivery of callbacks: signed afresh at each attempt, retried by the published pauses until the merchant says 200/204."""

from __future__ import annotations

import json
import threading
from datetime import timedelta

import httpx

from .store import Row
from .world import RETRY_SECONDS, World


class Deliverer:
    """Delivers on demand (``deliver_due``) or by its own thread (``start``)."""

    def __init__(self, world: World, timeout_seconds: float = 5.0) -> None:
        self._world = world
        self._http = httpx.Client(timeout=timeout_seconds, trust_env=False, follow_redirects=False)
        self._busy = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="wechat-pay-callbacks", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Something may be due: look now."""
        self._wake.set()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()
        if self._thread:
            self._thread.join(timeout=10)
        self._http.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            if self.deliver_due() == 0:
                self._wake.wait(timeout=0.25)

    def deliver_due(self, limit: int = 1000) -> int:
        """Deliver what is due now, oldest first (or shuffled when the policy says so). Returns the attempts made."""
        world = self._world
        with self._busy:
            rows = world.store.all(
                "SELECT * FROM callbacks WHERE state = 'waiting' AND due_ms <= ? ORDER BY due_ms, id LIMIT ?",
                world.now_ms(),
                limit,
            )
            if world.policy.shuffle:
                world.random.shuffle(rows)
            for row in rows:
                if self._stopping.is_set():
                    break
                self._deliver(row)
        return len(rows)

    def _deliver(self, row: Row) -> None:
        world = self._world
        saved = json.loads(row["body"])
        body = world.platform.notification(
            row["event_id"], saved["event_type"], saved["original_type"], world.now(), saved["resource"]
        )
        headers = world.platform.sign(body, world.now()).as_dict() | {"Content-Type": "application/json"}
        answer = self.post(row["url"], headers, body)
        attempts = row["attempts"] + 1
        if answer in ("200", "204"):
            state, due = "delivered", row["due_ms"]
        elif attempts > len(RETRY_SECONDS):
            state, due = "given_up", row["due_ms"]
        else:
            state = "waiting"
            due = int((world.now() + timedelta(seconds=RETRY_SECONDS[attempts - 1])).timestamp() * 1000)
        world.store.run(
            "UPDATE callbacks SET state = ?, due_ms = ?, attempts = ?, answer = ? WHERE id = ?",
            state,
            due,
            attempts,
            answer,
            row["id"],
        )

    def post(self, url: str, headers: dict[str, str], body: str) -> str:
        """POST as the platform does. Returns the status as text, or the kind of failure."""
        try:
            return str(self._http.post(url, content=body.encode(), headers=headers).status_code)
        except httpx.HTTPError as error:
            return type(error).__name__
