"""`banyan plan` over files: what it says, what it exits with, and that it publishes by the same commands as the console."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from banyan.config.tools import plan as tool
from banyan.kernel import clock

ENVIRONMENT = ("BANYAN_HOME", "BANYAN_DATABASE_APP_URL", "BANYAN_DATABASE_OWNER_URL")


def _document(*, rate_bp: int = 500, depths: int = 0, **changes: Any) -> dict[str, Any]:
    rules = [{"key": "seller", "pays": {"to": "seller"}, "amount": {"kind": "rate", "rate_bp": rate_bp}}]
    rules += [
        {"key": f"above-{depth}", "pays": {"to": "ancestor", "depth": depth}, "amount": {"kind": "rate", "rate_bp": 100}}
        for depth in range(1, depths + 1)
    ]
    return {
        "format": 1, "title": "Spring", "unqualified": "breakage", "hold_days": 7, "caps": {"total_bp": 2000}, "rules": rules,
    } | changes  # fmt: skip


@dataclass(frozen=True)
class Desk:
    """A terminal beside a shop under Chinese law, with two people, and a folder of plan files."""

    tenant_id: int
    slug: str
    folder: Path

    def file(self, document: Any) -> str:
        """A plan file."""
        path = self.folder / f"{os.urandom(4).hex()}.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
        return str(path)

    def run(self, command: str, document: Any, *options: str, shop: str = "") -> Any:
        """What the command does with this document."""
        app = typer.Typer()
        tool.register(app)
        asked = ["plan", command, self.file(document), "--shop", shop or self.slug, *options]
        done = CliRunner().invoke(app, asked)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    def publish(self, document: Any, *options: str) -> Any:
        """Written by one person, approved by the other."""
        return self.run("publish", document, "--drafted-by", "writer", "--approved-by", "second", *options)

    def versions(self) -> list[Any]:
        """All versions of the shop's plans."""
        from banyan.earnings.commission import queries
        from banyan.kernel import tenancy

        with tenancy.enter(self.tenant_id, actor="test"):
            return list(queries.list_versions(limit=200))


