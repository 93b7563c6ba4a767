"""A rush of buyers, each for one piece at once: python rush.py < {"port", "sku", "tokens", "seconds"}.

Says "half" when half of them know, then one JSON object per line: what each was told at last. A careful client: whoever is told
to come back (503, 429, a key being answered), or hears nothing, asks again under the same key until he knows.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

LATER = {429, 500, 502, 503, 504}


class Rush:
    """Everybody, and how many know by now."""

    def __init__(self, port: int, sku: str, tokens: list[str], seconds: float) -> None:
        self.port = port
        self.tokens = tokens
        self.body = json.dumps({"lines": [{"sku_id": sku, "quantity": 1}]})
        self.ends = time.monotonic() + seconds
        self.known = 0
        self.connecting = asyncio.Semaphore(200)

    async def run(self) -> list[dict[str, Any]]:
        """What each was told."""
        return await asyncio.gather(*map(self._buyer, range(len(self.tokens))))

    async def _buyer(self, number: int) -> dict[str, Any]:
        asked = 0
        while time.monotonic() < self.ends:
            asked += 1
            try:
                status, headers, body = await asyncio.wait_for(self._ask(number), 60)
            except (OSError, EOFError, ValueError, TimeoutError):
                await asyncio.sleep(0.2)
                continue
            code = body.get("error", {}).get("code", "")
            if status in LATER or code == "idempotency_in_progress":
                await asyncio.sleep(min(2.0, float(headers.get("retry-after", "1"))))
                continue
            self.known += 1
            if self.known == len(self.tokens) // 2:
                print("half", flush=True)
            return {"status": status, "order": body.get("id"), "code": code, "asked": asked}
        return {"status": 0, "order": None, "code": "", "asked": asked}

    async def _ask(self, number: int) -> tuple[int, dict[str, str], Any]:
        async with self.connecting:  # a burst of connections, not more than a listener's backlog
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            head = (
                f"POST /api/v1/orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.tokens[number]}\r\n"
                f"Idempotency-Key: rush-{number}\r\nContent-Type: application/json\r\nContent-Length: {len(self.body)}\r\n\r\n"
            )
            writer.write((head + self.body).encode())
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
            content = await reader.readexactly(int(headers["content-length"]))
            return int(lines[0].split()[1]), headers, json.loads(content)
        finally:
            writer.close()


async def main() -> None:
    """One rush."""
    for told in await Rush(**json.load(sys.stdin)).run():
        print(json.dumps(told))


asyncio.run(main())
