"""Requests made from the OpenAPI document itself, so that an operation added tomorrow is in the matrix tomorrow."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_PREFIX = re.compile(r"^\^([a-z]{2,5})_\[")


def prefix_of(schema: Mapping[str, Any]) -> str:
    """The prefix of the public id that a schema asks for, "" when it asks for something else."""
    found = _PREFIX.match(schema.get("pattern", ""))
    return found[1] if found else ""


@dataclass(frozen=True)
class Operation:
    """One method on one path, as documented."""

    method: str
    path: str
    parameters: tuple[dict[str, Any], ...]
    body_schema: dict[str, Any] | None
    public: bool

    @property
    def writes(self) -> bool:
        """Whether the operation may change something."""
        return self.method != "get"


def operations(schema: Mapping[str, Any]) -> list[Operation]:
    """All documented operations, ordered by path and method; signing out comes last, or the rest would be asked by nobody."""
    found = []
    for path, methods in sorted(schema["paths"].items()):
        for method, spec in sorted(methods.items()):
            body = spec.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            found.append(Operation(method, path, tuple(spec.get("parameters", ())), body, not spec.get("security")))
    found.sort(key=lambda operation: operation.path.endswith("/sign-out"))
    return found


class ExampleMaker:
    """Makes valid values for JSON schemas, putting given ids wherever an id of that prefix is wanted."""

    def __init__(self, schema: Mapping[str, Any], ids: Mapping[str, str]) -> None:
        """``ids`` maps a prefix (``ord``) to the public id to use; a prefix without one gets a well-formed id of nothing."""
        self._components = schema.get("components", {}).get("schemas", {})
        self._ids = ids

    def value(self, schema: Mapping[str, Any], depth: int = 0) -> Any:
        """A minimal valid value."""
        if "$ref" in schema:
            return self.value(self._components[schema["$ref"].rsplit("/", 1)[-1]], depth + 1)
        if depth > 12:
            return None
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][0]
        for union in ("anyOf", "oneOf", "allOf"):
            if union in schema:
                chosen = next((option for option in schema[union] if option.get("type") != "null"), schema[union][0])
                return self.value(chosen, depth + 1)
        return self._by_type(schema, depth)

    def _by_type(self, schema: Mapping[str, Any], depth: int) -> Any:
        kind = schema.get("type")
        if kind == "object":
            wanted = schema.get("properties", {})
            return {name: self.value(part, depth + 1) for name, part in wanted.items()}
        if kind == "array":
            return [self.value(schema.get("items", {}), depth + 1)] if schema.get("maxItems") != 0 else []
        if kind == "integer":
            return max(1, schema.get("minimum", 1), schema.get("exclusiveMinimum", 0) + 1)
        if kind == "number":
            return 1.0
        if kind == "boolean":
            return True
        if kind == "string":
            return self._text(schema)
        return {}

    def _text(self, schema: Mapping[str, Any]) -> str:
        prefix = prefix_of(schema)
        if prefix:
            return self._ids.get(prefix, f"{prefix}_0000000000000")
        if schema.get("format") == "date-time":
            return "2026-03-01T00:00:00Z"
        if schema.get("format") == "date":
            return "2026-03-01"
        if schema.get("pattern") == "^[A-Z]{3}$":
            return "CNY"
        if "[0-9]{6}" in schema.get("pattern", ""):
            return "330402"
        return ("matrix" * 30)[: max(6, schema.get("minLength", 1))][: schema.get("maxLength", 200)]


def requests_for(schema: Mapping[str, Any], ids: Mapping[str, str]) -> Iterator[tuple[Operation, str, str | None]]:
    """(operation, URL, JSON body) for every operation, with every id it takes drawn from ``ids``."""
    maker = ExampleMaker(schema, ids)
    for operation in operations(schema):
        url = operation.path
        for parameter in operation.parameters:
            if parameter["in"] == "path":
                url = url.replace("{" + parameter["name"] + "}", str(maker.value(parameter["schema"])))
        queries = [
            f"{parameter['name']}={maker.value(parameter['schema'])}"
            for parameter in operation.parameters
            if parameter["in"] == "query" and (parameter.get("required") or "pattern" in json.dumps(parameter["schema"]))
        ]
        body = json.dumps(maker.value(operation.body_schema)) if operation.body_schema else None
        yield operation, url + ("?" + "&".join(queries) if queries else ""), body
