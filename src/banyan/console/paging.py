"""Cursor pages for console lists: newest first by id, no OFFSET and no COUNT."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.http import HttpRequest

from banyan.kernel.http import page_of

T = TypeVar("T")
SIZE = 50


def page(request: HttpRequest, fetch: Callable[[int | None, int], Sequence[T]], id_of: Callable[[T], int]) -> dict[str, Any]:
    """Rows and the addresses of the first and next page, other filters of the address kept. Raises BadCursor."""
    found = page_of(fetch, request.GET.get("cursor"), SIZE, id_of)
    address = request.GET.copy()
    address.pop("cursor", None)
    first = f"?{address.urlencode()}"
    address["cursor"] = found["next_cursor"] or ""
    return {
        "rows": found["items"],
        "next_page": f"?{address.urlencode()}" if found["next_cursor"] else None,
        "first_page": first if request.GET.get("cursor") else None,
    }
