"""The stage of the journeys: the application over real HTTP, WeChat Pay's simulator on the other side, one driven clock."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

SHANGHAI = ZoneInfo("Asia/Shanghai")
PASSWORD = "Correct-horse-9"
CHANNEL = "wechat_pay"

PLAN = {
    "format": 1,
    "title": "分佣方案",
    "unqualified": "compression",
    "hold_days": 7,
    "caps": {"total_bp": 2000},
    "groups": {"base": "add"},
    "rules": [
        {"key": "seller", "pays": {"to": "seller"}, "amount": {"kind": "rate", "rate_bp": 1000}},
        {"key": "sponsor", "pays": {"to": "ancestor", "depth": 1}, "amount": {"kind": "rate", "rate_bp": 500}},
    ],
}


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

    def waits_for(self) -> list[tuple[str, int]]:
        """What a distributor is told about money that has not arrived yet."""
        return [(one["reason"], one["amount_minor"]) for one in self.get("/settlements/why-not-yet")["items"]]

    def statements(self) -> list[tuple[str, int]]:
        """Own statements, newest first."""
        return [(one["status"], one["amount_minor"]) for one in self.get("/settlements/statements")["items"]]

    def latest_payout(self) -> dict[str, Any]:
        """The newest own payout."""
        return dict(self.get("/payouts")["items"][0])


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
        order_id = placed["id"]
        payment_id = buyer.post(f"/orders/{order_id}/payment", {"channel": CHANNEL})["payment_id"]
        buyer.post(f"/payments/{payment_id}/open", {"payer": f"openid-{buyer.login}"})
        self.channel.pay(buyer.get(f"/payments/{payment_id}")["out_trade_no"])
        self.run()
        return dict(buyer.get(f"/orders/{order_id}"))

    # ── the scene of most stories ──

    def found(self) -> None:
        """A shop with one tea, a lawful plan, a monthly settlement that is reviewed, and two distributors in a line."""
        self.operator, self.finance = self.staff("operator", "operator"), self.staff("finance", "finance")
        self.warehouse = self.staff("warehouse", "warehouse")
        operator = self.operator
        category = operator.post("/categories", {"code": "tea", "name_zh": "茶"})
        sku = {"code": "longjing", "price_minor": 10_000}
        product = operator.post("/products", {"code": "tea", "name_zh": "龙井", "category_id": category["id"], "skus": [sku]})
        self.sku_id = product["skus"][0]["id"]
        place = operator.post("/warehouses", {"code": "main", "name": "主仓"})
        operator.post("/stock/receipts", {"receipts": [{"warehouse_id": place["id"], "sku_id": self.sku_id, "quantity": 100}]})
        version = operator.post("/plans/drafts", {"document": PLAN, "name": "分佣方案"})
        status, code = operator.refused("POST", f"/plans/versions/{version['version_id']}/publish", {})
        assert (status, code) == (409, "illegal_plan")  # the letter of the law: nobody above the seller is paid
        statements = operator.get("/compliance/standing")["statements"]["practice"]
        operator.post("/compliance/acknowledgements", {"reading": "practice", "statement": next(iter(statements.values()))})
        status, code = operator.refused("POST", f"/plans/versions/{version['version_id']}/publish", {})
        assert (status, code) == (409, "plan_not_approved")  # lawful now, but nobody else has looked at it
        self.finance.post(f"/plans/versions/{version['version_id']}/approve", {})
        operator.post(f"/plans/versions/{version['version_id']}/publish", {})
        policy = {"scope": "tenant", "cycle": "monthly", "lane": "reviewed", "minimum_minor": 100, "attempt_count": 3}
        operator.post("/settlements/policies", policy)
        self.lin, applied = self.distributor("lin", operator)
        self.mei, below = self.distributor("mei", operator, applied["code"])
        self.zhou = self.consumer("zhou", below["code"])
        self.lin_id, self.mei_id = applied["id"], below["id"]

    def ship(self, order: dict[str, Any]) -> None:
        """The warehouse ships, the buyer receives."""
        parcel = {"order_id": order["id"], "carrier": "顺丰", "tracking_number": "SF1"}
        self.warehouse.post("/orders/ship", {"shipments": [parcel]})
        self.zhou.post(f"/orders/{order['id']}/receive")
        self.run()

    def give_back(self, order: dict[str, Any], mode: str, **more: Any) -> dict[str, Any]:
        """One tea goes back: asked for, approved, received where it had left, accepted."""
        asker = self.operator if more.get("goodwill") else self.zhou
        lines = [{"line_id": order["lines"][0]["id"], "quantity": 1}]
        asked = asker.post("/returns", {"order_id": order["id"], "mode": mode, "reason": "不想要了", "lines": lines, **more})
        path = f"/returns/{asked['return_id']}"
        self.operator.post(f"{path}/approve")
        if mode == "goods_back":
            inspection = {"line_id": order["lines"][0]["id"], "restock_quantity": 1}
            self.warehouse.post(f"{path}/receive", {"inspections": [inspection]})
        return dict(self.operator.post(f"{path}/accept"))

    def approve(self, distributor_id: str) -> str:
        """Finance approves the statement of one distributor that stands in the queue."""
        queue = self.finance.get("/settlements/review-queue")["items"]
        (one,) = [entry for entry in queue if entry["distributor_id"] == distributor_id]
        path = f"/settlements/statements/{one['statement_id']}/review"
        return str(self.finance.post(path, {"decision": "approve", "expected_minor": one["amount_minor"]})["status"])

    def confirm(self, person: Person) -> None:
        """The payee confirms in the WeChat client, with the package that only they can read."""
        payout = person.latest_payout()
        assert payout["state"] == "awaiting_confirmation"
        assert person.get(f"/payouts/{payout['id']}/confirmation")["confirm_package"]
        self.channel.confirm(payout["out_bill_no"])
        self.run()

    def holding_callbacks(self) -> list[tuple[str, dict[str, str], str]]:
        """From now on the channel's callbacks are kept back: a list of (address, headers, body) that fills by itself."""
        held: list[tuple[str, dict[str, str], str]] = []

        def keep(url: str, headers: dict[str, str], body: str) -> str:
            held.append((url, headers, body))
            return "200"

        self.channel.deliverer.post = keep
        return held

    def send(self, callback: tuple[str, dict[str, str], str]) -> int:
        """Send one kept callback as the platform does: again while we ask for time (a status of 5xx or 409)."""
        url, headers, body = callback
        with httpx.Client(timeout=60) as client:
            for _ in range(50):
                status = client.post(url, headers=headers, content=body.encode()).status_code
                if status < 500 and status != 409:
                    break
        return status

    def ledger_kinds(self) -> Counter[str]:
        """How many entries of each kind were posted."""
        from banyan.kernel import sql

        with self.shop.enter():
            return Counter(dict(sql.fetch("SELECT kind, count(*)::bigint FROM ledger_entries GROUP BY kind")))

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
