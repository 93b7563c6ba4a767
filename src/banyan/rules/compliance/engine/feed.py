"""Updates of the law as signed JSON: Ed25519 over the payload's very bytes, so that nothing is left to how JSON is written.

    {"key_id": "feed-1", "payload": "{…}", "signature": "<base64>"}

The payload is JSON itself: {"format": 1, "sequence": 7, "issued_at": "2026-11-28T00:00:00Z", "updates": [{"jurisdiction": "cn",
"facts": […], "rule_sets": […], "note": "…", "note_zh": "…"}]}, with facts and rule sets as in the files of `law/`.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from banyan.rules.compliance.types import Amendment, JurisdictionCode, SignedUpdate

FORMAT = 1
LONGEST = 4_000_000


class FeedRejected(ValueError):
    """What came is no update that may be believed: an unknown key, a bad signature, or a payload that says nothing."""


def open_update(body: bytes, keys: Mapping[str, bytes]) -> SignedUpdate:
    """Verify first, read afterwards. `keys`: raw public keys by id. Raises FeedRejected."""
    if len(body) > LONGEST:
        raise FeedRejected("the update is too long")
    try:
        envelope = json.loads(body)
        key_id, payload = str(envelope["key_id"]), envelope["payload"]
        signature = base64.b64decode(envelope["signature"], validate=True)
    except (ValueError, KeyError, TypeError, binascii.Error, RecursionError) as error:
        raise FeedRejected("not an envelope of key_id, payload and signature") from error
    if not isinstance(payload, str) or key_id not in keys:
        raise FeedRejected("the key is not one that this installation trusts")
    try:
        Ed25519PublicKey.from_public_bytes(keys[key_id]).verify(signature, payload.encode())
    except (InvalidSignature, ValueError) as error:
        raise FeedRejected("the signature does not fit the payload") from error
    return _read(key_id, payload, envelope["signature"])


def _read(key_id: str, payload: str, signature: str) -> SignedUpdate:
    try:
        page = json.loads(payload)
        if page["format"] != FORMAT:
            raise FeedRejected(f"the payload's format must be {FORMAT}")
        issued_at = datetime.fromisoformat(page["issued_at"])
        if issued_at.tzinfo is None:
            raise FeedRejected("issued_at has no offset from UTC")
        amendments = tuple(_amendment(each) for each in page["updates"])
        sequence = int(page["sequence"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, FeedRejected):
            raise
        raise FeedRejected("the payload is not an update of the law") from error
    if sequence < 1 or not amendments:
        raise FeedRejected("the payload has no updates, or no sequence")
    return SignedUpdate(key_id, sequence, issued_at, amendments, payload, signature)


def _amendment(page: dict[str, Any]) -> Amendment:
    return Amendment(
        JurisdictionCode(str(page["jurisdiction"]).lower()),
        tuple(dict(row) for row in page.get("facts", ())),
        tuple(dict(row) for row in page["rule_sets"]),
        str(page.get("note", "")),
        str(page.get("note_zh", "")),
    )


def write_update(page: Mapping[str, Any], key_id: str, private_key: bytes) -> bytes:
    """The envelope of a payload: what a feed's own server does. `private_key`: 32 raw bytes."""
    payload = json.dumps(page, ensure_ascii=False, separators=(",", ":"))
    signature = Ed25519PrivateKey.from_private_bytes(private_key).sign(payload.encode())
    return json.dumps({"key_id": key_id, "payload": payload, "signature": base64.b64encode(signature).decode()}).encode()
