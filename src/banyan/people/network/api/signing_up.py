"""Signing up: a stranger becomes a consumer of a shop, with or without a referral code."""

from __future__ import annotations

import json
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Field, Router, Schema, Status

from banyan.kernel import clock, idempotency, tenancy
from banyan.kernel.http import ErrorBody, address_of, public_endpoint
from banyan.kernel.tenancy.registry import find_tenant_by_slug
from banyan.kernel.values.errors import NotFound, Refusal
from banyan.people.distributors import queries as distributors
from banyan.people.distributors.types import DistributorId
from banyan.people.identity import commands as identity
from banyan.people.identity.types import NewUser, Role, UserId
from banyan.people.network import commands
from banyan.people.network.api.schemas import ERRORS, PRINTABLE, DistributorIdOut, UnknownCode, UserIdOut
from banyan.people.network.types import BindRequest, BindSource

router = Router(tags=["network"])
SIGN_UP_ERRORS = {**ERRORS, 429: ErrorBody}
NOBODY = 0
"""Who sends a sign-up, for the kept answers: its key alone tells requests apart, and the digest that it is the same one."""


class ShopNotFound(NotFound):
    """No shop has this slug."""

    code = "shop_not_found"
    advice = "Check the shop's address."


class SignUpIn(Schema):
    """A new consumer of a shop, with or without a referral code."""

    shop: Annotated[str, Field(min_length=1, max_length=40, pattern=PRINTABLE)]
    login: Annotated[str, Field(min_length=1, max_length=80, pattern=PRINTABLE)]
    password: Annotated[str, Field(min_length=1, max_length=200, pattern=PRINTABLE)]
    display_name: Annotated[str, Field(min_length=1, max_length=80, pattern=PRINTABLE)]
    phone: Annotated[str, Field(max_length=30, pattern=PRINTABLE)] | None = None
    code: Annotated[str, Field(max_length=20, pattern=PRINTABLE)] | None = None


class SignedUpOut(Schema):
    """The new account; ``bound_to`` is whose consumer it is."""

    user_id: UserIdOut
    bound_to: DistributorIdOut | None
    not_bound_because: str | None


@router.post("/auth/sign-up", auth=None, response={201: SignedUpOut, **SIGN_UP_ERRORS}, summary="Become a consumer of a shop")
@public_endpoint
def sign_up(request: HttpRequest, response: HttpResponse, body: SignUpIn) -> Status[dict[str, Any]]:
    """Registers and binds in one transaction. An unusable code does not hinder the registration; the answer says why.

    With an Idempotency-Key, the same request sent again gets the first answer.
    """
    shop = find_tenant_by_slug(body.shop.casefold())
    if shop is None:
        raise ShopNotFound("No such shop.", field="shop")
    with tenancy.enter(shop.id, actor="sign-up", reason="sign-up", origin=address_of(request)):
        key, digest = _intent(request)
        kept = idempotency.find_answer(NOBODY, key, digest) if key else None
        if kept is not None:
            response[idempotency.REPLAYED] = "true"
            return Status(201, json.loads(kept.body))
        identity.note_sign_up(address_of(request))
        person = NewUser(body.login, body.password, body.display_name, body.phone, (Role.CONSUMER,))
        (user_id,) = identity.register_users([person])
        bound_to, refusal = _bind_newcomer(user_id, body.code)
        answer = SignedUpOut(user_id=user_id, bound_to=bound_to, not_bound_because=refusal.message if refusal else None)
        if key:
            idempotency.keep_answers([(NOBODY, key, digest, idempotency.Answer(201, answer.model_dump_json()))])
    return Status(201, answer.dict())


def _intent(request: HttpRequest) -> tuple[str, bytes]:
    """The caller's key, empty when none was sent, and the digest of the request. Raises KeyMissing for an unusable key."""
    key = request.headers.get("Idempotency-Key", "")
    if key and not idempotency.is_usable(key):
        raise idempotency.KeyMissing("The Idempotency-Key of this request is not usable.")
    return key, idempotency.digest_of(b"POST", request.path.encode(), request.body)


def _bind_newcomer(user_id: UserId, code: str | None) -> tuple[DistributorId | None, Refusal | None]:
    if not code:
        return None, None
    distributor_id = distributors.find_by_codes([code]).get(code)
    if distributor_id is None:
        return None, UnknownCode("Nobody has this referral code.")
    (outcome,) = commands.bind([BindRequest(user_id, distributor_id, BindSource.SIGN_UP, clock.now())])
    return (distributor_id, None) if outcome.bound else (None, outcome.refusal)
