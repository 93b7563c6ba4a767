"""The stock mirror in Valkey or Redis (7 or newer): one short-lived number per SKU, judged and counted down in Lua."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import redis
import structlog

from banyan.goods.inventory.ports import FRESH_SECONDS, Wish

log = structlog.get_logger(__name__)
T = TypeVar("T")
PATIENCE_SECONDS = 0.05
"""Longer than this nobody waits for the mirror."""
PAUSE_SECONDS, PAUSE_MAX_SECONDS = 0.5, 30.0
"""So long it is left alone after it failed; doubled each time, up to a limit."""

# KEYS: a number per SKU. ARGV: per order how many lines, then for each the number of its key and the pieces. An order lacks
# what is known to be less than it wants; one that lacks nothing takes what it wants from what is known.
_LACKING = """
local known, answers, at = {}, {}, 1
for i, key in ipairs(KEYS) do known[i] = tonumber(redis.call('GET', key) or '') end
while at <= #ARGV do
  local lines, lacks, wants = tonumber(ARGV[at]), {}, {}
  for line = 0, lines - 1 do
    local i = tonumber(ARGV[at + 1 + 2 * line])
    wants[i] = (wants[i] or 0) + tonumber(ARGV[at + 2 + 2 * line])
  end
  for i, pieces in pairs(wants) do
    if known[i] and known[i] < pieces then lacks[#lacks + 1] = i; lacks[#lacks + 1] = known[i] end
  end
  if #lacks == 0 then
    for i, pieces in pairs(wants) do
      if known[i] then known[i] = redis.call('DECRBY', KEYS[i], pieces) end
    end
  end
  answers[#answers + 1] = lacks
  at = at + 1 + 2 * lines
end
return answers
"""
# KEYS: the set of SKUs that anything was said about, then a number per SKU. ARGV: for how long, then SKU and pieces in turn.
_TELL = """
for i = 2, #KEYS do redis.call('SET', KEYS[i], ARGV[2 * i - 1], 'PX', ARGV[1]); redis.call('SADD', KEYS[1], ARGV[2 * i - 2]) end
redis.call('PEXPIRE', KEYS[1], 3600000)
"""
# KEYS: the fence used last, the count of corrections, then a number per SKU. ARGV: fence, for how long, then the pieces.
_CORRECT = """
if tonumber(redis.call('GET', KEYS[1]) or '0') > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
local wrong = 0
for i = 3, #KEYS do
  local said = redis.call('GET', KEYS[i])
  if said then
    if said ~= ARGV[i] then wrong = wrong + 1 end
    redis.call('SET', KEYS[i], ARGV[i], 'PX', ARGV[2])
  end
end
if wrong > 0 then redis.call('INCRBY', KEYS[2], wrong) end
return wrong
"""
# KEYS: the lock, the last fence given. ARGV: for how long. A fence that was given is larger than every one used.
_ACQUIRE = """
if not redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) then return 0 end
local fence = math.max(redis.call('INCR', KEYS[2]), tonumber(redis.call('GET', KEYS[3]) or '0') + 1)
redis.call('SET', KEYS[2], fence)
return fence
"""


class ValkeyMirror:
    """``inventory.ports.StockMirror`` at this address. Numbers live for ``FRESH_SECONDS``, so nothing old can be said: not after
    a restart, not after the server or the network stood still."""

    def __init__(self, url: str) -> None:
        """Connects at the first question."""
        self._client = redis.Redis.from_url(
            url, socket_timeout=PATIENCE_SECONDS, socket_connect_timeout=PATIENCE_SECONDS, retry=None, decode_responses=True
        )
        scripts = (_LACKING, _TELL, _CORRECT, _ACQUIRE)
        self._lacking, self._tell, self._correct, self._acquire = (self._client.register_script(text) for text in scripts)
        self._lock = threading.Lock()
        self._pause, self._silent_until = PAUSE_SECONDS, 0.0

    def lacking(self, tenant_id: int, wishes: Sequence[Wish]) -> list[dict[int, int]]:
        """See the port."""
        skus = list({sku_id for wish in wishes for sku_id, _ in wish})
        place = {sku_id: number for number, sku_id in enumerate(skus, start=1)}
        words: list[int] = []
        for wish in wishes:
            words.append(len(wish))
            for sku_id, pieces in wish:
                words += (place[sku_id], pieces)

        def ask() -> list[dict[int, int]]:
            answers: Any = self._lacking(keys=_keys(tenant_id, skus), args=words)
            return [{skus[at - 1]: max(0, left) for at, left in zip(a[::2], a[1::2], strict=True)} for a in answers]

        return self._asked(ask, [{} for _ in wishes]) if skus else [{} for _ in wishes]

    def tell(self, tenant_id: int, available: Mapping[int, int]) -> None:
        """See the port."""
        words = [word for pair in available.items() for word in pair]
        keys = [_key(tenant_id, "told"), *_keys(tenant_id, available)]
        self._asked(lambda: self._tell(keys=keys, args=[_fresh_ms(), *words]), None)

    def known(self, tenant_id: int) -> dict[int, int]:
        """See the port."""

        def ask() -> dict[int, int]:
            skus = sorted(int(text) for text in self._client.smembers(_key(tenant_id, "told")))
            said: Any = self._client.mget(_keys(tenant_id, skus)) if skus else []
            return {sku_id: int(text) for sku_id, text in zip(skus, said, strict=True) if text is not None}

        return self._asked(ask, {})

    def correct(self, tenant_id: int, available: Mapping[int, int], fence: int) -> int:
        """See the port."""
        keys = [_key(tenant_id, "fence_used"), _key(tenant_id, "drift"), *_keys(tenant_id, available)]
        return int(self._asked(lambda: self._correct(keys=keys, args=[fence, _fresh_ms(), *available.values()]), 0))

    def acquire(self, tenant_id: int, seconds: float) -> int | None:
        """See the port."""
        keys = [_key(tenant_id, name) for name in ("lock", "fence", "fence_used")]
        return int(self._asked(lambda: self._acquire(keys=keys, args=[int(seconds * 1000)]), 0)) or None

    def drift(self, tenant_id: int) -> int:
        """See the port."""
        return int(self._asked(lambda: self._client.get(_key(tenant_id, "drift")), None) or 0)

    def _asked(self, ask: Callable[[], T], otherwise: T) -> T:
        """The answer, or ``otherwise``: while the mirror is left alone after a failure, and when it fails now."""
        if time.monotonic() < self._silent_until:
            return otherwise
        try:
            answer = ask()
        except (redis.RedisError, OSError) as error:
            with self._lock:
                self._silent_until = time.monotonic() + self._pause
                self._pause = min(PAUSE_MAX_SECONDS, 2 * self._pause)
            log.warning("mirror_unreachable", error=type(error).__name__)
            return otherwise
        self._pause = PAUSE_SECONDS
        return answer


def _key(tenant_id: int, name: str) -> str:
    """In braces, so that a cluster keeps a shop's keys in one place."""
    return f"{{stock:{tenant_id}}}:{name}"


def _keys(tenant_id: int, skus: Sequence[int] | Mapping[int, int]) -> list[str]:
    return [f"{{stock:{tenant_id}}}:{sku_id}" for sku_id in skus]


def _fresh_ms() -> int:
    return int(FRESH_SECONDS * 1000)
