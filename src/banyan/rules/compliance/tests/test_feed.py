"""Updates of the law: believed only with a trusted signature, in force from their moment, and kept for ever."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from django.db import DatabaseError

from banyan.kernel import sql
from banyan.rules.compliance import commands, engine, ports, queries
from banyan.rules.compliance.types import FeedWay, MissingUpdates, PlanFacts, StandingGrade

KEY = Ed25519PrivateKey.generate()
PRIVATE = KEY.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
PUBLIC = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
_sequences = count(int(datetime.now(UTC).timestamp() * 1000))


@pytest.fixture(autouse=True)
def trusted() -> Iterator[None]:
    before = ports.trusted_keys()
    ports.trust_keys({"test": PUBLIC})
    yield
    ports.trust_keys(before)


def update(begins: str, rate_bp: int | None = 2000, depth: int = 0, code: str = "ph", **changes: Any) -> dict[str, Any]:
    """A page that gives a jurisdiction a rate and a depth from a moment on. Each has ids of its own: the law is everybody's."""
    sequence = next(_sequences)
    fact = {
        "id": f"{code}.u{sequence}.rate", "key": "commission_cap_pct", "value": (rate_bp or 0) / 100, "law": "Test Act",
        "article": "art. 5", "in_force": begins[:10], "source": "test", "confidence": "verified", "text": "words of the law",
    }  # fmt: skip
    silent = {"rule": "banned", "fact": fact["id"]}
    rules = {
        "id": f"{code}.letter.u{sequence}", "reading": "letter", "is_law": True, "title": "Test", "title_zh": "测试",
        "effective_from": begins, "effective_to": None,
        "upline_depth_paid": {"number": depth, "fact": fact["id"]}, "total_rate_bp": {"number": rate_bp, "fact": fact["id"]},
        "recruitment_pay": silent, "entry_fee": silent, "starter_purchase": silent,
        "network_marketing": {"rule": "silent", "fact": None}, "team_pay": silent,
        "registration": {"rule": "silent", "fact": None},
        "organization_layers": {"number": None, "fact": None}, "organization_people": {"number": None, "fact": None},
    }  # fmt: skip
    one = {"jurisdiction": code, "facts": [fact], "rule_sets": [rules], "note": "a cap", "note_zh": "比例上限"}
    page = {"format": 1, "sequence": sequence, "issued_at": "2026-02-28T00:00:00Z", "updates": [one]}
    return {**page, **changes}


def signed(page: dict[str, Any], key_id: str = "test") -> bytes:
    return engine.write_update(page, key_id, PRIVATE)


def test_an_update_counts_from_its_moment(make_shop: Callable[..., Any], driven_clock: Callable[[datetime], None]) -> None:
    shop = make_shop(jurisdiction="PH")
    midnight = datetime(2026, 3, 5, 16, tzinfo=UTC)
    with shop.enter():
        assert not queries.judge(PlanFacts(0, 1500), midnight).legal  # the compiled letter names no rate
    update_id = commands.receive_update(signed(update("2026-03-06T00:00:00+08:00")))
    assert update_id is not None
    with shop.enter():
        assert not queries.judge(PlanFacts(0, 1500), midnight - timedelta(seconds=1)).legal
        assert queries.judge(PlanFacts(0, 1500), midnight).legal
        too_much = queries.judge(PlanFacts(0, 2500), midnight)
        assert [(one.law, one.article) for one in too_much.findings] == [("Test Act", "art. 5")]
        assert queries.caps_at(midnight).total_rate_bp == 2000
        assert midnight in queries.turns()
        rules = queries.explain_rule_set(queries.caps_at(midnight).rule_set)
        assert rules is not None
        assert rules.title_zh == "测试"
        # A later update that begins at the same moment is the newer word.
        commands.receive_update(signed(update("2026-03-06T00:00:00+08:00", 1000)))
        assert queries.caps_at(midnight).total_rate_bp == 1000


def test_only_a_trusted_signature_is_believed(make_shop: Callable[..., Any]) -> None:
    make_shop()
    body = signed(update("2026-03-06"))
    envelope = json.loads(body)
    stranger = Ed25519PrivateKey.generate().private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    broken = [
        b"", b"[]", b"\xff", b"{}",
        json.dumps({**envelope, "payload": envelope["payload"].replace("2000", "9000")}).encode(),
        json.dumps({**envelope, "signature": ""}).encode(),
        json.dumps({**envelope, "key_id": "other"}).encode(),
        engine.write_update(update("2026-03-06"), "test", stranger),
        signed(update("2026-03-06", format=2)),
        signed(update("2026-03-06", sequence=0)),
        signed(update("2026-03-06", issued_at="2026-01-01T00:00:00")),
        signed(update("2026-03-06", code="zz")),
        signed(update("2026-03-06T00:00:00")),
    ]  # fmt: skip
    before = queries.latest_update_id()
    for one in broken:
        with pytest.raises(commands.UpdateRefused):
            commands.receive_update(one)
    assert queries.latest_update_id() == before


def test_the_same_update_twice_is_one_and_cannot_be_changed(make_shop: Callable[..., Any]) -> None:
    shop = make_shop()
    page = update("2030-01-01")
    assert commands.receive_update(signed(page)) is not None
    assert commands.receive_update(signed(page)) is None
    other = {**update("2031-01-01"), "sequence": page["sequence"]}
    with pytest.raises(commands.UpdateRefused):
        commands.receive_update(signed(other))
    for statement in ("UPDATE compliance_law_updates SET payload = ''", "DELETE FROM compliance_law_updates"):
        with pytest.raises(DatabaseError), shop.enter():
            sql.execute(statement)


