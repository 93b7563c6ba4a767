"""One signed call of the platform's single address: a form with ``serviceCode`` and ``msgData``; answers in two envelopes."""

from __future__ import annotations

import json
import uuid
from typing import Any
from urllib.parse import urlsplit

import httpx

from banyan.kernel import clock
from banyan.trade.fulfillment.types import CarrierError, CarrierUnknown

from .settings import SfExpressSettings
from .signing import digest

MAX_ANSWER_BYTES = 4 << 20
ENVELOPE_OK = "A1000"
BUSY = frozenset({"A1002", "A1005"})
"""The platform did not take the call in (too late on its way, quota used up): nothing was done, and later it may be."""
UNCLEAR = frozenset({"A1009", "A1099"})
"""What lies behind the platform failed or could not be reached: the work may have been done."""


class Client:
    """Calls with our address, time-outs and checks. Safe to use from several threads."""

    def __init__(self, settings: SfExpressSettings) -> None:
        self.settings = settings
        timeout = httpx.Timeout(settings.read_seconds, connect=settings.connect_seconds)
        # No proxy or netrc from the surroundings gets at people's addresses; nobody is followed elsewhere.
        self._http = httpx.Client(timeout=timeout, trust_env=False, follow_redirects=False)

    def call(self, service: str, message: dict[str, Any]) -> dict[str, Any]:
        """The inner answer of a service, with its ``success`` and ``errorCode``. Raises CarrierError, CarrierUnknown."""
        text = json.dumps(message, ensure_ascii=False)
        timestamp = str(int(clock.now().timestamp()))
        form = {
            "partnerID": self.settings.partner_id,
            "requestID": str(uuid.uuid4()),
            "serviceCode": service,
            "timestamp": timestamp,
            "msgDigest": digest(text, timestamp, self.settings.checkword),
            "msgData": text,
        }
        status, content = self._send("POST", f"{self.settings.base_url.rstrip('/')}/std/service", form=form)
        return _opened(status, content)

    def download(self, url: str, token: str) -> tuple[str, bytes]:
        """A file of the platform: its content type and bytes. Only from the platform's own hosts."""
        host = urlsplit(url).hostname or ""
        if host != urlsplit(self.settings.base_url).hostname and not host.endswith(".sf-express.com"):
            raise CarrierUnknown("the label lies on a foreign host")
        status, content = self._send("GET", url, headers={"X-Auth-token": token})
        if status != 200 or not content:
            raise CarrierUnknown("the label cannot be fetched")
        return ("application/pdf" if content.startswith(b"%PDF") else "text/plain; charset=utf-8"), content

    def _send(
        self, method: str, url: str, form: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        try:
            with self._http.stream(method, url, data=form, headers=headers) as answer:
                content = b""
                for part in answer.iter_bytes():
                    content += part
                    if len(content) > MAX_ANSWER_BYTES:
                        raise CarrierUnknown("the answer of SF Express is too long")
                return answer.status_code, content
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise CarrierError("SF Express cannot be reached", permanent=False, code="unreachable") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # The library's messages hold addresses: only the kind goes on.
            raise CarrierUnknown(f"no answer from SF Express ({type(error).__name__})") from None


def _opened(status: int, content: bytes) -> dict[str, Any]:
    if status >= 500:
        raise CarrierUnknown(f"SF Express answered {status}")
    try:
        outer = json.loads(content)
        code = outer["apiResultCode"]
        if code in UNCLEAR:
            raise CarrierUnknown(f"SF Express does not say ({code})")
        if code != ENVELOPE_OK:
            permanent = code not in BUSY
            raise CarrierError("SF Express did not take the call in", permanent=permanent, code=str(code)[:20])
        inner = json.loads(outer["apiResultData"])
        if not isinstance(inner, dict) or not isinstance(inner.get("success"), bool):
            raise TypeError
    except (ValueError, KeyError, TypeError):
        raise CarrierUnknown("the answer of SF Express cannot be read") from None
    return inner
