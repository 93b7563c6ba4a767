"""Where goods lie: what pick lists are sorted by, pasted as people keep it in a spreadsheet."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from banyan.console import names, paging
from banyan.console.access import attempt, may, page, show
from banyan.console.pasting import CUT
from banyan.goods.catalog import queries as catalog
from banyan.goods.inventory import queries as inventory
from banyan.goods.inventory.types import Warehouse, WarehouseId
from banyan.kernel import ids
from banyan.trade.fulfillment import commands, queries

PASTE_MAX = 1000
NAMED = 10


@page("orders:read")
def listing(request: HttpRequest) -> HttpResponse:
    """The shelves of one warehouse, and the field for more of them."""
    return _show(request, request.GET.get("warehouse", ""))


@require_POST
@page("orders:ship")
def put(request: HttpRequest) -> HttpResponse:
    """Keep what was pasted, all of it or nothing; what cannot be kept stays in the field."""
    text, public_id = request.POST.get("lines", ""), request.POST.get("warehouse", "")
    typed = [CUT.split(line.strip(), maxsplit=1) for line in text.splitlines() if line.strip()]
    known = catalog.find_skus_by_codes(parts[0] for parts in typed)
    unknown = sorted({parts[0] for parts in typed} - set(known))
    if len(typed) > PASTE_MAX:
        messages.error(request, _("Too many lines at once."))
    elif unknown:
        messages.error(request, _("No SKU has the code %(code)s.") % {"code": ", ".join(one[:80] for one in unknown[:NAMED])})
    elif typed:
        shelves = [(known[parts[0]], parts[1].strip() if len(parts) > 1 else "") for parts in typed]
        place = WarehouseId(ids.parse(names.WAREHOUSE, public_id))
        if attempt(request, lambda: commands.set_shelves(place, shelves), _("Saved.")):
            return redirect(f"{reverse('console:shelves')}?warehouse={public_id}")
    return _show(request, public_id, text)


def _show(request: HttpRequest, public_id: str, text: str = "") -> HttpResponse:
    places = [(ids.public(names.WAREHOUSE, one.warehouse_id), one) for one in inventory.list_warehouses()]
    here: Warehouse | None = next((one for key, one in places if key == public_id), places[0][1] if places else None)
    found = paging.page(
        request, lambda before, count: queries.list_shelves(here.warehouse_id, before, count) if here else [],
        lambda one: one.shelf_id,
    )  # fmt: skip
    return show(
        request, "console/shelves.html", _("Shelves"), **found, places=places, here=here, text=text, maximum=PASTE_MAX,
        may_ship=may(request, "orders:ship"),
    )  # fmt: skip
