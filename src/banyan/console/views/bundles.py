"""What a SKU consists of: a bundle's parts, written as article number and pieces, one part per line."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from banyan.console import names, trail
from banyan.console.access import attempt, get_public, may, page, show
from banyan.console.pasting import CUT
from banyan.goods.catalog import commands, queries
from banyan.goods.catalog.types import SkuFacts, SkuId, SkuPart

NAMED = 10


@page("catalog:read")
def parts(request: HttpRequest, public_id: str) -> HttpResponse:
    """The parts of one SKU, with what they cost one by one."""
    return _show(request, public_id)


@require_POST
@page("catalog:write")
def put(request: HttpRequest, public_id: str) -> HttpResponse:
    """Set the parts as typed, all of them or nothing; no lines make it a plain SKU again. What is refused stays in the field."""
    sku, text = _find(public_id)[0], request.POST.get("lines", "")
    typed = [CUT.split(line.strip()) for line in text.splitlines() if line.strip()]
    known = queries.find_skus_by_codes(words[0] for words in typed)
    unknown = sorted({words[0] for words in typed} - set(known))
    counts = [words[1] if len(words) == 2 else "1" if len(words) == 1 else "" for words in typed]
    if unknown:
        messages.error(request, _("No SKU has the code %(code)s.") % {"code": ", ".join(one[:80] for one in unknown[:NAMED])})
    elif not all(count.isascii() and count.isdigit() and len(count) <= 6 for count in counts):
        messages.error(request, _("A line has an article number and how many pieces of it."))
    else:
        wanted = [SkuPart(known[words[0]], int(count)) for words, count in zip(typed, counts, strict=True)]
        if attempt(request, lambda: commands.set_parts(sku.sku_id, wanted), _("Saved.")):
            return redirect("console:parts", public_id=public_id)
    return _show(request, public_id, text)


def _find(public_id: str) -> tuple[SkuFacts, dict[SkuId, SkuFacts]]:
    """The SKU, and the facts of it and its parts."""

    def read(sku_id: int) -> tuple[SkuFacts, dict[SkuId, SkuFacts]] | None:
        facts = queries.sku_facts([SkuId(sku_id)])
        return (facts[SkuId(sku_id)], facts) if facts else None

    return get_public(read, names.SKU, public_id)


def _show(request: HttpRequest, public_id: str, text: str | None = None) -> HttpResponse:
    sku, facts = _find(public_id)
    called = queries.sku_names(facts)
    rows = [
        {"code": called[part.sku_id][0], "name": called[part.sku_id][1], "quantity": part.quantity, "sku": facts[part.sku_id]}
        for part in sku.parts
    ]
    if text is None:
        text = "\n".join(f"{row['code']}\t{row['quantity']}" for row in rows)
    return show(
        request, "console/parts.html", _("Parts of the bundle"), sku=sku, code=called[sku.sku_id][0], name=called[sku.sku_id][1],
        rows=rows, public_id=public_id, text=text, may_write=may(request, "catalog:write"),
        whole=sum(facts[part.sku_id].price_minor * part.quantity for part in sku.parts),
        record=trail.record_url("catalog_sku", sku.sku_id),
    )  # fmt: skip
