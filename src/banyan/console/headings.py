"""Words in the head of every page: which shop, and whether it is only a simulation."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext as _

from banyan.kernel import tenancy
from banyan.kernel.tenancy.registry import get_tenant


def shop_name(request: HttpRequest) -> str:
    """The entered shop's name; the product's claim before the login."""
    current = tenancy.entered()
    return get_tenant(current.tenant_id).name if current else _("Every cent can be explained")


def environment(request: HttpRequest) -> list[str] | None:
    """A label for shops without law: nothing in them may be mistaken for a live business."""
    current = tenancy.entered()
    if current is None or get_tenant(current.tenant_id).jurisdiction.lower() != "sandbox":
        return None
    return [_("Simulation: no law applies, not a live shop"), "warning"]
