"""The first shop of a fresh home: made from the command line, and its people can begin."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from .conftest import Installation

pytestmark = pytest.mark.slow


def _sign_in(installation: Installation, account: str, password: str) -> tuple[int, Any]:
    body = json.dumps({"login": account, "password": password}).encode()
    request = urllib.request.Request(
        f"{installation.services()['web_url']}/api/v1/auth/sign-in", body, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_a_fresh_home_gets_its_first_shop_and_its_platform(make_installation: Callable[..., Installation]) -> None:
    installation = make_installation(migrated=True)
    installation.up()
    assert "No shop yet" in installation.run("shop", "list").stdout
    refused = installation.run("shop", "create", "first", "--name", "第一店", "--jurisdiction", "ZZ")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "CN" in refused.stderr
    assert json.loads(installation.run("shop", "list", "--json").stdout) == {"shops": []}  # nothing was founded on the way

    made = installation.run("shop", "create", "first", "--name", "第一店", "--login", "boss", "--json")
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout)
    assert told["login"] == "boss@first"
    assert _sign_in(installation, told["login"], told["password"])[0] == 200
    assert _sign_in(installation, told["platform_login"], told["platform_password"])[0] == 200
    assert _sign_in(installation, told["login"], told["platform_password"])[0] == 401

    for slug, word in (("first", "taken"), ("platform", "platform"), ("Bad Slug", "slug")):
        again = installation.run("shop", "create", slug, "--name", "另一店")
        assert again.returncode == 2, slug
        assert word in again.stderr, slug
        assert "Traceback" not in again.stderr, slug
    second = installation.run("shop", "create", "second", "--name", "第二店", "--timezone", "Asia/Tokyo")
    assert second.returncode == 0, second.stderr
    assert "operator@second" in second.stdout
    assert f"{installation.services()['web_url']}/console/password_change/" in second.stdout
    assert "platform" not in second.stdout  # it has its person already
    shops = json.loads(installation.run("shop", "list", "--json").stdout)["shops"]
    assert [shop["slug"] for shop in shops] == ["second", "platform", "first"]
