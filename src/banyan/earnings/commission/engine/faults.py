"""What is wrong with a document, and where."""

from __future__ import annotations

from typing import NamedTuple


class Fault(NamedTuple):
    """`path` is a JSON path such as `rules[2].amount.bands[0].rate_bp`."""

    path: str
    message: str


class PlanDocumentError(ValueError):
    """The document is not a plan. `faults` names every place and what is wrong there."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("; ".join(f"{fault.path or '$'}: {fault.message}" for fault in faults))
        self.faults = faults
