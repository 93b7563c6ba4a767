"""What happened to the law that a shop stands under."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from banyan.kernel.events import Event


@dataclass(frozen=True)
class LawChanged(Event):
    """The law of the shop's jurisdiction, or how it is read, is another one: live plans have to be judged again.

    `update_id` is 0 where a reading was accepted or withdrawn.
    """

    kind: ClassVar[str] = "compliance.law_changed"
    jurisdiction: str
    update_id: int
    occurred_at: datetime


@dataclass(frozen=True)
class OrganizationNearLine(Event):
    """An up-and-down-line organization reached the layers, or the layers and the people, that the law counts."""

    kind: ClassVar[str] = "compliance.organization_near_line"
    organizer_id: int
    people: int
    layers: int
    grade: str
    occurred_at: datetime
