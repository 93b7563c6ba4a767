"""Requests of one kind answered in groups: authenticated, looked up, carried out and kept together, in one transaction.

For the few writes that come in storms. Each caller gets the answer that he would have got alone: same checks in the same
order, same error shape, same idempotency. What is shared is the round trips, the plans and the commit. See ``kernel.grouping``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

import structlog
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponse
from pydantic import BaseModel, ValidationError

from banyan.kernel import clock, idempotency, sql, tenancy
from banyan.kernel.grouping import GroupCommit, Place
from banyan.kernel.http.api import (
    Principal,
    address_of,
    answer_defect,
    answer_invalid,
    answer_unauthenticated,
    error_response,
    missing_scope,
    unreadable_body,
)
from banyan.kernel.http.pacing import Pace
from banyan.kernel.values.errors import Refusal

log = structlog.get_logger(__name__)
Perform = Callable[[Sequence[tuple[Principal, Any]]], Sequence[str | Refusal]]
"""(caller, body) of each member to the JSON text of the answer, or why this member is refused."""

LEADERS = 2
"""Groups of one operation at the same time in a process: one computes while another one waits for the database."""
CROWD_FROM = 32
"""Waiting requests for which a second group is worth its fixed costs."""
TOKENS_KNOWN = 50_000
_PROBLEMS = {
    "expired": "The token has expired.",
    "revoked": "The token was revoked.",
    "inactive": "The account behind this token is not active.",
}
API_V1 = "/api/v1"
JSON = "application/json"
DEVICE = "X-Device-Id"
_operations: dict[tuple[str, str], GroupedOperation] = {}


def find_operation(method: str, path: str) -> GroupedOperation | None:
    """The grouped operation that a request asks for."""
    return _operations.get((method, path))


def close_all(seconds: float) -> None:
    """Take no more requests and wait for those that are in: before the process ends."""
    ends = time.monotonic() + seconds
    for operation in _operations.values():
        operation.close(max(0.0, ends - time.monotonic()))


def problem_of(status: str) -> str:
    """What is wrong with a token of this status, in words."""
    return _PROBLEMS.get(status, "The token is unknown.")


class Told(NamedTuple):
    """An answer before it is anybody's response: cheap, as most answers of a storm are thrown together here."""

    status: int
    body: str
    headers: tuple[tuple[str, str], ...] = ()

    def as_response(self) -> HttpResponse:
        """The same for Django."""
        return HttpResponse(self.body, status=self.status, content_type=JSON, headers=dict(self.headers))


def told_of(response: HttpResponse) -> Told:
    """A response of Django's as an answer; its content type is JSON, as of all our errors."""
    headers = tuple((name, value) for name, value in response.items() if name != "Content-Type")
    return Told(response.status_code, response.content.decode(), headers)


class _Member:
    """One request on its way through a group."""

    __slots__ = ("answer", "body", "digest", "key", "path", "token")

    def __init__(self, token: bytes, key: str, digest: bytes, body: BaseModel | Told, path: str) -> None:
        self.token = token
        self.key = key
        self.digest = digest
        self.body = body
        self.path = path
        self.answer: Told | None = None

    def refuse(self, refusal: Refusal) -> None:
        log.info("refused", code=refusal.code, status=refusal.status, path=self.path)
        self.answer = told_of(error_response(refusal))


@dataclass(frozen=True, slots=True)
class _Asked:
    member: _Member
    principal: Principal