@pytest.fixture(scope="module")
def desk(database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    from banyan.kernel import tenancy
    from banyan.people.identity import commands as identity
    from banyan.people.identity.types import NewUser, Role

    kept = {name: os.environ[name] for name in ENVIRONMENT}
    slug = f"p{os.urandom(5).hex()}"
    tenant_id = tenancy.create_tenant(slug, "Plans", jurisdiction="CN")
    with tenancy.enter(tenant_id, actor="test"):
        identity.register_users([NewUser(login, None, login, None, (Role.OPERATOR,)) for login in ("writer", "second")])
        identity.register_users([NewUser("buyer", None, "buyer", None, (Role.CONSUMER,))])
    yield Desk(tenant_id, slug, tmp_path_factory.mktemp("plans"))
    os.environ.update(kept)


def test_check_names_faults_with_their_place_and_the_laws_verdict(desk: Desk) -> None:
    faulty = desk.run("check", _document(rate_bp=-1))
    assert faulty.exit_code == 1 and "rules[0].amount" in faulty.stdout
    fine = desk.run("check", _document(), "--json")
    told = json.loads(fine.stdout)
    assert (fine.exit_code, told["legal"], told["total_rate_bp"], told["faults"]) == (0, True, 500, [])
    illegal = desk.run("check", _document(depths=3))
    assert illegal.exit_code == 1 and "not allowed by cn." in illegal.stdout and "ancestors paid, at most: 3" in illegal.stdout


def test_what_cannot_be_asked_is_told_apart_from_a_bad_plan(desk: Desk) -> None:
    unread = desk.run("check", "{")
    assert unread.exit_code == 2 and "is not JSON" in unread.stderr
    elsewhere = desk.run("check", _document(), shop="no-such-shop")
    assert elsewhere.exit_code == 2 and "no shop no-such-shop" in elsewhere.stderr
    for command, options in (
        ("check", ()),
        ("prove", ()),
        ("diff", ()),
        ("simulate", ("--from", "2026-01-01", "--until", "2026-02-01")),
    ):
        assert desk.run(command, [], *options).exit_code == 1, command


def test_prove_gives_the_worst_case_with_its_witness(desk: Desk) -> None:
    found = desk.run("prove", _document(rate_bp=700), "--json")
    told = json.loads(found.stdout)
    assert found.exit_code == 0 and (told["publishable"], told["exact"], told["worst_bp"], told["bound_bp"]) == (
        True,
        True,
        700,
        700,
    )
    assert told["cases"][0]["parts"] == [{"rule": "seller", "rate_bp": 700}]
    assert "700 bp" in desk.run("prove", _document(rate_bp=700)).stdout
    assert desk.run("prove", _document(depths=3)).exit_code == 1
    faulty = desk.run("prove", _document(rate_bp=-1), "--json")
    assert faulty.exit_code == 1 and json.loads(faulty.stdout)["faults"]


def test_simulate_runs_over_the_window_and_refuses_an_empty_one(desk: Desk) -> None:
    window = ("--from", "2026-01-01", "--until", "2026-02-01")
    told = json.loads(desk.run("simulate", _document(), *window, "--json").stdout)
    assert (told["orders"], told["new_minor"]) == (0, 0) and told["peak_mib"] > 0
    assert "0 orders" in desk.run("simulate", _document(), *window).stdout
    turned = desk.run("simulate", _document(), "--from", "2026-02-01", "--until", "2026-01-01")
    assert turned.exit_code == 2 and "--until" in turned.stderr


def test_publish_keeps_the_law_and_four_eyes_and_diff_tells_what_changed(desk: Desk) -> None:
    window_of_none = len(desk.versions())
    assert desk.publish(_document(depths=3)).exit_code == 1
    assert desk.publish(_document(rate_bp=-1)).exit_code == 1
    alone = desk.run("publish", _document(), "--drafted-by", "writer")
    assert alone.exit_code == 2 and "approve" in alone.stderr
    assert desk.run("publish", _document(), "--drafted-by", "writer", "--approved-by", "writer").exit_code == 2
    assert desk.run("publish", _document(), "--drafted-by", "nobody").exit_code == 2
    buyer = desk.run("publish", _document(), "--drafted-by", "writer", "--approved-by", "buyer")
    assert buyer.exit_code == 2 and "plans:approve" in buyer.stderr
    assert desk.publish(_document(), "--on", "soon").exit_code == 2
    assert len(desk.versions()) == window_of_none  # a refused publication leaves no draft behind

    done = desk.publish(_document(), "--name", "Files")
    assert done.exit_code == 0 and done.stdout.startswith("Files, version 1: published")
    (version,) = desk.versions()
    assert version.drafted_by.startswith("usr_") and version.drafted_by != version.approved_by

    assert "Nothing" in desk.run("diff", _document()).stdout
    told = json.loads(desk.run("diff", _document(rate_bp=600), "--json").stdout)
    assert told["changes"] == [{"rule": "seller", "path": "amount.rate_bp", "before": 500, "after": 600}]
    assert "5" in told["words"][0] and "6" in told["words"][0]
    assert "规则" in desk.run("diff", _document(rate_bp=600), "--zh").stdout
    other = desk.file(_document(rate_bp=600))
    assert "Nothing" in desk.run("diff", _document(rate_bp=600), "--other", other).stdout

    tomorrow = f"{clock.now().year + 1}-01-01"
    later = desk.publish(_document(rate_bp=600), "--on", tomorrow)
    assert later.exit_code == 0 and later.stdout.startswith("Files, version 2: published from")
    assert {one.number for one in desk.versions()} == {1, 2}


def test_a_case_names_nothing_by_number() -> None:
    case = {"sku_id": 7, "product_id": 8, "supplier_id": 9, "category_ids": [3], "path": ["gold"]}
    told = tool._outward(case)
    assert [told[name][:4] for name in ("sku_id", "product_id", "supplier_id")] == ["sku_", "prd_", "usr_"]
    assert told["category_ids"][0].startswith("cat_")
    assert tool._outward({**case, "product_id": None, "supplier_id": None})["supplier_id"] is None
