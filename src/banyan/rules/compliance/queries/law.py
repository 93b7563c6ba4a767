"""The package's law files, read once per process."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import yaml

from banyan.kernel.values.errors import NotFound
from banyan.kernel.values.filled import Filled
from banyan.rules.compliance.engine import parse_jurisdiction
from banyan.rules.compliance.types import Jurisdiction, JurisdictionCode

_FOLDER = resources.files("banyan.rules.compliance") / "law"
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class UnknownJurisdiction(NotFound):
    """The compilation has no file of that code."""

    code = "unknown_jurisdiction"
    advice = "Use one of the codes listed under /api/v1/compliance/jurisdictions."


@cache
def list_jurisdiction_codes() -> tuple[JurisdictionCode, ...]:
    """The codes of all files, sorted; `sandbox` is one of them."""
    names = (entry.name for entry in _FOLDER.iterdir())
    return tuple(JurisdictionCode(name.removesuffix(".yaml")) for name in sorted(names) if name.endswith(".yaml"))


@cache
def _read(code: JurisdictionCode) -> Jurisdiction:
    return parse_jurisdiction(yaml.load((_FOLDER / f"{code}.yaml").read_text(encoding="utf-8"), Loader=_LOADER))  # noqa: S506 (a safe loader, C where built)


def find_jurisdiction(code: str) -> Jurisdiction | None:
    """The jurisdiction of a code in any letter case, or None."""
    wanted = JurisdictionCode(code.strip().lower())
    return _read(wanted) if wanted in list_jurisdiction_codes() else None


def get_jurisdiction(code: str) -> Jurisdiction:
    """The jurisdiction of a code in any letter case. Raises UnknownJurisdiction."""
    found = find_jurisdiction(code)
    if found is None:
        raise UnknownJurisdiction(
            Filled("No jurisdiction {code} in the compilation.", code=repr(code)), codes=list(list_jurisdiction_codes())
        )
    return found


def list_jurisdictions() -> tuple[Jurisdiction, ...]:
    """All jurisdictions, by code."""
    return tuple(_read(code) for code in list_jurisdiction_codes())
