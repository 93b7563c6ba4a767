"""The digest of the platform (丰桥): Base64(MD5(form-quoted text + timestamp + check word)). MD5 is the platform's choice."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from urllib.parse import quote_plus


def digest(text: str, timestamp: str, checkword: str) -> str:
    """The ``msgDigest`` of a message."""
    quoted = quote_plus(text + timestamp + checkword)
    return b64encode(hashlib.md5(quoted.encode(), usedforsecurity=False).digest()).decode()


def holds(text: str, timestamp: str, checkword: str, given: str) -> bool:
    """Whether a digest is the right one, compared in constant time."""
    return hmac.compare_digest(digest(text, timestamp, checkword).encode(), given.encode("utf-8", "replace"))
