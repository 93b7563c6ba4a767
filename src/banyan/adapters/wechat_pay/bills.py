"""The platform's daily files, for reconciliation: asked for, fetched, and checked against the digest it signed."""

from __future__ import annotations

import gzip
import hashlib
from datetime import date
from enum import StrEnum

from banyan.treasury.payments.types import ChannelUnknown

from .answers import call, text
from .client import Client
from .settings import WeChatPaySettings


class BillKind(StrEnum):
    TRADE = "trade"
    FUND_FLOW = "fund_flow"


class WeChatPayBills:
    """Downloads one merchant's bills (available from the next morning, Beijing time)."""

    def __init__(self, settings: WeChatPaySettings, client: Client | None = None) -> None:
        self._client = client or Client(settings)

    def download(self, kind: BillKind, day: date) -> str:
        """The CSV text of one Beijing day. Raises ChannelError (``NO_STATEMENT_EXIST``: nothing for that day yet) or
        ChannelUnknown when the file is not the one whose digest the platform signed."""
        ask = self._client.trade_bill if kind is BillKind.TRADE else self._client.fundflow_bill
        offer = call("bill", lambda: ask(day.isoformat()))
        assert offer is not None
        if offer.get("hash_type") != "SHA1":
            raise ChannelUnknown("WeChat Pay answered with an unknown kind of digest")
        url = text(offer, "download_url")
        if not url.startswith(self._client._core._gate_way + "/"):
            raise ChannelUnknown("WeChat Pay named a bill on another host")  # our signature goes to the platform only
        status, content = self._client.download_bill(url)
        if status != 200 or not isinstance(content, bytes):
            raise ChannelUnknown(f"no bill from WeChat Pay ({status})")
        try:
            plain = gzip.decompress(content)
        except (OSError, EOFError):
            raise ChannelUnknown("the bill of WeChat Pay cannot be unpacked") from None
        if hashlib.sha1(plain, usedforsecurity=False).hexdigest() != text(offer, "hash_value").lower():
            raise ChannelUnknown("the bill of WeChat Pay is not the one that it signed for")
        return plain.decode("utf-8-sig")
