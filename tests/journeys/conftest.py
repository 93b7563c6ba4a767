"""The stage of the journeys: the application over real HTTP, WeChat Pay's simulator on the other side, one driven clock."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

SHANGHAI = ZoneInfo("Asia/Shanghai")
PASSWORD = "Correct-horse-9"
CHANNEL = "wechat_pay"


class Person:
    """Somebody with a login. Signs in again whenever time has moved: tokens live twelve hours."""

    def __init__(self, stage: Stage, login: str) -> None:
        self.stage, self.login = stage, login
        self._token, self._signed_in_at = "", None  # type: tuple[str, datetime | None]

    def sign_in(self) -> None:
        answer = self.stage.http.post(
            "/auth/sign-in", json={"login": self.login, "password": PASSWORD, "shop": self.stage.shop.slug}
        )
        assert answer.status_code == 200, answer.text
        self._token, self._signed_in_at = answer.json()["token"], self.stage.now

    def ask(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> httpx.Response:
        """One request; a defect of ours (5xx) fails the test."""
        if self._signed_in_at != self.stage.now:
            self.sign_in()
        headers = {"Authorization": f"Bearer {self._token}"}
        if method != "GET":
            headers["Idempotency-Key"] = key or uuid.uuid4().hex
        answer = self.stage.http.request(method, path, json=body, headers=headers)
        assert answer.status_code < 500, answer.text
        return answer

    def get(self, path: str) -> Any:
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any = None, method: str = "POST") -> Any:
        answer = self.ask(method, path, body)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def refused(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        """Status and code of a refusal, which always carries advice."""
        answer = self.ask(method, path, body)
        assert 400 <= answer.status_code < 500, answer.text
        error = answer.json()["error"]
        assert error["advice"]
        return answer.status_code, error["code"]


class Stage:
    """One shop, its people, the channel, and the clock."""

    def __init__(self, shop: Any, base_url: str, channel: Any) -> None:
        self.shop, self.channel = shop, channel
        self.http = httpx.Client(base_url=f"{base_url}/api/v1", timeout=60)
        self.people: dict[str, Person] = {}

    # ── time ──

    @property
    def now(self) -> datetime:
        from banyan.kernel import clock

        return clock.now()

    def at(self, text: str) -> None:
        """Go to a moment in Shanghai, e.g. "2026-03-01 09:00", and let everything that fell due by then happen."""
        from banyan.kernel import clock

        clock.drive(datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=SHANGHAI))
        self.run()

    def run(self) -> None:
        """What the worker and the channel do by themselves: callbacks, events, periodic jobs, until nothing is left."""
        from banyan.kernel import jobs

        for _ in range(8):
            moved = self.channel.deliver_due() + self.shop.drain()
            for job in jobs.periodic_jobs():
                if job.queue == "money":
                    moved += jobs.run_job(job.name, [self.shop.id])
            if not moved:
                return

    def settled(self, **by: float) -> None:
        """Let time pass, then let everything that fell due happen."""
        from banyan.kernel import clock

        clock.advance(timedelta(**by))
        self.run()

    # ── people ──

    def staff(self, login: str, role: str) -> Person:
        """Somebody of the shop; the first ones are there before anybody could register them over HTTP."""
        from banyan.people.identity import commands as identity
        from banyan.people.identity.types import NewUser, Role

        with self.shop.enter():
            identity.register_users([NewUser(login, PASSWORD, login, None, (Role(role),))])
        self.people[login] = Person(self, login)
        return self.people[login]

    def consumer(self, login: str, code: str | None = None) -> Person:
        """Somebody signs up in the shop, perhaps with a referral code."""
        body = {"shop": self.shop.slug, "login": login, "password": PASSWORD, "display_name": login, "code": code}
        answer = self.http.post("/auth/sign-up", json=body)
        assert answer.status_code == 201, answer.text
        assert answer.json()["not_bound_because"] is None
        self.people[login] = Person(self, login)
        return self.people[login]

    def distributor(self, login: str, operator: Person, sponsor_code: str | None = None) -> tuple[Person, dict[str, Any]]:
        """A consumer applies, an operator approves; with a payee account named after the login."""
        person = self.consumer(login)
        applied = person.post("/distributors", {"sponsor_code": sponsor_code})
        operator.post("/distributors/approve", {"ids": [applied["id"]]})
        self.run()
        person.sign_in()
        person.post("/settlements/my-account", {"account": f"openid-{login}", "account_name": login}, method="PUT")
        return person, applied

    # ── money ──

    def buy(self, buyer: Person, sku_id: str, quantity: int) -> dict[str, Any]:
        """Place an order and pay it through WeChat: our client parameters, the buyer's payment, the channel's callback."""
        placed = buyer.post("/orders", {"lines": [{"sku_id": sku_id, "quantity": quantity}]})
        order_id = placed["id"] if "id" in placed else placed["order_id"]
        payment_id = buyer.post(f"/orders/{order_id}/payment", {"channel": CHANNEL})["payment_id"]
        buyer.post(f"/payments/{payment_id}/open", {"payer": f"openid-{buyer.login}"})
        self.channel.pay(buyer.get(f"/payments/{payment_id}")["out_trade_no"])
        self.run()
        return dict(buyer.get(f"/orders/{order_id}"))

    def verify(self) -> None:
        """Every cent is where it must be."""
        findings = self.shop.verify()
        assert findings == [], findings


@pytest.fixture
def stage(make_shop: Any) -> Iterator[Stage]:
    """A fresh shop in China, served over HTTP, with the channel's simulator wired in."""
    from django.conf import settings
    from django.test import override_settings

    from banyan.adapters.simulators.wechat_pay import WeChatPaySimulator, load_or_create
    from banyan.config import in_process, wiring
    from banyan.kernel import clock
    from banyan.treasury.payments import ports as payment_ports
    from banyan.treasury.payouts import ports as payout_ports

    clock.drive(datetime(2026, 3, 1, 9, 0, tzinfo=SHANGHAI))
    before = (dict(payment_ports._factories), dict(payout_ports._factories))
    with (
        in_process.serving() as base_url,
        WeChatPaySimulator(load_or_create(settings.HOME / "secrets"), deliver=False) as channel,
        override_settings(
            BANYAN_PUBLIC_URL=base_url, PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"], ALLOWED_HOSTS=["*"]
        ),
    ):
        wiring.register_wechat(wiring.sandbox_settings(channel.keys, channel.base_url))
        try:
            yield Stage(make_shop(), base_url, channel)
        finally:
            for factories, saved in zip((payment_ports._factories, payout_ports._factories), before, strict=True):
                factories.clear()
                factories.update(saved)
            clock.drive(None)