class GroupedOperation:
    """One writing operation of the API whose requests are answered in groups. ``path`` as the router has it; ``items`` says what
    scarce things a body is about: none of them may fill the queue; ``pace`` how often one caller may ask."""

    def __init__(
        self,
        method: str,
        path: str,
        *,
        scope: str,
        body: type[BaseModel],
        perform: Perform,
        items: Callable[[Any], tuple[Hashable, ...]] = lambda body: (),
        pace: Pace | None = None,
        status: int = 201,
    ) -> None:
        _operations[method, API_V1 + path] = self
        self._scope = scope
        self._body = body
        self._perform = perform
        self._items = items
        self._pace = pace
        self._status = status
        self._group: GroupCommit[_Member] = GroupCommit(self._run, leaders=LEADERS, crowd_from=CROWD_FROM)

    # ── one request ──────────────────────────────────────────────────────────────────────────────────────────────
    def answer(self, request: HttpRequest) -> HttpResponse:
        """The answer to this request, after it was served with those that came with it."""
        request.get_host()  # refuses foreign host names, as Django's middleware does for everything else
        token = token_of(request.headers.get("Authorization", ""))
        too_often = self.too_often(token, address_of(request), request.headers.get(DEVICE, ""))
        if too_often is not None:
            return too_often.as_response()
        tenant_id = find_tenant(token, request.path)
        if isinstance(tenant_id, Told):
            return tenant_id.as_response()
        key = request.headers.get("Idempotency-Key", "")
        member = self._member(token, key, request.method or "", request.get_full_path(), request.path, request.body)
        try:
            self._group.serve(tenant_id, member, self._items_of(member))
        except Exception as error:
            return _told_failure(request.path, error).as_response()
        assert member.answer is not None
        return member.answer.as_response()

    def answer_soon(self, tenant_id: int, request: Arrived, pool: Executor, told: Callable[[Told], None]) -> None:
        """As ``answer``, for a caller who cannot wait in a thread: ``told`` is called with the answer in another one."""

        def served(place: Place[_Member]) -> None:
            told(place.member.answer or _told_failure(request.path, place.error or RuntimeError("not answered")))

        member = self._member(request.token, request.key, request.method, request.full_path, request.path, request.body)
        try:
            self._group.submit(tenant_id, member, self._items_of(member), pool, served)
        except Refusal as refusal:
            told(_told_failure(request.path, refusal))

    def close(self, seconds: float) -> bool:
        """As ``GroupCommit.close``."""
        return self._group.close(seconds)

    def _member(self, token: bytes, key: str, method: str, full_path: str, path: str, raw: bytes) -> _Member:
        digest = idempotency.digest_of(method.encode(), full_path.encode(), raw)
        return _Member(token, key, digest, self._read(raw), path)

    def too_often(self, token: bytes, address: str, device: str) -> Told | None:
        """Count one ask of this caller, before anything is looked up for him; the answer to whoever asks too often."""
        refusal = self._pace.check(token, address, device[:200]) if self._pace is not None else None
        return told_of(error_response(refusal)) if refusal is not None else None

    def _items_of(self, member: _Member) -> tuple[Hashable, ...]:
        return () if isinstance(member.body, Told) else self._items(member.body)

    def _read(self, raw: bytes) -> BaseModel | Told:
        """The body, or the answer that says what is wrong with it; given only to callers who are known and allowed."""
        try:
            return self._body.model_validate_json(raw)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=False, include_input=False)
            if problems[0]["type"] == "json_invalid":
                return told_of(unreadable_body())
            return told_of(answer_invalid([{**problem, "loc": ("body", "body", *problem["loc"])} for problem in problems]))

    # ── one group ────────────────────────────────────────────────────────────────────────────────────────────────
    def _run(self, tenant_id: int, members: list[_Member]) -> None:
        try:
            later = self._run_together(tenant_id, members)
        except Exception as error:
            if len(members) == 1:
                members[0].answer = told_of(answer_defect(members[0].path, error))
                return
            # Whatever it was, nothing was kept: each alone, so that one bad member costs the others nothing.
            for member in members:
                self._run(tenant_id, [member])
        else:
            if later:
                self._run(tenant_id, later)

    def _run_together(self, tenant_id: int, members: list[_Member]) -> list[_Member]:
        """One transaction; returns those who have to wait for its end."""
        later: list[_Member] = []
        for member in members:
            member.answer = None  # what an earlier try that was rolled back had promised
        with tenancy.enter(tenant_id, actor="grouped", reason="api"):
            asked = self._admit(members, later)
            with sql.together():
                outcomes = self._perform([(each.principal, each.member.body) for each in asked]) if asked else ()
                kept = []
                for each, outcome in zip(asked, outcomes, strict=True):
                    if isinstance(outcome, Refusal):
                        each.member.refuse(outcome)
                    else:
                        each.member.answer = Told(self._status, outcome)
                        answer = idempotency.Answer(self._status, outcome)
                        kept.append((each.principal.user_id, each.member.key, each.member.digest, answer))
                idempotency.keep_answers(kept)
        return later

    def _admit(self, members: list[_Member], later: list[_Member]) -> list[_Asked]:
        """Those who may ask and were not answered before. Twins under one key in one group are put off to ``later``."""
        known = _authenticate(members)
        asked: dict[tuple[int, str], _Asked] = {}
        for member, found in zip(members, known, strict=True):
            if isinstance(found, str):
                member.answer = told_of(answer_unauthenticated(found))
            elif not idempotency.is_usable(member.key):
                member.refuse(idempotency.KeyMissing("This request changes something and has no usable Idempotency-Key."))
            elif (found.user_id, member.key) in asked:
                later.append(member)
            else:
                asked[found.user_id, member.key] = _Asked(member, found)
        answers = idempotency.find_answers([(actor, key, each.member.digest) for (actor, key), each in asked.items()])
        return [each for each, before in zip(asked.values(), answers, strict=True) if self._is_new(each, before)]

    def _is_new(self, asked: _Asked, before: idempotency.Answer | Refusal | None) -> bool:
        member = asked.member
        if isinstance(before, Refusal):
            member.refuse(before)
        elif before is not None:
            member.answer = Told(before.status, before.body, ((idempotency.REPLAYED, "true"),))
        elif self._scope not in asked.principal.scopes:
            member.refuse(missing_scope(self._scope))
        elif isinstance(member.body, Told):
            member.answer = member.body
        return member.answer is None


