"""How requests become commands: authentication, one transaction, idempotency, one error shape, cursor pages."""

from banyan.kernel.http.api import (
    BanyanAPI,
    Principal,
    address_of,
    endpoint,
    keep_nowhere,
    missing_scope,
    principal_of,
    public_endpoint,
)
from banyan.kernel.http.grouped import GroupedOperation
from banyan.kernel.http.pacing import Pace
from banyan.kernel.http.schemas import ErrorBody, Page, PublicId, page_of

__all__ = [
    "BanyanAPI", "ErrorBody", "GroupedOperation", "Pace", "Page", "Principal", "PublicId", "address_of", "endpoint",
    "keep_nowhere", "missing_scope", "page_of", "principal_of", "public_endpoint",
]  # fmt: skip
