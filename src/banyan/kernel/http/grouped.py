"""Requests of one kind answered in groups: authenticated, looked up, carried out and kept together, in one transaction.

For the few writes that come in storms. Each caller gets the answer that he would have got alone: same checks in the same
order, same error shape, same idempotency. What is shared is the round trips, the plans and the commit. See ``kernel.grouping``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import structlog
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponse
from pydantic import BaseModel, ValidationError

from banyan.kernel import clock, idempotency, sql, tenancy
from banyan.kernel.grouping import GroupCommit
from banyan.kernel.http.api import (
    Principal,
    answer_defect,
    answer_invalid,
    answer_unauthenticated,
    error_response,
    missing_scope,
    unreadable_body,
)
from banyan.kernel.values.errors import Refusal

log = structlog.get_logger(__name__)
Perform = Callable[[Sequence[tuple[Principal, Any]]], Sequence[str | Refusal]]
"""(caller, body) of each member to the JSON text of the answer, or why this member is refused."""

TOKENS_KNOWN = 50_000
_PROBLEMS = {
    "expired": "The token has expired.",
    "revoked": "The token was revoked.",
    "inactive": "The account behind this token is not active.",
}
API_V1 = "/api/v1"
_operations: dict[tuple[str, str], GroupedOperation] = {}


def find_operation(request: HttpRequest) -> GroupedOperation | None:
    """The grouped operation that this request asks for."""
    return _operations.get((request.method or "", request.path))


def problem_of(status: str) -> str:
    """What is wrong with a token of this status, in words."""
    return _PROBLEMS.get(status, "The token is unknown.")


class _Member:
    """One request on its way through a group."""

    __slots__ = ("answer", "body", "digest", "key", "path", "token")

    def __init__(self, token: bytes, key: str, digest: bytes, body: Any, path: str) -> None:
        self.token = token
        self.key = key
        self.digest = digest
        self.body = body
        self.path = path
        self.answer: HttpResponse | None = None

    def refuse(self, refusal: Refusal) -> None:
        log.info("refused", code=refusal.code, status=refusal.status, path=self.path)
        self.answer = error_response(refusal)


@dataclass(frozen=True, slots=True)
class _Asked:
    member: _Member
    principal: Principal


class GroupedOperation:
    """One writing operation of the API whose requests are answered in groups. ``path`` as the router has it."""

    def __init__(
        self, method: str, path: str, *, scope: str, body: type[BaseModel], perform: Perform, status: int = 201
    ) -> None:
        _operations[method, API_V1 + path] = self
        self._scope = scope
        self._body = body
        self._perform = perform
        self._status = status
        self._group: GroupCommit[_Member] = GroupCommit(self._run)

    # ── one request ──────────────────────────────────────────────────────────────────────────────────────────────
    def answer(self, request: HttpRequest) -> HttpResponse:
        """The answer to this request, after it was served with those that came with it."""
        request.get_host()  # refuses foreign host names, as Django's middleware does for everything else
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        token = token.strip()
        if kind.lower() != "bearer" or not token:
            return answer_unauthenticated("")
        digest = sha256(token.encode()).digest()
        try:
            tenant_id = _tenant_of(digest)
        except DatabaseError as error:
            return answer_defect(request.path, error)
        if isinstance(tenant_id, str):
            return answer_unauthenticated(tenant_id)
        raw = request.body
        member = _Member(
            digest,
            request.headers.get("Idempotency-Key", ""),
            idempotency.digest_of((request.method or "").encode(), request.get_full_path().encode(), raw),
            self._read(raw),
            request.path,
        )
        try:
            self._group.serve(tenant_id, member)
        except Exception as error:
            return error_response(error) if isinstance(error, Refusal) else answer_defect(request.path, error)
        assert member.answer is not None
        return member.answer

    def _read(self, raw: bytes) -> BaseModel | HttpResponse:
        """The body, or the answer that says what is wrong with it; given only to callers who are known and allowed."""
        try:
            return self._body.model_validate_json(raw)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=False, include_input=False)
            if problems[0]["type"] == "json_invalid":
                return unreadable_body()
            return answer_invalid([{**problem, "loc": ("body", "body", *problem["loc"])} for problem in problems])

    # ── one group ────────────────────────────────────────────────────────────────────────────────────────────────
    def _run(self, tenant_id: int, members: list[_Member]) -> None:
        try:
            later = self._run_together(tenant_id, members)
        except Exception as error:
            if len(members) == 1:
                members[0].answer = answer_defect(members[0].path, error)
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
                        each.member.answer = HttpResponse(outcome, status=self._status, content_type="application/json")
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
                member.answer = answer_unauthenticated(found)
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
            member.answer = HttpResponse(before.body, status=before.status, content_type="application/json")
            member.answer[idempotency.REPLAYED] = "true"
        elif self._scope not in asked.principal.scopes:
            member.refuse(missing_scope(self._scope))
        elif isinstance(member.body, HttpResponse):
            member.answer = member.body
        return member.answer is None


# ── who asks ─────────────────────────────────────────────────────────────────────────────────────────────────────────
_tenants: dict[bytes, int] = {}
"""Which tenant a token belongs to: never changes, and only says which group a request joins; there it is authenticated."""


def _tenant_of(digest: bytes) -> int | str:
    """The tenant of a token, or what is wrong with it."""
    tenant_id = _tenants.get(digest)
    if tenant_id is not None:
        return tenant_id
    with transaction.atomic():
        found = sql.fetch("SELECT tenant_id, status FROM banyan_authenticate(%s, %s)", (digest, clock.now()))
        transaction.set_rollback(True)
    if not connection.in_atomic_block:
        # Whoever waits for his group must hold no connection: the one who serves may be waiting for it.
        connection.close()
    if not found or found[0][1] != "ok":
        return problem_of(found[0][1] if found else "")
    if len(_tenants) >= TOKENS_KNOWN:
        _tenants.clear()
    _tenants[digest] = found[0][0]
    return int(found[0][0])


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
