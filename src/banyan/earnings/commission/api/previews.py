"""A plan tried on a sample, and the form of a plan: nothing is kept."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from banyan.earnings.commission import queries
from banyan.earnings.commission.api import samples
from banyan.earnings.commission.commands import InvalidPlan
from banyan.earnings.commission.queries import inward, outward
from banyan.earnings.commission.queries.preview import LINES, CompiledPlan, PlanDocumentError
from banyan.earnings.commission.types import LegalCeiling, Period, Share, Trace
from banyan.earnings.commission.types.document import plan_schema
from banyan.earnings.commission.types.samples import (
    Preview,
    SampleLine,
    SampleOrder,
    SamplePeriod,
    SamplePerson,
    SampleReturn,
    SampleSpent,
)
from banyan.earnings.commission.types.starts import STARTS
from banyan.kernel import clock
from banyan.kernel.http import ErrorBody, endpoint
from banyan.kernel.values.errors import Invalid

router = Router()
ERRORS: dict[int, Any] = {400: ErrorBody, 401: ErrorBody, 403: ErrorBody, 404: ErrorBody, 409: ErrorBody, 422: ErrorBody}


@router.get("/plans/schema", response={200: dict[str, Any], **ERRORS})
@endpoint(scope="plans:read")
def get_plan_schema(request: HttpRequest) -> dict[str, Any]:
    """The JSON Schema of a plan document: every kind of rule with its members. docs/plan-format.md describes them in words."""
    return plan_schema()


@router.get("/plans/templates", response={200: list[samples.StartOut], **ERRORS})
@endpoint(scope="plans:read")
def list_plan_templates(request: HttpRequest) -> list[dict[str, Any]]:
    """Common plans to begin with, as whole documents. Whether one is legal where the shop stands, `/plans/check` says."""
    return [{"key": one.key, "title": one.title, "title_zh": one.title_zh, "document": outward(one.document)} for one in STARTS]


@router.post("/plans/preview", response={200: samples.PreviewOut, **ERRORS})
@endpoint(scope="plans:read", write=True)
def preview_plan(request: HttpRequest, body: samples.PreviewIn) -> dict[str, Any]:
    """Decide a sample order by a document or a version, with every step of the decision. Keeps nothing."""
    plan = _plan(body.document, body.version_id)
    legal = LegalCeiling("as asked", body.law.upline_depth, body.law.total_bp) if body.law is not None else None
    return _preview(queries.preview_order(plan, sample_of(body.order), legal))


@router.post("/plans/preview/period", response={200: samples.PeriodPreviewOut, **ERRORS})
@endpoint(scope="plans:read", write=True)
def preview_period(request: HttpRequest, body: samples.PeriodPreviewIn) -> dict[str, Any]:
    """Decide the orders of a sample period as they come, then close it. Keeps nothing."""
    plan = _plan(body.document, body.version_id)
    sample = SamplePeriod(
        Period(body.period),
        tuple(sample_of(order) for order in body.orders),
        tuple(_person(person) for person in body.members),
        tuple(SampleReturn(each.order, each.line, each.refund_minor) for each in body.returns),
    )
    legal = LegalCeiling("as asked", body.law.upline_depth, body.law.total_bp) if body.law is not None else None
    trial, name = queries.preview_period(plan, sample, legal)
    return {
        "accrued": [
            {**_place(share, name), "order": order_id, "amount_minor": share.amount_minor}
            for order_id, shares in trial.shares
            for share in shares
        ],
        "adjustments": [
            {
                **_place(each.difference.share, name),
                "order": each.order_id,
                "before_minor": each.difference.before_minor,
                "after_minor": each.difference.after_minor,
                "booked_minor": each.booked_minor,
            }
            for each in trial.adjustments
        ],
        "earlier": [
            {
                "period": earlier.period.value,
                "first_day": earlier.first_day,
                "payee": name[each.payee_id],
                "rule": each.rule_key,
                "amount_minor": each.amount_minor,
            }
            for earlier in trial.earlier
            for each in earlier.closing.rewards
        ],
        "rewards": [
            {
                "payee": name[each.payee_id],
                "rule": each.rule_key,
                "kind": each.kind.value,
                **_members(each, "base_minor", "rate_bp", "amount_minor", "weight"),
            }
            for each in trial.closing.rewards
        ],
        "pots": [
            {"rule": each.rule_key, **_members(each, "base_minor", "before_minor", "pot_minor", "shared_minor")}
            for each in trial.closing.pots
        ],
        "cuts": [
            {"subject": _subject(each.subject, name), **_members(each, "cap", "limit_minor", "before_minor")}
            for each in trial.closing.cuts
        ],
        "skipped": [
            {"payee": name[each.payee_id or 0], "rule": each.rule_key, "depth": each.depth, "reason": each.reason.value}
            for each in trial.closing.skipped
        ],
    }


def _place(share: Share, name: Any) -> dict[str, Any]:
    return {
        "line": share.line_id % LINES,
        "payee": name[share.payee_id],
        "rule": share.rule_key,
        "kind": share.kind.value,
    }


def _plan(document: dict[str, Any] | None, version_id: int | None) -> CompiledPlan:
    if (document is None) == (version_id is None):
        raise Invalid("Give a document or a version_id, one of the two.", field="document")
    try:
        return queries.compiled(inward(document), version_id)
    except PlanDocumentError as error:
        raise InvalidPlan.of(error) from error


def sample_of(order: samples.OrderIn) -> SampleOrder:
    """The sample that a request describes."""
    spent = order.spent
    scopes = {scope: getattr(order.partners, scope) for scope in ("province", "city", "district")}
    return SampleOrder(
        lines=tuple(_line(line) for line in order.lines),
        upline=tuple(_person(person) for person in order.upline),
        paid_at=order.paid_at or clock.now(),
        channel=order.channel,
        region_code=order.region,
        first_order=order.first_order,
        buyer=_person(order.buyer) if order.buyer is not None else None,
        partners=tuple((scope, _person(person)) for scope, person in scopes.items() if person is not None),
        people=tuple((person.distributor, _person(person)) for person in order.people),
        spent=None
        if spent is None
        else SampleSpent(
            spent.budget_minor, tuple(spent.payees.items()), tuple((each.rule, each.name, each.minor) for each in spent.rules)
        ),
    )


def _person(person: samples.PersonIn) -> SamplePerson:
    return SamplePerson(person.name, person.tier, person.status, {str(name): minor for name, minor in person.figures.items()})


def _line(line: samples.LineIn) -> SampleLine:
    return SampleLine(
        line.amount_minor, line.quantity, line.sku or 0, line.product or 0, tuple(line.category), tuple(line.tags), line.supplier,
        line.cost_minor, line.listed_at,
    )  # fmt: skip


def _preview(preview: Preview) -> dict[str, Any]:
    trace, name = preview.trace, preview.names
    return {
        "base_minor": trace.base_minor,
        "paid_minor": trace.legal.paid_minor,
        "shares": _shares(preview),
        "skipped": [
            {
                "payee": name[each.payee_id] if each.payee_id is not None else None,
                "rule": each.rule_key,
                "depth": each.depth,
                "reason": each.reason.value,
            }
            for each in trace.skipped
        ],
        "steps": [
            {
                "payee": name[each.payee_id],
                "rule": each.rule_key,
                "line": each.line_id,
                "bands": [{"from_minor": b.from_minor, "part_minor": b.part_minor, "rate_bp": b.rate_bp} for b in each.bands],
                **_members(each, "base_minor", "rate_bp", "quantity", "amount_minor", "limited_by", "dropped_e4"),
            }
            for each in trace.evaluations
        ],
        **_choices(trace, name),
        "law": _members(trace.legal, "rule_set", "upline_depth_allowed", "total_bp_allowed", "ceiling_minor"),
        "rounding": trace.rounding,
        "decided_at": clock.now(),
    }


def _shares(preview: Preview) -> list[dict[str, Any]]:
    return [
        {
            "payee": preview.names[each.payee_id],
            "rule": each.rule_key,
            "line": each.line_id,
            "kind": each.kind.value,
            "words": list(words),
            **_members(each, "depth", "base_minor", "rate_bp", "amount_minor"),
        }
        for each, words in zip(preview.trace.shares, preview.words, strict=True)
    ]


def _choices(trace: Trace, name: Any) -> dict[str, Any]:
    return {
        "stackings": [
            {
                "line": each.line_id,
                "payee": name[each.payee_id],
                **_members(each, "group", "stacking", "paid_rules", "dropped_rules"),
            }
            for each in trace.stackings
        ],
        "cuts": [
            {"subject": _subject(each.subject, name), **_members(each, "cap", "limit_minor", "before_minor", "after_minor")}
            for each in trace.cuts
        ],
    }


def _subject(subject: str, name: Any) -> str:
    """The engine names people by number; here they have names."""
    rule, _, tail = subject.rpartition(":")
    if not tail.isdigit() or rule == "line":
        return subject
    return f"{rule}:{name[int(tail)]}" if rule else str(name[int(tail)])


def _members(value: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(value, name) for name in names}
