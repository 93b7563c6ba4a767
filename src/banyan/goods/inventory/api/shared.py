"""What every part of this house's API uses: one router, its errors, its ids, and whose SKUs somebody may see."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Router

from banyan.goods.catalog import queries as catalog
from banyan.goods.catalog.types import SkuId
from banyan.kernel.http import ErrorBody, PublicId, principal_of

router = Router(tags=["inventory"])
ERRORS: dict[int, Any] = {400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 404: ErrorBody, 409: ErrorBody, 422: ErrorBody}
_STAFF = ("platform", "operator", "warehouse", "auditor", "finance")

WarehouseRef = Annotated[int, PublicId("whs")]
SkuRef = Annotated[int, PublicId("sku")]
LotRef = Annotated[int, PublicId("lot")]
Quantity = Annotated[int, Field(ge=1, le=1_000_000_000)]
Key = Annotated[str, Field(min_length=1, max_length=120)]


def own_skus(request: HttpRequest) -> list[SkuId] | None:
    """None for staff; a supplier's own SKUs otherwise, which may be none."""
    principal = principal_of(request)
    return None if principal.is_any(*_STAFF) else catalog.list_skus_of_supplier(principal.user_id)
