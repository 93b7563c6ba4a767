"""The simulator as one object: start it, steer it, stop it. The admin endpoint offers the same verbs over HTTP."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from banyan.kernel import clock

from . import collecting, transferring
from .callbacks import Deliverer
from .faults import Effect, Fault, Faults
from .keys import SandboxKeys, generate
from .protocol import Platform
from .store import Row, Store
from .world import CallbackPolicy, Habits, World


class WeChatPaySimulator:
    """A WeChat Pay API v3 counterpart on localhost.

    ``deliver`` starts a thread that sends callbacks as they fall due; without it callbacks wait for ``deliver_due()``,
    which makes tests deterministic. The clock is the kernel's unless another is given or ``drive`` sets a fixed one.
    """

    def __init__(
        self,
        keys: SandboxKeys | None = None,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        file: Path | None = None,
        now: Callable[[], datetime] | None = None,
        deliver: bool = True,
    ) -> None:
        from .server import serve

        self.keys = keys or generate()
        self._clock = now or clock.now
        self._driven_at: datetime | None = None
        self._shift = timedelta()
        self.world = World(Platform(self.keys), Store(file), self.now)
        self.faults, self.requests = Faults(), Counter[str]()
        self.deliverer = Deliverer(self.world)
        self._counting = threading.Lock()
        self._server = serve(self, host, port)
        self.base_url = f"http://{host}:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="wechat-pay", daemon=True
        )
        self._deliver = deliver

    # ── life ─────────────────────────────────────────────────────────────────────────────────────────────────
    def start(self) -> Self:
        self._thread.start()
        if self._deliver:
            self.deliverer.start()
        return self

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)
        self.deliverer.stop()
        self.world.store.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    # ── time ─────────────────────────────────────────────────────────────────────────────────────────────────
    def now(self) -> datetime:
        return (self._driven_at or self._clock()) + self._shift

    def drive(self, at: datetime | None) -> None:
        """Stand at this instant, or with None run with the clock again."""
        self._driven_at, self._shift = at, timedelta()
        self.tick()

    def advance(self, **by: float) -> None:
        """Move on by ``timedelta(**by)`` from wherever the clock is."""
        self._shift += timedelta(**by)
        self.tick()

    def tick(self) -> int:
        """Do what has fallen due: refunds complete, unconfirmed transfers expire, cancellations finish."""
        with self.world.store.transaction():
            done = collecting.finish_due_refunds(self.world) + transferring.finish_due_transfers(self.world)
        self.deliverer.wake()
        return done

    # ── what people and banks do ─────────────────────────────────────────────────────────────────────────────
    def pay(self, out_trade_no: str, total: int | None = None) -> None:
        with self.world.store.transaction():
            collecting.pay(self.world, out_trade_no, total)
        self.deliverer.wake()

    def finish_refund(self, out_refund_no: str, state: str = "SUCCESS") -> None:
        with self.world.store.transaction():
            collecting.finish_refund(self.world, out_refund_no, state)
        self.deliverer.wake()

    def confirm(self, out_bill_no: str) -> None:
        with self.world.store.transaction():
            transferring.confirm(self.world, out_bill_no)
        self.deliverer.wake()

    def reject(self, out_bill_no: str, reason: str = "TRANSFER_RISK") -> None:
        with self.world.store.transaction():
            transferring.fail(self.world, out_bill_no, reason)
        self.deliverer.wake()

    def expire(self, out_bill_no: str) -> None:
        """Let the 24 hours of one transfer be over now."""
        self.world.store.run("UPDATE transfers SET expires_ms = ? WHERE out_bill_no = ?", self.world.now_ms(), out_bill_no)
        self.tick()

    def register_name(self, openid: str, real_name: str) -> None:
        """Who stands behind an openid; a transfer to another name fails with NAME_NOT_CORRECT."""
        self.world.real_names[openid] = real_name

    def import_paid(self, paid: Sequence[tuple[str, str, int, datetime]]) -> None:
        """Let the platform know payments that were made before it was started: (out_trade_no, transaction_id, fen, paid_at).
        They can be queried and refunded like any other; no callback is sent for them. A known number is left as it is."""
        with self.world.store.transaction():
            for number, transaction_id, total, at in paid:
                collecting.import_paid(self.world, number, transaction_id, total, int(at.timestamp() * 1000))

    # ── misbehavior ──────────────────────────────────────────────────────────────────────────────────────────
    def break_next(self, operation: str, effect: Effect | str, times: int = 1, **more: Any) -> None:
        self.faults.add(Fault(operation, Effect(effect), times, **more))

    def set_policy(self, **values: Any) -> None:
        self.world.policy = CallbackPolicy(**values)

    def set_habits(self, **values: Any) -> None:
        self.world.habits = Habits(**values)

    def deliver_due(self) -> int:
        """Send the callbacks that are due, in this thread. Returns the attempts made."""
        self.tick()
        return self.deliverer.deliver_due()

    def forge(self, url: str, event_type: str, original_type: str, resource: dict[str, Any]) -> str:
        """Send a callback that says what you like, signed by somebody else's key. Returns the merchant's answer."""
        stranger = Platform(generate(self.keys.mchid))
        body = self.world.platform.notification("EV-forged", event_type, original_type, self.now(), resource)
        headers = stranger.sign(body, self.now()).as_dict() | {"Wechatpay-Serial": self.keys.public_key_id}
        return self.deliverer.post(url, headers | {"Content-Type": "application/json"}, body)

    # ── what happened ────────────────────────────────────────────────────────────────────────────────────────
    def count(self, operation: str) -> None:
        with self._counting:
            self.requests[operation] += 1

    def paid_out(self) -> dict[str, int]:
        """Fen that really reached each payee, by openid."""
        rows = self.world.store.all("SELECT openid, sum(amount) AS paid FROM transfers WHERE state = 'SUCCESS' GROUP BY openid")
        return {row["openid"]: row["paid"] for row in rows}

    def state(self) -> dict[str, Any]:
        """Everything the platform knows, for the admin endpoint and for tests."""
        store = self.world.store
        tables = {
            name: [_shown(row) for row in store.all(f"SELECT * FROM {name}")]
            for name in ("orders", "refunds", "transfers", "callbacks")
        }
        return tables | {
            "balance_minor": self.world.balance_minor(),
            "requests": dict(self.requests),
            "now": self.now().isoformat(),
        }


def _shown(row: Row) -> dict[str, Any]:
    names = row.keys()
    return {name: row[name] for name in names if name not in ("digest", "body")}
