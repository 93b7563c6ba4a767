"""Event classes, their JSON form, and the registry of reactions."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, partial
from typing import Any, ClassVar, TypeVar

import orjson

from banyan.kernel import clock, ids, sql


@dataclass(frozen=True)
class Event:
    """Base of all facts. Subclasses are frozen dataclasses with ``kind`` and ``version`` and plain fields."""

    kind: ClassVar[str] = ""
    version: ClassVar[int] = 1

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__dict__.get("kind"):
            known = _kinds.setdefault(cls.kind, cls)
            if known.__qualname__ != cls.__qualname__ or known.__module__ != cls.__module__:
                raise TypeError(f"two events are called {cls.kind}")
            _kinds[cls.kind] = cls


_kinds: dict[str, type[Event]] = {}


Reader = Callable[[Any], Any]


@cache
def _reader(kind: Any) -> Reader | None:
    """A function that puts JSON back into the annotated Python type, or None where JSON's own value is that already."""
    kind = getattr(kind, "__supertype__", kind)
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        inner = _reader(next(arg for arg in typing.get_args(kind) if arg is not type(None)))
        return inner and (lambda value: None if value is None else inner(value))
    if origin is tuple:
        return _tuple_reader(typing.get_args(kind))
    if kind is datetime:
        return datetime.fromisoformat
    if kind is date:
        return date.fromisoformat
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return partial(_build, kind)
    return None


def _tuple_reader(arguments: tuple[Any, ...]) -> Reader:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        each = _reader(arguments[0])
        return (lambda value: tuple([each(part) for part in value])) if each else tuple
    readers = [_reader(argument) for argument in arguments]
    return lambda value: tuple([read(part) if read else part for read, part in zip(readers, value, strict=True)])


def _build(kind: Any, value: dict[str, Any]) -> Any:
    readers = _field_readers(kind)
    return kind(
        **{
            name: read(part) if (read := readers[name]) is not None and part is not None else part
            for name, part in value.items()
            if name in readers
        }
    )


@cache
def _field_readers(kind: Any) -> dict[str, Reader | None]:
    hints = typing.get_type_hints(kind)
    return {field.name: _reader(hints[field.name]) for field in dataclasses.fields(kind)}


def _plain_tuple(value: Any) -> tuple[Any, ...]:
    if isinstance(value, tuple):  # a named one, which orjson does not take for one
        return tuple(value)
    raise TypeError(f"an event cannot hold a {type(value).__name__}")


def to_json(event: Event) -> str:
    """The payload as JSON text. An event holds numbers, texts, moments, dates, tuples and dataclasses of those."""
    return orjson.dumps(event, default=_plain_tuple).decode()


def from_json(kind: str, payload: dict[str, Any]) -> Event:
    """The event of a stored payload; unknown keys (from a newer version) are left out. Raises KeyError for an unknown kind."""
    event: Event = _build(_kinds[kind], payload)
    return event


def record(events: Sequence[Event]) -> None:
    """Write facts to the outbox of the entered tenant, in the caller's transaction, in one statement."""
    from banyan.kernel.events.models import OutboxEvent

    if not events:
        return
    now = clock.now()
    identities = ids.next_ids(len(events))
    rows = [(identity, type(e).kind, type(e).version, to_json(e), now) for identity, e in zip(identities, events, strict=True)]
    sql.insert(OutboxEvent, ("id", "kind", "version", "payload", "occurred_at"), rows)


Handler = Callable[[list[Any]], object]
F = TypeVar("F", bound=Handler)


@dataclass(frozen=True)
class Reaction:
    """A named consumer of some kinds of events, in batches of at most ``batch``.

    With several ``lanes`` the events are dealt out by their ids, each lane with its own cursor, and when there are many the
    lanes run at the same time: only for reactions that do not mind in which order different events come.
    """

    name: str
    kinds: tuple[str, ...]
    batch: int
    run: Handler
    queue: str = "money"
    lanes: int = 1


_reactions: dict[str, Reaction] = {}


def reaction(name: str, *, on: Sequence[type[Event]], batch: int = 500, queue: str = "money", lanes: int = 1) -> Callable[[F], F]:
    """Register ``run(events)`` to be called once for every event of these kinds, in its lane's commit order, tenant entered."""

    def register(run: F) -> F:
        if name in _reactions and _reactions[name].run.__qualname__ != run.__qualname__:
            raise TypeError(f"two reactions are called {name}")
        _reactions[name] = Reaction(name, tuple(event.kind for event in on), batch, run, queue, lanes)
        return run

    return register


def reactions() -> list[Reaction]:
    """All registered reactions by name."""
    return [_reactions[name] for name in sorted(_reactions)]
