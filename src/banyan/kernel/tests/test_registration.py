"""No house can forget to register its reactions, jobs and checks: starting Django imports those rooms."""

from __future__ import annotations

import sys
from pathlib import Path

from django.apps import apps

from banyan.kernel.apps import REGISTERING_ROOMS


def test_every_registering_room_of_every_installed_house_is_imported() -> None:
    present = {
        f"{app.name}.{room}"
        for app in apps.get_app_configs()
        if app.name.startswith("banyan.") and app.name != "banyan.kernel"
        for room in REGISTERING_ROOMS
        if (Path(app.path) / f"{room}.py").exists() or (Path(app.path) / room / "__init__.py").exists()
    }
    assert present <= set(sys.modules)
