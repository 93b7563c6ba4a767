"""The platform's own reading of its digest: written from its examples, not from our adapter."""

from __future__ import annotations

import base64
import hashlib
import urllib.parse


def signature(message: str, timestamp: str, checkword: str) -> str:
    """Base64 of the MD5 of the form-encoded message, timestamp and check word."""
    encoded = urllib.parse.urlencode({"": message + timestamp + checkword})[1:]
    return base64.b64encode(hashlib.md5(encoded.encode("utf-8"), usedforsecurity=False).digest()).decode("ascii")
