"""The library ``wechatpayv3`` on our own transport.

The library brings the API's paths, parameters, signatures and encryption. Its ``Core`` is subclassed because it has no
base-URL setting, opens a new connection for every call, reads the system clock, follows redirects, and fetches
certificates when an answer names a serial that it does not know (so that anyone who can reach our callback URL could
make us call out). All of that lives in ``request`` and ``_verify_signature``, which are replaced here.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import threading
from collections.abc import Mapping
from typing import Any

import requests
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from wechatpayv3 import WeChatPay, WeChatPayType
from wechatpayv3.core import Core
from wechatpayv3.type import RequestType
from wechatpayv3.utils import rsa_sign, rsa_verify

from banyan.kernel import clock
from banyan.treasury.payments.types import ChannelError, ChannelUnknown

from .settings import WeChatPaySettings

SCHEME = "WECHATPAY2-SHA256-RSA2048"
WINDOW_SECONDS = 300
MAX_ANSWER_BYTES = 32 << 20  # a large merchant's daily file fits
_SIGNED_HEADERS = ("signature", "timestamp", "nonce", "serial", "signature-type")


class Refused(Exception):
    """A signature, serial or timestamp that does not hold. ``reason`` is a fixed word, never something received."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def plain_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Header names as the protocol writes them, lower case, whatever the web server made of them."""
    plain = {}
    for name, value in headers.items():
        name = name.lower().replace("_", "-").removeprefix("http-")
        plain[name] = value
    return plain


def _never_sent(error: Exception) -> bool:
    """True when not even a connection came about, so that the platform cannot have done anything."""
    inner = error.args[0] if isinstance(error, requests.ConnectionError) and error.args else None
    return isinstance(getattr(inner, "reason", None), NewConnectionError | ConnectTimeoutError)


class BanyanCore(Core):  # type: ignore[misc]
    """Core with our address, sessions, clock and checks."""

    def __init__(self, settings: WeChatPaySettings) -> None:
        super().__init__(
            mchid=settings.mchid,
            cert_serial_no=settings.merchant_serial,
            private_key=settings.private_key,
            apiv3_key=settings.apiv3_key,
            public_key=settings.public_key,
            public_key_id=settings.public_key_id,
        )
        self._gate_way = settings.base_url.rstrip("/")
        self._timeout = (settings.connect_seconds, settings.read_seconds)
        self._local = threading.local()

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False  # no proxy or netrc from the surroundings gets at money
            self._local.session = session
        return session

    def _authorization(self, method: str, path: str, body: str) -> str:
        timestamp, nonce = str(int(clock.now().timestamp())), secrets.token_hex(16).upper()
        signature = rsa_sign(self._private_key, f"{method}\n{path}\n{timestamp}\n{nonce}\n{body}\n")
        return (
            f'{SCHEME} mchid="{self._mchid}",nonce_str="{nonce}",signature="{signature}",'
            f'timestamp="{timestamp}",serial_no="{self._cert_serial_no}"'
        )

    def request(
        self,
        path: str,
        method: RequestType = RequestType.GET,
        data: Any = None,
        skip_verify: bool = False,
        sign_data: Any = None,
        files: Any = None,
        cipher_data: bool = False,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, str | bytes]:
        """Call the platform. Raises ChannelUnknown for everything that leaves open whether the call had its effect."""
        if files is not None or sign_data is not None:
            raise NotImplementedError("uploads are not used")
        body = json.dumps(data) if data is not None else ""
        sent = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": "banyan",
            "Wechatpay-Serial": self._public_key_id,
            "Authorization": self._authorization(method.value, path, body),
        }
        try:
            with self._session().request(
                method.value,
                self._gate_way + path,
                data=body.encode() or None,
                headers=sent,
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            ) as answer:
                content = answer.raw.read(MAX_ANSWER_BYTES + 1, decode_content=True)
        except Exception as error:  # whatever it was, the money question stays open
            if _never_sent(error):
                raise ChannelError("WeChat Pay cannot be reached", permanent=False, code="unreachable") from None
            # The library's and urllib3's messages hold the address and sometimes headers: only the kind goes on.
            raise ChannelUnknown(f"no answer from WeChat Pay ({type(error).__name__})") from None
        if len(content) > MAX_ANSWER_BYTES:
            raise ChannelUnknown("the answer of WeChat Pay is too long")
        if skip_verify:
            return answer.status_code, content
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            raise ChannelUnknown("the answer of WeChat Pay is no text") from None
        self._check_answer(answer.status_code, answer.headers, text)
        return answer.status_code, text

    def _check_answer(self, status: int, headers: Mapping[str, str], text: str) -> None:
        """A success must be signed. A refusal may come unsigned (a bad signature of ours is answered that way), but a
        signature that is there must hold."""
        plain = plain_headers(headers)
        if not 200 <= status < 300 and "wechatpay-signature" not in plain:
            return
        try:
            self.verify(headers, text)
        except Refused as refusal:
            raise ChannelUnknown(f"the answer of WeChat Pay cannot be trusted ({refusal.reason})") from None

    def verify(self, headers: Mapping[str, str], text: str) -> None:
        """Signature, serial and timestamp of an answer or a callback; raises Refused. Never calls out."""
        plain = plain_headers(headers)
        values = {name: plain.get(f"wechatpay-{name}", "") for name in _SIGNED_HEADERS}
        if not all(values.values()):
            raise Refused("signature headers missing")
        if values["signature-type"] != SCHEME:
            raise Refused("unsupported signature type")
        if values["serial"] != self._public_key_id:
            raise Refused("unknown serial")
        if not (values["timestamp"].isascii() and values["timestamp"].isdigit() and len(values["timestamp"]) <= 12):
            raise Refused("bad timestamp")
        try:
            base64.b64decode(values["signature"], validate=True)
        except (binascii.Error, ValueError):
            raise Refused("bad signature") from None
        if not rsa_verify(values["timestamp"], values["nonce"], text, values["signature"], self._public_key):
            raise Refused("bad signature")
        if abs(int(values["timestamp"]) - clock.now().timestamp()) > WINDOW_SECONDS:
            raise Refused("stale timestamp")

    def _verify_signature(self, headers: Mapping[str, str], body: str) -> bool:
        """What the library's own callback decryption asks before it decrypts."""
        self.verify(headers, body)
        return True


class Client(WeChatPay):  # type: ignore[misc]
    """The library's client on ``BanyanCore``; without a logger, because the library would log clear callback bodies."""

    def __init__(self, settings: WeChatPaySettings) -> None:  # the library's constructor would build its own Core
        self.settings = settings
        self._type = WeChatPayType.NATIVE
        self._mchid = settings.mchid
        self._appid = settings.appid
        self._notify_url = None
        self._partner_mode = False
        self._core = BanyanCore(settings)
