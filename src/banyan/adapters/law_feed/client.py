"""The client. What it brings is believed only for its signature, so the way it came need not be trusted."""

from __future__ import annotations

import base64
import binascii
import json

import httpx

TIMEOUT = 20.0
LONGEST = 20_000_000
KEY_BYTES = 32


class HttpLawFeed:
    """One feed. It keeps no state: the same question again is the same answer."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self._url, self._transport = url, transport

    def updates_after(self, sequence: int) -> list[bytes]:
        """Envelopes with a greater sequence, in order. Raises OSError when the feed cannot be reached or answers nonsense."""
        try:
            with httpx.Client(timeout=TIMEOUT, follow_redirects=False, transport=self._transport) as client:
                answer = client.get(self._url, params={"after": sequence}, headers={"Accept": "application/json"})
                answer.raise_for_status()
                if len(answer.content) > LONGEST:
                    raise OSError("the feed's answer is too long")
                updates = answer.json()["updates"]
                return [json.dumps(each).encode() for each in updates[:100]]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise OSError(f"the feed of the law could not be read: {type(error).__name__}") from error


def parse_keys(text: str) -> dict[str, bytes]:
    """`id:base64,id:base64` → raw public keys by id. Raises ValueError, in words and without values."""
    keys = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, _, encoded = part.partition(":")
        try:
            raw = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raw = b""
        if not name or len(raw) != KEY_BYTES:
            raise ValueError("a key of the feed of the law is written id:base64 of its 32 bytes")
        keys[name] = raw
    return keys
