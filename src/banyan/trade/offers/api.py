"""Flash sales over HTTP: planned by operators, watched live, and for buyers the sale itself and its queue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from ninja import Field, Router, Schema
from pydantic import BaseModel

from banyan.goods.catalog.types import SkuId
from banyan.kernel import clock
from banyan.kernel.http import ErrorBody, GroupedOperation, Pace, Page, Principal, PublicId, endpoint, page_of, principal_of
from banyan.kernel.values.errors import NotFound, Refusal
from banyan.people.identity.types import UserId
from banyan.trade.offers import commands, queries
from banyan.trade.offers.types import NewOffer, Offer, OfferId, Phase, Ticket

router = Router(tags=["flash sales"])
_ERRORS: dict[int, Any] = {400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 404: ErrorBody, 409: ErrorBody, 422: ErrorBody}
OfferRef = Annotated[int, PublicId("off")]
SkuRef = Annotated[int, PublicId("sku")]
Amount = Annotated[int, Field(ge=0, le=10**12)]


class OfferIn(Schema):
    """A sale to plan. Its pieces are set aside at once. ``admit_per_second`` 0: no queue; ``puzzle_bits`` 0: no puzzle."""

    name: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")]
    sku_id: SkuRef
    price_minor: Amount
    quantity: Annotated[int, Field(ge=1, le=10**9)]
    per_person: Annotated[int, Field(ge=1, le=10**6)] = 1
    starts_at: datetime
    ends_at: datetime
    admit_per_second: Annotated[int, Field(ge=0, le=10**6)] = 0
    puzzle_bits: Annotated[int, Field(ge=0, le=24)] = 0


class OfferOut(Schema):
    """A sale. ``challenge`` is this caller's puzzle, where a place in the queue costs one."""

    id: OfferRef
    name: str
    sku_id: SkuRef
    price_minor: int
    per_person: int
    starts_at: datetime
    ends_at: datetime
    phase: Phase
    has_queue: bool
    puzzle_bits: int
    challenge: str | None


class StandingOut(Schema):
    """How a sale stands now."""

    phase: Phase
    quantity: int
    taken: int
    left: int
    buyers: int
    queued: int
    admitted: int


class TicketIn(BaseModel):
    """A wish for a place in the queue. ``nonce`` solves the puzzle."""

    offer_id: OfferRef
    nonce: Annotated[str, Field(max_length=40, pattern=r"^[0-9A-Za-z]*$")] = ""


class TicketOut(Schema):
    """A place in the queue: order with this ticket once ``is_admitted``."""

    ticket: str
    position: int
    is_admitted: bool
    seconds: int


class QueueOut(Schema):
    """Where a place is now; ``ahead`` of it so many wait."""

    position: int
    ahead: int
    is_admitted: bool
    seconds: int
    phase: Phase


def _shown(offer: Offer, principal: Principal) -> dict[str, Any]:
    challenge = queries.challenge_of(offer.offer_id, UserId(principal.user_id)) if offer.puzzle_bits else None
    return {
        "id": offer.offer_id, "name": offer.name, "sku_id": offer.sku_id, "price_minor": offer.price_minor,
        "per_person": offer.per_person, "starts_at": offer.starts_at, "ends_at": offer.ends_at,
        "phase": offer.phase(clock.now()), "has_queue": offer.admit_per_second > 0, "puzzle_bits": offer.puzzle_bits,
        "challenge": challenge,
    }  # fmt: skip


@router.get("/offers", response={200: Page[OfferOut], **_ERRORS})
@endpoint(scope="orders:read")
def list_offers(request: HttpRequest, past: bool = False, cursor: str | None = None, limit: int = 50) -> Any:
    """Sales that are planned or on, newest first; with ``past`` also those that are over."""
    at = None if past else clock.now()
    page = page_of(lambda before, count: queries.list_offers(at, before, count), cursor, limit, lambda one: one.offer_id)
    return page | {"items": [_shown(one, principal_of(request)) for one in page["items"]]}


@router.post("/offers", response={201: OfferOut, **_ERRORS})
@endpoint(scope="catalog:write", write=True)
def plan_offer(request: HttpRequest, body: OfferIn) -> Any:
    """Plan a flash sale and set its pieces aside: nobody else can buy them until it is over."""
    (offer_id,) = commands.plan([NewOffer(**body.dict() | {"sku_id": SkuId(body.sku_id)})])
    return 201, _shown(queries.get_offer(offer_id), principal_of(request))