def test_the_feed_is_pulled_after_the_latest_sequence(make_shop: Callable[..., Any]) -> None:
    shop = make_shop(jurisdiction="PH")
    page = update("2030-02-01")
    asked: list[int] = []

    class Feed:
        def updates_after(self, sequence: int) -> list[bytes]:
            asked.append(sequence)
            return [] if sequence >= page["sequence"] else [signed(page)]

    ports.register_feed(Feed)
    try:
        assert (commands.pull_updates(), commands.pull_updates()) == (1, 0)
    finally:
        ports.register_feed(None)
    assert page["sequence"] in asked
    with shop.enter():
        kept = queries.list_updates(limit=1)[0]
        assert (kept.way, kept.jurisdictions) == (FeedWay.PULLED, ("ph",))
        told = sql.fetch(
            "SELECT count(*) FROM outbox_events WHERE tenant_id = %s AND kind = 'compliance.law_changed'", (shop.id,)
        )
        assert told[0][0] == 1


def test_what_is_missing_before_a_pushed_update_is_pulled_and_does_not_overrule_it(make_shop: Callable[..., Any]) -> None:
    """1, 2 and 3 begin at the same moment; 3 was pushed alone. 1 and 2 come, and 3 is still the latest word."""
    shop = make_shop(jurisdiction="PH")
    commands.receive_update(signed(update("2030-05-01")))
    pages = [update("2030-06-01T00:00:00+08:00", rate_bp) for rate_bp in (1000, 2000, 3000)]
    assert commands.receive_update(signed(pages[2])) is not None
    gap = MissingUpdates(pages[0]["sequence"], pages[1]["sequence"])
    assert gap in queries.list_missing_updates()
    asked: list[int] = []

    class Feed:
        def updates_after(self, sequence: int) -> list[bytes]:
            asked.append(sequence)
            return [signed(page) for page in pages if page["sequence"] > sequence]

    ports.register_feed(Feed)
    try:
        assert (commands.pull_updates(), commands.pull_updates()) == (2, 0)
    finally:
        ports.register_feed(None)
    assert asked.count(gap.first - 1) == 1
    assert gap not in queries.list_missing_updates()
    with shop.enter():
        assert queries.caps_at(datetime(2030, 6, 1, tzinfo=UTC)).total_rate_bp == 3000


def test_a_gap_that_the_feed_cannot_fill_is_asked_for_again_in_an_hour(
    make_shop: Callable[..., Any], driven_clock: Callable[[datetime], None]
) -> None:
    make_shop(jurisdiction="PH")
    at = datetime(2026, 3, 1, tzinfo=UTC)
    lost = next(_sequences)
    commands.receive_update(signed(update("2030-07-01")))
    asked: list[int] = []

    class Feed:
        def updates_after(self, sequence: int) -> list[bytes]:
            asked.append(sequence)
            return []

    ports.register_feed(Feed)
    try:
        for minutes in (0, 1, 59, 61):
            driven_clock(at + timedelta(minutes=minutes))
            assert commands.pull_updates() == 0
    finally:
        ports.register_feed(None)
    (gap,) = [one for one in queries.list_missing_updates() if one.first <= lost <= one.until]
    assert asked.count(gap.first - 1) == 2


def test_every_country_is_judged_and_the_own_one_first(make_shop: Callable[..., Any], driven_clock: Any) -> None:
    with make_shop(jurisdiction="KR").enter():
        found = queries.standings_of(PlanFacts(1, 3500), datetime(2026, 11, 1, tzinfo=UTC))
    assert (found[0].jurisdiction, found[0].is_own, found[0].verdict.legal) == ("kr", True, True)
    assert len(found) == 20
    by_code = {one.jurisdiction: one for one in found}
    assert not by_code["cn"].verdict.legal
    assert all(one.verdict.rule_set for one in found)


def test_organizations_are_graded_when_they_change(make_shop: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    shop = make_shop(jurisdiction="CN")
    seen: list[tuple[int, int, int]] = [(1, 5, 3), (2, 40, 4)]
    monkeypatch.setattr("banyan.people.network.queries.list_organizations", lambda layers, count: seen)
    at = datetime(2026, 3, 1, tzinfo=UTC)
    with shop.enter():
        assert commands.watch_organizations(at) == 2
        assert commands.watch_organizations(at) == 0
        assert [(one.organizer_id, one.grade) for one in queries.list_watched()] == [
            (2, StandingGrade.ESCALATE),
            (1, StandingGrade.WARN),
        ]
        seen[0] = (1, 30, 3)
        del seen[1]
        assert commands.watch_organizations(at + timedelta(days=1)) == 2
        grades = {one.organizer_id: one.grade for one in queries.list_watched()}
    assert grades == {1: StandingGrade.ESCALATE, 2: StandingGrade.CLEAR}


def test_who_is_beyond_the_longest_list_is_not_cleared(make_shop: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    shop = make_shop(jurisdiction="CN")
    told: list[tuple[int, int, int]] = [(2, 40, 4), (1, 5, 3)]
    monkeypatch.setattr("banyan.people.network.queries.list_organizations", lambda layers, count: told[:count])
    at = datetime(2026, 3, 1, tzinfo=UTC)
    with shop.enter():
        assert commands.watch_organizations(at) == 2
        monkeypatch.setattr("banyan.rules.compliance.commands.organizations.WATCHED_MAX", 1)
        assert commands.watch_organizations(at + timedelta(days=1)) == 0
        assert StandingGrade.CLEAR not in {one.grade for one in queries.list_watched()}
