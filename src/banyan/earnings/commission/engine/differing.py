"""What is different between two plan documents, place by place. Works on the documents, so every kind of rule is covered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple


class Change(NamedTuple):
    """One difference. `rule`: the key of the rule it is in, or "" for the plan itself. A missing side is None."""

    rule: str
    path: str
    before: Any
    after: Any

    @property
    def is_whole_rule(self) -> bool:
        """Whether a rule came or went."""
        return bool(self.rule) and not self.path


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """The changes from one document to the other: of the plan, then rule by rule in the new order, then what went.

    Rules are told apart by their keys, so a rule that only moved in the list is no change unless its priority is another one.
    """
    plain = [{name: value for name, value in document.items() if name != "rules"} for document in (before, after)]
    changes = [Change("", *each) for each in _between("", *plain)]
    old, new = ({rule["key"]: rule for rule in document.get("rules", ())} for document in (before, after))
    for key, rule in new.items():
        if key not in old:
            changes.append(Change(key, "", None, rule))
        else:
            changes += [Change(key, *each) for each in _between("", old[key], rule)]
    changes += [Change(key, "", rule, None) for key, rule in old.items() if key not in new]
    return changes


def _between(path: str, before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict) and before.get("kind") == after.get("kind"):
        for name in dict.fromkeys((*before, *after)):
            yield from _between(f"{path}.{name}" if path else name, before.get(name), after.get(name))
    else:
        yield path, before, after