@router.post("/offers/tickets", response={201: TicketOut, **_ERRORS})
@endpoint(scope="orders:write", write=True)
def take_ticket(request: HttpRequest, body: TicketIn) -> Any:
    """Take a place in the queue of a sale, also before it begins. First come, first served, one place for each buyer."""
    raise ImproperlyConfigured("Places are given in groups, by JOINING.")  # declared here for the document of the API


def _join(asked: Sequence[tuple[Principal, TicketIn]]) -> list[str | Refusal]:
    """The places of a group of callers, in the order in which they came."""
    by_offer: dict[OfferId, list[int]] = {}
    for number, (_, body) in enumerate(asked):
        by_offer.setdefault(OfferId(body.offer_id), []).append(number)
    answers: dict[int, str | Refusal] = {}
    for offer_id in sorted(by_offer):  # two batches lock sales in one order
        numbers = by_offer[offer_id]
        found = queries.find_offers([offer_id]).get(offer_id)
        outcomes = commands.join(offer_id, [(UserId(asked[n][0].user_id), asked[n][1].nonce) for n in numbers])
        for number, outcome in zip(numbers, outcomes, strict=True):
            answers[number] = _ticket(found, outcome) if isinstance(outcome, Ticket) and found is not None else _refusal(outcome)
    return [answers[number] for number in range(len(asked))]


def _refusal(outcome: Ticket | Refusal) -> Refusal:
    return outcome if isinstance(outcome, Refusal) else queries.OfferNotFound("No such flash sale.")


def _ticket(offer: Offer, ticket: Ticket) -> str:
    seconds = queries.seconds_to_wait(offer, ticket.position, clock.now())
    shown = TicketOut(ticket=queries.ticket_text(ticket), position=ticket.position, is_admitted=seconds == 0, seconds=seconds)
    return shown.model_dump_json()


JOINING = GroupedOperation(
    "POST", "/offers/tickets", scope="orders:write", body=TicketIn, perform=_join, items=lambda body: (body.offer_id,),
    pace=Pace(per_token=(5, 10.0), per_address=(200, 10.0), per_device=(10, 10.0)),
)  # fmt: skip


@router.get("/offers/{offer_id}", response={200: OfferOut, **_ERRORS})
@endpoint(scope="orders:read")
def get_offer(request: HttpRequest, offer_id: OfferRef) -> Any:
    """One sale, with the caller's puzzle."""
    return _shown(queries.get_offer(OfferId(offer_id)), principal_of(request))


@router.get("/offers/{offer_id}/queue", response={200: QueueOut, **_ERRORS})
@endpoint(scope="orders:read")
def get_queue(request: HttpRequest, offer_id: OfferRef, ticket: Annotated[str, Field(max_length=100)]) -> Any:
    """Where the caller's place is now. 404 for a ticket that is not his."""
    place = queries.read_ticket(ticket, OfferId(offer_id), UserId(principal_of(request).user_id))
    if place is None:
        raise NotFound("No such place in this queue.")
    offer, at = queries.get_offer(OfferId(offer_id)), clock.now()
    upto = queries.admitted(offer, at)
    return {
        "position": place.position, "ahead": 0 if upto < 0 else max(0, place.position - 1 - upto),
        "is_admitted": queries.is_admitted(offer, place.position, at),
        "seconds": queries.seconds_to_wait(offer, place.position, at), "phase": offer.phase(at),
    }  # fmt: skip


@router.get("/offers/{offer_id}/standing", response={200: StandingOut, **_ERRORS})
@endpoint(scope="catalog:write")
def get_standing(request: HttpRequest, offer_id: OfferRef) -> Any:
    """How a sale stands, for those who run it."""
    offer, at = queries.get_offer(OfferId(offer_id)), clock.now()
    now = queries.standing(offer, at)
    return {
        "phase": offer.phase(at), "quantity": offer.quantity, "taken": now.taken, "left": now.left, "buyers": now.buyers,
        "queued": now.queued, "admitted": now.admitted,
    }  # fmt: skip


@router.post("/offers/{offer_id}/end", response={200: OfferOut, **_ERRORS})
@endpoint(scope="catalog:write", write=True)
def end_offer(request: HttpRequest, offer_id: OfferRef) -> Any:
    """End a sale before its time; what it has left is everybody's again."""
    queries.get_offer(OfferId(offer_id))
    commands.end([OfferId(offer_id)])
    return _shown(queries.get_offer(OfferId(offer_id)), principal_of(request))
