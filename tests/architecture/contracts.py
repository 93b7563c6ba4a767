"""Two import contracts of our own for import-linter: the rooms of a house, and its doors."""

from __future__ import annotations

from collections.abc import Iterator

from grimp import ImportGraph
from importlinter.application import output
from importlinter.domain import fields
from importlinter.domain.contract import Contract, ContractCheck

STREETS = ("people", "rules", "treasury", "goods", "trade", "earnings")
FREE_ROOMS = frozenset({"tests", "migrations", "apps", "conftest"})

# What each room may use of its own house. `engine` for checks: a check computes the number again as the engine does.
MAY_USE: dict[str, frozenset[str]] = {
    "types": frozenset(),
    "events": frozenset({"types"}),
    "engine": frozenset({"types"}),
    "ports": frozenset({"types"}),
    "models": frozenset({"types"}),
    "queries": frozenset({"types", "events", "engine", "ports", "models"}),
    "commands": frozenset({"types", "events", "engine", "ports", "models", "queries"}),
    "checks": frozenset({"types", "engine", "models", "queries"}),
    "reactions": frozenset({"types", "events", "commands", "queries"}),
    "jobs": frozenset({"types", "commands", "queries"}),
    "api": frozenset({"types", "commands", "queries"}),
    "admin": frozenset({"types", "models", "commands", "queries"}),
}
DOORS = frozenset({"types", "events", "commands", "queries"})


def house_of(module: str) -> tuple[str, str] | None:
    """(house, room) of a module such as banyan.trade.orders.models; the room is empty for the house itself."""
    parts = module.split(".")
    if len(parts) < 3 or parts[0] != "banyan" or parts[1] not in STREETS:
        return None
    return ".".join(parts[:3]), parts[3] if len(parts) > 3 else ""


class _OwnContract(Contract):
    """Common part: collects one line per fault."""

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Kept when there is no fault."""
        faults = sorted(set(self.faults(graph)))
        return ContractCheck(kept=not faults, metadata={"faults": faults})

    def faults(self, graph: ImportGraph) -> Iterator[str]:
        """One line per fault."""
        raise NotImplementedError

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print the faults."""
        for fault in check.metadata["faults"]:
            output.print_error(f"- {fault}", bold=False)
        output.new_line()


class RoomsContract(_OwnContract):
    """A house has only the rooms of ARCHITECTURE.md, and each imports only the rooms that it may."""

    type_name = "rooms"
    extra_rooms = fields.SetField(subfield=fields.StringField(), required=False)
    exceptions = fields.SetField(subfield=fields.StringField(), required=False)  # "importer -> imported"

    def faults(self, graph: ImportGraph) -> Iterator[str]:
        """Unknown rooms, then imports between rooms that are not allowed."""
        extra: set[str] = self.extra_rooms or set()  # type: ignore[assignment]
        excepted: set[str] = self.exceptions or set()  # type: ignore[assignment]
        for module in graph.modules:
            found = house_of(module)
            if found and found[1] and found[1] not in MAY_USE and found[1] not in FREE_ROOMS:
                room = f"{found[0]}.{found[1]}"
                if room not in extra:
                    yield f"{room} is no room; see ARCHITECTURE.md for those there are"
        for importer in graph.modules:
            here = house_of(importer)
            if here is None or here[1] not in MAY_USE:
                continue
            for imported in graph.find_modules_directly_imported_by(importer):
                there = house_of(imported)
                if there is None or there[0] != here[0] or there[1] in ("", here[1]):
                    continue
                if there[1] not in MAY_USE[here[1]] and f"{importer} -> {imported}" not in excepted:
                    yield f"{importer} imports {imported}: {here[1]} may not use {there[1]}"


class DoorsContract(_OwnContract):
    """From outside, a house is entered only by its doors."""

    type_name = "doors"

    def faults(self, graph: ImportGraph) -> Iterator[str]:
        """Imports that come in through a window."""
        for importer in graph.modules:
            if ".tests" in importer or importer.endswith("conftest"):
                continue
            here = house_of(importer)
            street = importer.split(".")[1] if "." in importer else ""
            allowed = DOORS
            if street == "adapters":
                allowed = frozenset({"types", "ports"})
            elif street == "config":
                allowed = DOORS | {"ports", "apps"}  # wiring joins ports to adapters
            elif street == "console":
                allowed = DOORS | {"sessions"}  # signing in and visiting are pages; identity owns what they mean
            for imported in graph.find_modules_directly_imported_by(importer):
                there = house_of(imported)
                if there is None or (here is not None and here[0] == there[0]):
                    continue
                if here is not None and here[1] == there[1] == "models":
                    continue  # a foreign key names a lower house's model; which relations are allowed, test_models.py says
                if there[1] not in allowed:
                    yield f"{importer} imports {imported}: not a door ({', '.join(sorted(allowed))})"
