"""The kernel's own rows over HTTP: events that were set aside, and the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema
from pydantic import AwareDatetime

from banyan.kernel import events
from banyan.kernel.audit import reading
from banyan.kernel.events import set_aside
from banyan.kernel.http import ErrorBody, Page, PublicId, endpoint, page_of

router = Router(tags=["kernel"])
ERRORS: dict[int, Any] = {400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 404: ErrorBody, 409: ErrorBody, 422: ErrorBody}
PRINTABLE = r"^[^\x00-\x1f]+$"
SetAsideId = Annotated[int, PublicId("sae")]
Word = Annotated[str, Field(min_length=1, max_length=80, pattern=PRINTABLE)]
Limit = Annotated[int, Query(ge=1, le=200)]


class SetAsideOut(Schema):
    """An event that a reaction could not take; open until `resolved_at`."""

    id: SetAsideId
    reaction: str
    event_id: Annotated[int, PublicId("evt")]
    kind: str
    error: str
    attempts: int
    set_aside_at: datetime
    resolved_at: datetime | None
    resolution: str


class DismissIn(Schema):
    """Why the event is closed without being taken; it is kept."""

    reason: Annotated[str, Field(min_length=1, max_length=300, pattern=PRINTABLE)]


class AuditEntryOut(Schema):
    """One changed row. `before` and `after` hold the changed columns, all of them where a row came or went.

    The log speaks of rows as the database knows them: `row_id` and the columns are not public ids.
    """

    id: Annotated[int, PublicId("aud")]
    occurred_at: datetime
    actor: str
    reason: str
    origin: str
    table_name: str
    row_id: int | None
    operation: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class AuditFilters(Schema):
    """Which entries; absent is any. `since` is inside, `until` outside."""

    cursor: str | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    table: Word | None = None
    row_id: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    actor: Word | None = None
    operation: Literal["insert", "update", "delete"] | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None


@router.get("/events/set-aside", response={200: Page[SetAsideOut], **ERRORS}, summary="Events set aside")
@endpoint(scope="events:read")
def list_set_aside(
    request: HttpRequest,
    cursor: str | None = None,
    limit: Limit = 50,
    reaction: Word | None = None,
    state: Literal["open", "all"] = "open",
) -> dict[str, Any]:
    """Newest first; the open ones unless all are asked for."""
    return page_of(
        lambda before, count: set_aside.list_set_aside(before, count, open_only=state == "open", reaction=reaction),
        cursor,
        limit,
        lambda one: one.id,
    )


@router.get("/events/set-aside/{set_aside_id}", response={200: SetAsideOut, **ERRORS}, summary="One event set aside")
@endpoint(scope="events:read")
def get_set_aside(request: HttpRequest, set_aside_id: SetAsideId) -> Any:
    """With the latest error."""
    return set_aside.get_set_aside(set_aside_id)


@router.post("/events/set-aside/{set_aside_id}/retry", response={200: SetAsideOut, **ERRORS}, summary="Try again")
@endpoint(scope="events:write", write=True)
def retry(request: HttpRequest, set_aside_id: SetAsideId) -> Any:
    """Run the reaction for this event once more. Still open in the answer: it failed again, with the error shown."""
    events.retry_set_aside(set_aside_id)
    return set_aside.get_set_aside(set_aside_id)


@router.post("/events/set-aside/{set_aside_id}/dismiss", response={200: SetAsideOut, **ERRORS}, summary="Dismiss")
@endpoint(scope="events:write", write=True)
def dismiss(request: HttpRequest, set_aside_id: SetAsideId, body: DismissIn) -> Any:
    """Close it without running the reaction; the reason stays with it."""
    events.dismiss_set_aside(set_aside_id, body.reason)
    return set_aside.get_set_aside(set_aside_id)


@router.get("/audit", response={200: Page[AuditEntryOut], **ERRORS}, summary="The audit log")
@endpoint(scope="audit:read")
def list_audit(request: HttpRequest, filters: Query[AuditFilters]) -> dict[str, Any]:
    """Who changed what, from what, to what, when, from where and why: newest first."""
    asked = filters.dict(exclude={"cursor", "limit"})
    return page_of(
        lambda before, count: reading.list_entries(reading.Wanted(**asked), before, count),
        filters.cursor,
        filters.limit,
        lambda one: int(one.pk),
    )
