"""The platform's side of the API v3 cryptography: RSA-SHA256 signatures, AES-256-GCM bodies, RSA-OAEP fields."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from .keys import SandboxKeys

_OAEP = OAEP(MGF1(SHA1()), SHA1(), None)  # noqa: S303 - the platform prescribes OAEP with SHA-1
SCHEME = "WECHATPAY2-SHA256-RSA2048"
BEIJING = timezone(timedelta(hours=8))
TIMESTAMP_WINDOW_SECONDS = 300
_FIELD = re.compile(r'(\w+)="([^"]*)"')


class ApiError(Exception):
    """An answer that is not 2xx, in the platform's shape ``{"code", "message"}``."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code, self.message = status, code, message


def _private_key(pem: str) -> RSAPrivateKey:
    key = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("an RSA key is needed")
    return key


@dataclass(frozen=True)
class SignedHeaders:
    """What goes with every answer and every callback of the platform."""

    timestamp: str
    nonce: str
    signature: str
    serial: str

    def as_dict(self) -> dict[str, str]:
        return {
            "Wechatpay-Signature": self.signature,
            "Wechatpay-Timestamp": self.timestamp,
            "Wechatpay-Nonce": self.nonce,
            "Wechatpay-Serial": self.serial,
            "Wechatpay-Signature-Type": SCHEME,
        }


class Platform:
    """Signs and decrypts with keys loaded once."""

    def __init__(self, keys: SandboxKeys) -> None:
        self.keys = keys
        self._platform = _private_key(keys.platform_private_key)
        self._merchant_public = _private_key(keys.merchant_private_key).public_key()
        self._aes = AESGCM(keys.apiv3_key.encode())

    def sign(self, body: str, at: datetime) -> SignedHeaders:
        timestamp, nonce = str(int(at.timestamp())), secrets.token_hex(16)
        text = f"{timestamp}\n{nonce}\n{body}\n".encode()
        signature = base64.b64encode(self._platform.sign(text, PKCS1v15(), SHA256())).decode()
        return SignedHeaders(timestamp, nonce, signature, self.keys.public_key_id)

    def verify_request(self, authorization: str, method: str, path: str, body: str, at: datetime) -> None:
        """Check a merchant's ``Authorization`` header or raise the 401 that the platform gives."""
        scheme, _, rest = authorization.partition(" ")
        fields = dict(_FIELD.findall(rest))
        if scheme != SCHEME or not {"mchid", "nonce_str", "signature", "timestamp", "serial_no"} <= fields.keys():
            raise ApiError(401, "SIGN_ERROR", "Http头Authorization值格式错误")
        if fields["mchid"] != self.keys.mchid or fields["serial_no"] != self.keys.merchant_serial:
            raise ApiError(401, "SIGN_ERROR", "商户证书序列号有误")
        if not fields["timestamp"].isdigit() or abs(int(fields["timestamp"]) - at.timestamp()) > TIMESTAMP_WINDOW_SECONDS:
            raise ApiError(401, "SIGN_ERROR", "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟")
        text = f"{method}\n{path}\n{fields['timestamp']}\n{fields['nonce_str']}\n{body}\n".encode()
        try:
            signature = base64.b64decode(fields["signature"], validate=True)
            self._merchant_public.verify(signature, text, PKCS1v15(), SHA256())
        except (InvalidSignature, binascii.Error):
            raise ApiError(401, "SIGN_ERROR", "签名错误") from None

    def decrypt_field(self, text: str, serial: str) -> str:
        """A sensitive field (a payee's name) that the merchant encrypted with the platform's public key."""
        if serial != self.keys.public_key_id:
            raise ApiError(400, "PARAM_ERROR", "Wechatpay-Serial有误")
        try:
            clear = self._platform.decrypt(base64.b64decode(text, validate=True), _OAEP)
            return clear.decode("utf-8")
        except (ValueError, binascii.Error):
            raise ApiError(400, "PARAM_ERROR", "敏感字段解密失败") from None

    def notification(self, event_id: str, event_type: str, original_type: str, at: datetime, resource: dict[str, Any]) -> str:
        """The body of a callback: the resource is encrypted with the merchant's APIv3 key."""
        nonce = secrets.token_hex(6)
        clear = json.dumps(resource, ensure_ascii=False, separators=(",", ":")).encode()
        cipher = self._aes.encrypt(nonce.encode(), clear, original_type.encode())
        return json.dumps(
            {
                "id": event_id,
                "create_time": rfc3339(at),
                "resource_type": "encrypt-resource",
                "event_type": event_type,
                "summary": event_type,
                "resource": {
                    "original_type": original_type,
                    "algorithm": "AEAD_AES_256_GCM",
                    "ciphertext": base64.b64encode(cipher).decode(),
                    "associated_data": original_type,
                    "nonce": nonce,
                },
            },
            separators=(",", ":"),
        )


def digest(values: dict[str, Any]) -> str:
    """Fingerprint of the parameters that must stay the same under one merchant number."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def rfc3339(at: datetime) -> str:
    """The platform speaks Beijing time with its offset and whole seconds."""
    return at.astimezone(BEIJING).replace(microsecond=0).isoformat()
