"""Answers as JSON."""

from __future__ import annotations

from typing import Any

import orjson
from django.http import HttpRequest
from ninja.renderers import BaseRenderer
from ninja.responses import NinjaJSONEncoder


class JsonRenderer(BaseRenderer):
    """JSON with moments to the microsecond; Ninja's own cuts them to milliseconds, and a moment sent back then names another."""

    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        """The answer's body."""
        return orjson.dumps(data, default=_plain, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)


def _plain(value: Any) -> Any:
    """What orjson does not know: named tuples here, decimals, addresses and models as Ninja writes them."""
    return tuple(value) if isinstance(value, tuple) else NinjaJSONEncoder().default(value)
