"""No two bodies of the API share a name: in the published document the later one would stand for both."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator


def _all(kind: type) -> Iterator[type]:
    for each in kind.__subclasses__():
        yield each
        yield from _all(each)


def test_every_body_has_a_name_of_its_own() -> None:
    from ninja import Schema

    import banyan.config.api  # noqa: F401  loads every house's bodies

    found: dict[str, set[str]] = defaultdict(set)
    for each in _all(Schema):
        if each.__module__.startswith("banyan."):
            found[each.__name__].add(each.__module__)
    assert {name: sorted(places) for name, places in found.items() if len(places) > 1} == {}