class Arrived(NamedTuple):
    """A request as it came in, without Django. ``token`` is the digest of its bearer token, empty for none."""

    method: str
    path: str
    full_path: str
    token: bytes
    key: str
    body: bytes


def _told_failure(path: str, error: BaseException) -> Told:
    """The answer for a group that could not be joined or was lost."""
    if isinstance(error, Refusal):
        log.info("refused", code=error.code, status=error.status, path=path)
        return told_of(error_response(error))
    return told_of(answer_defect(path, error if isinstance(error, Exception) else RuntimeError(repr(error))))


# ── who asks ─────────────────────────────────────────────────────────────────────────────────────────────────────────
_tenants: dict[bytes, int] = {}
"""Which tenant a token belongs to: never changes, and only says which group a request joins; there it is authenticated."""


def token_of(authorization: str) -> bytes:
    """The digest of the bearer token in this header, empty when there is none."""
    kind, _, token = authorization.partition(" ")
    token = token.strip()
    return sha256(token.encode()).digest() if kind.lower() == "bearer" and token else b""


def known_tenant(token: bytes) -> int | None:
    """The tenant of a token that was seen before; never asks the database."""
    return _tenants.get(token)


def find_tenant(token: bytes, path: str) -> int | Told:
    """The tenant of a token, or the answer to whoever sent it."""
    if not token:
        return told_of(answer_unauthenticated(""))
    try:
        tenant_id = _tenant_of(token)
    except DatabaseError as error:
        return told_of(answer_defect(path, error))
    return told_of(answer_unauthenticated(tenant_id)) if isinstance(tenant_id, str) else tenant_id


def _tenant_of(digest: bytes) -> int | str:
    """The tenant of a token, or what is wrong with it."""
    tenant_id = _tenants.get(digest)
    if tenant_id is not None:
        return tenant_id
    newcomer = _Newcomer(digest)
    _look_up(0, [newcomer])
    return newcomer.tenant


class _Newcomer:
    """A token that this process has not seen before, and what became of it."""

    __slots__ = ("digest", "tenant")

    def __init__(self, digest: bytes) -> None:
        self.digest = digest
        self.tenant: int | str = problem_of("")


_LOOK_UP = """
SELECT u.digest, a.tenant_id, a.status FROM unnest(%s::bytea[]) AS u(digest)
CROSS JOIN LATERAL banyan_authenticate(u.digest, %s) AS a
"""


def _look_up(_: int, newcomers: Sequence[_Newcomer]) -> None:
    """Whose tokens these are, in one statement; a sale begins with thousands of callers whom no process knows."""
    with transaction.atomic():
        rows = sql.fetch(_LOOK_UP, (sql.array_literal({each.digest for each in newcomers}), clock.now()))
        transaction.set_rollback(True)
    if not connection.in_atomic_block:
        # Whoever waits for his group must hold no connection: the one who serves may be waiting for it.
        connection.close()
    found = {bytes(digest): (tenant_id, status) for digest, tenant_id, status in rows}
    if len(_tenants) + len(found) > TOKENS_KNOWN:
        _tenants.clear()
    for each in newcomers:
        tenant_id, status = found.get(each.digest, (None, ""))
        each.tenant = tenant_id if tenant_id is not None and status == "ok" else problem_of(status)
        if isinstance(each.tenant, int):
            _tenants[each.digest] = each.tenant


_newcomers: GroupCommit[_Newcomer] = GroupCommit(_look_up, group_max=512, waiting_max=8192)


def find_tenant_soon(token: bytes, path: str, pool: Executor, told: Callable[[int | Told], None]) -> None:
    """As ``find_tenant`` for a caller who cannot wait in a thread; those who come together are looked up together."""
    if not token:
        told(told_of(answer_unauthenticated("")))
        return

    def served(place: Place[_Newcomer]) -> None:
        tenant = place.member.tenant
        if place.error is not None:
            told(_told_failure(path, place.error))
        else:
            told(told_of(answer_unauthenticated(tenant)) if isinstance(tenant, str) else tenant)

    try:
        _newcomers.submit(0, _Newcomer(token), (), pool, served)
    except Refusal as refusal:
        told(_told_failure(path, refusal))


def _authenticate(members: Sequence[_Member]) -> list[Principal | str]:
    """The caller of each member as of now, or what is wrong with his token. One statement; shows the entered tenant only."""
    tokens = list({member.token for member in members})
    rows = sql.fetch(
        "SELECT digest, user_id, roles, scopes, distributor_id, status FROM banyan_authenticate_all(%s::bytea[], %s)",
        (sql.array_literal(tokens), clock.now()),
    )
    tenant_id = tenancy.current_tenant_id()
    callers: dict[bytes, Principal | str] = {
        bytes(digest): Principal(tenant_id, user_id, frozenset(roles), frozenset(scopes), distributor_id)
        if status == "ok"
        else problem_of(status)
        for digest, user_id, roles, scopes, distributor_id, status in rows
    }
    return [callers.get(member.token, problem_of("")) for member in members]
