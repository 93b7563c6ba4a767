"""What the plan editor calls the members of a plan document, their values and its own buttons, in the active language."""

from __future__ import annotations

from django.utils.translation import gettext as _

from banyan.earnings.commission import queries


def plan_words() -> dict[str, str]:
    """Name in the document (or ``when_`` and the condition's key, or a button's name) → words."""
    return {**queries.plan_words(), **_buttons()}


def _buttons() -> dict[str, str]:
    return {
        "add_one": _("Add"),
        "remove": _("Remove"),
        "up": _("Move up"),
        "down": _("Move down"),
        "copy": _("Duplicate"),
        "drag": _("Drag to reorder"),
        "one_per_line": _("one per line"),
        "no_answer": _("No answer. What you wrote is still here; try again."),
    }
