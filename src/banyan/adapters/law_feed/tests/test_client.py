"""The feed's client against a server's answers."""

from __future__ import annotations

import base64
import json

import httpx
import pytest

from banyan.adapters.law_feed import HttpLawFeed, parse_keys


def _feed(status: int, body: bytes, asked: list[str] | None = None) -> HttpLawFeed:
    def answer(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append(str(request.url))
        return httpx.Response(status, content=body)

    return HttpLawFeed("https://law.example/feed", httpx.MockTransport(answer))


def test_updates_are_asked_for_after_a_sequence() -> None:
    asked: list[str] = []
    envelope = {"key_id": "a", "payload": "{}", "signature": ""}
    found = _feed(200, json.dumps({"updates": [envelope]}).encode(), asked).updates_after(7)
    assert [json.loads(each) for each in found] == [envelope]
    assert asked == ["https://law.example/feed?after=7"]


@pytest.mark.parametrize(("status", "body"), [(500, b"{}"), (200, b"[]"), (200, b"x"), (302, b""), (200, b'{"updates": 7}')])
def test_what_is_no_answer_is_an_os_error(status: int, body: bytes) -> None:
    with pytest.raises(OSError, match="feed of the law"):
        _feed(status, body).updates_after(0)


def test_keys_are_read_or_refused_without_being_told() -> None:
    key = base64.b64encode(b"k" * 32).decode()
    assert parse_keys(f"one:{key}, two:{key}") == {"one": b"k" * 32, "two": b"k" * 32}
    for text in ("one", f":{key}", "one:c2hvcnQ=", "one:%%%"):
        with pytest.raises(ValueError) as refused:
            parse_keys(text)
        assert key not in str(refused.value)
