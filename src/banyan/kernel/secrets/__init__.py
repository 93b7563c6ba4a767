"""Field-level encryption: AES-256-GCM-SIV bound to tenant, column and row, with a keyed blind index for exact search.

Keys derive from the installation's master key (HKDF-SHA256), one per tenant and purpose, so a leaked tenant key opens
one tenant. Stored form: version byte, key number, 12-byte nonce, ciphertext with tag. Nobody can move a ciphertext to
another row, column or tenant: those are authenticated with it.
"""

from __future__ import annotations

import hmac
import os
from functools import lru_cache
from hashlib import sha256

from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

VERSION = 1


def _master_keys() -> list[bytes]:
    from django.conf import settings

    keys: list[bytes] = settings.BANYAN_FIELD_KEYS
    return keys


@lru_cache(maxsize=4096)
def _key(number: int, tenant_id: int, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"banyan/{tenant_id}/{purpose}".encode()).derive(
        _master_keys()[number]
    )


def seal(tenant_id: int, column: str, row_id: int, text: str) -> bytes:
    """Encrypt ``text`` for exactly this tenant, ``table.column`` and row, under the newest master key."""
    number, nonce = len(_master_keys()) - 1, os.urandom(12)
    sealed = AESGCMSIV(_key(number, tenant_id, "field")).encrypt(nonce, text.encode(), f"{tenant_id}|{column}|{row_id}".encode())
    return bytes((VERSION, number)) + nonce + sealed


def unseal(tenant_id: int, column: str, row_id: int, sealed: bytes) -> str:
    """Decrypt; raises cryptography's InvalidTag when the bytes were altered or belong elsewhere."""
    number, nonce, body = sealed[1], sealed[2:14], sealed[14:]
    return (
        AESGCMSIV(_key(number, tenant_id, "field"))
        .decrypt(nonce, bytes(body), f"{tenant_id}|{column}|{row_id}".encode())
        .decode()
    )


def blind_index(tenant_id: int, column: str, normalized: str) -> bytes:
    """16 bytes that are equal for equal values of one tenant and column, and say nothing else. Normalize first."""
    return hmac.new(_key(0, tenant_id, f"index/{column}"), normalized.encode(), sha256).digest()[:16]
