"""Schema types that every router shares."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from ninja import Schema
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

from banyan.kernel import ids
from banyan.kernel.values.errors import Invalid

T = TypeVar("T")
PAGE_SIZE_MAX = 200


class PublicId:
    """``Annotated[int, PublicId("ord")]``: text like ``ord_…`` outside, the bigint inside, in bodies, paths and answers."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        def parse(value: Any) -> int:
            if isinstance(value, int) and not isinstance(value, bool):
                return value  # our own rows on the way out; JSON numbers on the way in are stopped below
            try:
                return ids.parse(self.prefix, str(value))
            except ids.BadPublicId as error:
                raise PydanticCustomError("bad_id", "{reason}", {"reason": error.message}) from error

        def show(value: int) -> str:
            return ids.public(self.prefix, value)

        return core_schema.no_info_plain_validator_function(
            parse, serialization=core_schema.plain_serializer_function_ser_schema(show, return_schema=core_schema.str_schema())
        )

    def __get_pydantic_json_schema__(self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {
            "type": "string",
            "pattern": f"^{self.prefix}_[0-9a-hjkmnp-tv-z]{{13}}$",
            "examples": [f"{self.prefix}_0c5m7z2k9w1ye"],
        }


class Page(Schema, Generic[T]):
    """One page of a list. Send ``next_cursor`` back as ``cursor`` for the next page; null means the end."""

    items: list[T]
    next_cursor: str | None = None


class ErrorDetail(Schema):
    """What went wrong and what to do."""

    code: str
    message: str
    advice: str = ""
    details: dict[str, Any] = {}


class ErrorBody(Schema):
    """Every answer of 400 and above."""

    error: ErrorDetail


class BadCursor(Invalid):
    """A cursor that Banyan did not give."""

    code = "bad_cursor"
    advice = "Use next_cursor of the previous page unchanged, or leave cursor out."


def _encode(key: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(list(key)).encode()).decode().rstrip("=")


def _decode(cursor: str) -> list[Any]:
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error) as error:
        raise BadCursor("The cursor is not one of ours.") from error
    if not isinstance(key, list) or not all(isinstance(part, int | str) and not isinstance(part, bool) for part in key):
        raise BadCursor("The cursor is not one of ours.")
    if any(isinstance(part, int) and not -(2**63) <= part < 2**63 for part in key):
        raise BadCursor("The cursor is not one of ours.")
    return key


def page_of(
    fetch: Callable[[int | None, int], Sequence[T]], cursor: str | None, limit: int, id_of: Callable[[T], int]
) -> dict[str, Any]:
    """A page of rows in descending id order. ``fetch(before_id, count)`` reads at most ``count`` rows with id < before_id.

    Returns ``{"items", "next_cursor"}`` for ``Page``. ``limit`` is clipped to 1..200. Raises BadCursor.
    """
    before: int | None = None
    if cursor:
        key = _decode(cursor)
        if len(key) != 1 or not isinstance(key[0], int):
            raise BadCursor("The cursor is not one of ours.")
        before = key[0]
    size = max(1, min(limit, PAGE_SIZE_MAX))
    rows = fetch(before, size + 1)
    shown = list(rows[:size])
    return {"items": shown, "next_cursor": _encode([id_of(shown[-1])]) if len(rows) > size else None}


def page_by(
    fetch: Callable[[Any, int], Sequence[T]],
    cursor: str | None,
    limit: int,
    key_of: Callable[[T], tuple[int | datetime, ...]],
    kinds: tuple[type, ...],
) -> dict[str, Any]:
    """A page of rows in any fixed order. ``fetch(key, count)`` reads at most ``count`` rows after the one with that key.

    ``key_of`` gives what the order is made of: whole numbers and aware moments, as ``kinds`` says. The same comes back to
    ``fetch``, None for the first page. Else as ``page_of``. Raises BadCursor.
    """
    size = max(1, min(limit, PAGE_SIZE_MAX))
    rows = fetch(_key(cursor, kinds) if cursor else None, size + 1)
    shown = list(rows[:size])
    return {"items": shown, "next_cursor": _encode(_texts(key_of(shown[-1]))) if len(rows) > size else None}


def _texts(key: tuple[int | datetime, ...]) -> list[int | str]:
    return [part.isoformat() if isinstance(part, datetime) else part for part in key]


def _key(cursor: str, kinds: tuple[type, ...]) -> tuple[int | datetime, ...]:
    key = tuple(_moment(part) if isinstance(part, str) else part for part in _decode(cursor))
    if len(key) != len(kinds) or not all(isinstance(part, kind) for part, kind in zip(key, kinds, strict=True)):
        raise BadCursor("The cursor is not one of ours.")
    return key


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadCursor("The cursor is not one of ours.") from error
    if moment.tzinfo is None:
        raise BadCursor("The cursor is not one of ours.")
    return moment
