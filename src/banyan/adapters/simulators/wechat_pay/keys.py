"""The sandbox's key material: made on this machine at first use, never part of the project."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

FILE_NAME = "wechat_pay_sandbox.json"


@dataclass(frozen=True, repr=False)
class SandboxKeys:
    """Both sides of one sandbox merchant. The platform's private key never leaves the simulator."""

    mchid: str
    appid: str
    merchant_serial: str
    merchant_private_key: str
    apiv3_key: str
    public_key_id: str
    platform_private_key: str
    platform_public_key: str

    def __repr__(self) -> str:
        return f"SandboxKeys(mchid={self.mchid!r}, appid={self.appid!r}, keys hidden)"


def _rsa_pair() -> tuple[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return private, public


def generate(mchid: str = "1900000001") -> SandboxKeys:
    """Fresh keys for one merchant and one platform (takes about a quarter of a second)."""
    merchant_private, _ = _rsa_pair()
    platform_private, platform_public = _rsa_pair()
    return SandboxKeys(
        mchid=mchid,
        appid="wx" + secrets.token_hex(8),
        merchant_serial=secrets.token_hex(20).upper(),
        merchant_private_key=merchant_private,
        apiv3_key=secrets.token_hex(16),
        public_key_id="PUB_KEY_ID_01" + mchid + secrets.token_hex(9).upper(),
        platform_private_key=platform_private,
        platform_public_key=platform_public,
    )


def load_or_create(folder: Path) -> SandboxKeys:
    """Read the sandbox keys from ``folder``, making them first if need be.

    Two processes may start together: the file appears whole under its name by a hard link, so one of them
    wins and both read the winner's.
    """
    path = folder / FILE_NAME
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".wechat_pay_", suffix=".tmp")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:  # mkstemp gives mode 0600
                json.dump(asdict(generate()), file)
            try:
                os.link(temporary, path)
            except FileExistsError:
                pass
        finally:
            os.unlink(temporary)
    return SandboxKeys(**json.loads(path.read_text(encoding="utf-8")))
