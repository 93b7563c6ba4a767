"""The life of a plan: drafted, revised, published under the law, superseded or retired."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from banyan.earnings.commission.commands.approving import NotApproved, digest_of, is_approved
from banyan.earnings.commission.commands.lawful import keep_plans_lawful
from banyan.earnings.commission.commands.turns import fill_sales
from banyan.earnings.commission.engine import PlanDocumentError, Proof, accept_plan, compile_plan, write_plan
from banyan.earnings.commission.models import VERSION_UNAPPROVED, VERSION_UNJUDGED, PlanRow, PlanVersionRow, ProofRow
from banyan.earnings.commission.queries.plans import PlanVersionNotFound, broken_clauses, check_document, plan_facts
from banyan.earnings.commission.queries.proofs import ShopProof, describe_case, prove_plan
from banyan.earnings.commission.types import DraftPlan, Plan, PlanId, PlanVersionId, VersionStatus
from banyan.earnings.commission.types.document import is_storable
from banyan.kernel import clock, ids, sql
from banyan.kernel.tenancy import context, current_tenant_id, get_tenant
from banyan.kernel.values.errors import Conflict, Invalid, NotFound, Refusal
from banyan.kernel.values.filled import Filled
from banyan.rules.compliance import queries as compliance
from banyan.rules.compliance.types import PlanFacts, Verdict

FURTHEST = timedelta(days=3660)


class InvalidPlan(Invalid):
    """The document is not a plan; `details.faults` lists path and message of every fault."""

    code = "invalid_plan"
    advice = "Correct the document at the named paths; docs/plan-format.md describes every member."

    @classmethod
    def of(cls, error: PlanDocumentError) -> InvalidPlan:
        """The refusal of a document with these faults."""
        faults = [{"path": fault.path, "message": fault.message} for fault in error.faults]
        first = error.faults[0]
        said = Filled(
            "The plan has {count} faults; the first: {path}: {fault}", count=len(faults), path=first.path, fault=first.message
        )
        return cls(said, faults=faults)


class IllegalPlan(Refusal):
    """The law that counts for this shop does not allow the plan; `details.broken` names the clauses."""

    code = "illegal_plan"
    status = 409
    advice = "Change the plan so that it keeps to the named clauses, then publish it again."


class PlanBeyondMargin(Refusal):
    """On some goods the plan can pay more than is left between price and cost; `details.goods` names them."""

    code = "plan_beyond_margin"
    status = 409
    advice = "Set `caps.margin_bp`, leave those goods out by a condition, or lower the rates; /plans/prove shows the worst cases."


class PlanNotFound(NotFound):
    """No such plan in this shop."""

    code = "plan_not_found"


class PlanNameTaken(Conflict):
    """Another plan has this name."""

    code = "plan_name_taken"
    advice = "Choose another name, or draft a new version of that plan."


class NotADraft(Conflict):
    """Only a draft can be changed or published; what was published stands."""

    code = "not_a_draft"
    advice = "Draft a new version of the plan."


class VersionDates(Conflict):
    """The dates would rewrite the past or leave nothing in force."""

    code = "version_dates"
    advice = "Choose a moment that is not past and lies within the version's time."


def draft_plan(draft: DraftPlan) -> PlanVersionId:
    """Keep a document as a draft version of a new plan, or as the next version of an existing one; returns its id.

    The document is stored in its canonical form. Raises InvalidPlan with every fault, PlanNameTaken, PlanNotFound.
    """
    document = _canonical(draft.document)
    if draft.plan_id is None:
        plan_id = _new_plan(draft.name.strip() or str(document["title"]), draft.drafted_by)
    else:
        plan_id = draft.plan_id
    if not sql.fetch(
        "SELECT 1 FROM commission_plans WHERE tenant_id = %s AND id = %s FOR UPDATE", (current_tenant_id(), plan_id)
    ):
        raise PlanNotFound("No such plan.")
    newest = PlanVersionRow.objects.filter(plan_id=plan_id).order_by("-number").values_list("number", flat=True).first()
    row = PlanVersionRow.objects.create(
        plan_id=plan_id,
        number=(newest or 0) + 1,
        document=document,
        drafted_at=clock.now(),
        drafted_by=draft.drafted_by[:40],
    )
    return PlanVersionId(row.pk)


def revise_draft(version_id: PlanVersionId | int, document: Any, revised_by: str = "") -> None:
    """Replace a draft's document. Raises InvalidPlan, NotADraft, PlanVersionNotFound."""
    canonical = _canonical(document)
    _locked_draft(version_id)
    PlanVersionRow.objects.filter(pk=version_id).update(document=canonical, drafted_at=clock.now(), drafted_by=revised_by[:40])


def publish_plan(
    version_id: PlanVersionId | int,
    *,
    published_by: str = "",
    effective_from: datetime | None = None,
    effective_on: date | None = None,
) -> None:
    """Put a draft into force from `effective_from` (now by default), or from midnight of `effective_on` in the shop's zone.

    It ends the version that was in force until then. The law is asked at that moment: raises IllegalPlan with the clauses.
    Earlier orders keep their version; an order paid at the very moment belongs to the new one. A version that is already
    scheduled later ends this one. A second person must have approved the document (NotApproved), except where no law counts.
    A law that is known to come into force later and that the plan breaks ends it at that moment. Raises NotADraft,
    VersionDates, PlanVersionNotFound. The database refuses any other way into force.
    """
    now = clock.now()
    if effective_on is not None:
        if effective_from is not None:
            raise Invalid("Name a moment or a day, not both.", field="effective_on")
        effective_from = datetime.combine(effective_on, time(), get_tenant(current_tenant_id()).zone)
    start_at = _moment(effective_from, now, "effective_from")
    row, digest = _locked_draft(version_id)
    plan = _parsed(row.document)
    facts = plan_facts(plan)
    verdict = compliance.judge(facts, start_at)
    _refuse_illegal(verdict)
    proof = prove_plan(plan, check_document(row.document, start_at), start_at)
    _refuse_beyond_margin(proof)
    if not compliance.is_simulation() and not is_approved(row.pk):
        raise NotApproved("Nobody but its author has approved this document.")
    _lock_plans()
    fill_sales(compile_plan(plan), now)
    end_at = _make_room(start_at)
    _keep_proof(row.pk, digest, verdict.rule_set, facts, proof.proof)
    _refuse_what_the_database_refuses(
        row.pk,
        status=VersionStatus.PUBLISHED,
        effective_from=start_at,
        effective_to=end_at,
        published_at=now,
        published_by=published_by[:40],
        judged_digest=digest,
        rule_set=verdict.rule_set[:80],
        upline_depth_paid=facts.upline_depth_paid,
        total_rate_bp=facts.total_rate_bp,
    )
    keep_plans_lawful(version_ids=[row.pk])


def retire_plan(version_id: PlanVersionId | int, *, reason: str, at: datetime | None = None) -> None:
    """End a published version at `at` (now by default) without a successor: from then on nothing is paid.

    Orders paid before keep it. Raises VersionDates, NotADraft (a draft is not in force), Invalid without a reason.
    """
    if not reason.strip() or not is_storable(reason):
        raise Invalid("Retiring a plan needs a reason.", field="reason")
    end_at = _moment(at, clock.now(), "at")
    _lock_plans()
    row = PlanVersionRow.objects.select_for_update().filter(pk=version_id).first()
    if row is None:
        raise PlanVersionNotFound("No such plan version.")
    if row.status == VersionStatus.DRAFT or row.effective_from is None:
        raise NotADraft("A draft is not in force; revise it or leave it.")
    end_at = max(end_at, row.effective_from)
    if row.effective_to is not None and row.effective_to <= end_at:
        raise VersionDates("The version is over by then.", field="at")
    row.effective_to, row.status, row.ended_reason = end_at, VersionStatus.RETIRED, reason.strip()[:200]
    row.save(update_fields=["effective_to", "status", "ended_reason"])


def _moment(wanted: datetime | None, now: datetime, field: str) -> datetime:
    """The moment asked for, or now; refused when it has no offset, is past or further away than anybody plans."""
    if wanted is None:
        return now
    if wanted.tzinfo is None:
        raise Invalid("The moment needs its offset from UTC.", field=field)
    if not now <= wanted <= now + FURTHEST:
        raise VersionDates("The moment is past, or more than ten years away.", field=field)
    return wanted


def _new_plan(name: str, created_by: str) -> PlanId:
    if len(name) > 120 or not is_storable(name):
        raise Invalid("A plan's name has at most 120 characters, and none that cannot be kept.", field="name")
    try:
        with transaction.atomic(using=context.alias()):
            return PlanId(PlanRow.objects.create(name=name, created_at=clock.now(), created_by=created_by[:40]).pk)
    except IntegrityError as error:
        raise PlanNameTaken(Filled("There is a plan called {name} already.", name=name), field="name") from error


def _canonical(document: Any) -> dict[str, Any]:
    return write_plan(_parsed(document))


def _parsed(document: Any) -> Plan:
    try:
        return accept_plan(document)
    except PlanDocumentError as error:
        raise InvalidPlan.of(error) from error


def _locked_draft(version_id: int) -> tuple[PlanVersionRow, str]:
    """The draft, locked, with the digest of exactly the document that was read."""
    row = PlanVersionRow.objects.select_for_update().filter(pk=version_id).first()
    if row is None:
        raise PlanVersionNotFound("No such plan version.")
    if row.status != VersionStatus.DRAFT:
        raise NotADraft(Filled("Version {number} is {status}.", number=row.number, status=VersionStatus(row.status)))
    return row, digest_of(version_id)


def _lock_plans() -> None:
    """One publication at a time per tenant, so that the dates of two never interleave."""
    sql.fetch(
        "SELECT 1 FROM pg_advisory_xact_lock(hashtext('commission.plans'), (%s::bigint %% 2147483647)::int)",
        (current_tenant_id(),),
    )


def _make_room(start_at: datetime) -> datetime | None:
    """End what is in force at `start_at` there; returns when the next scheduled version begins, if one does."""
    in_force = PlanVersionRow.objects.exclude(status=VersionStatus.DRAFT)
    if in_force.filter(effective_from=start_at).exclude(effective_to=start_at).exists():
        raise VersionDates("Another version takes effect at that very moment.", field="effective_from")
    in_force.filter(effective_from__lt=start_at).exclude(effective_to__lte=start_at).update(
        effective_to=start_at, status=VersionStatus.SUPERSEDED
    )
    later = in_force.filter(effective_from__gt=start_at).order_by("effective_from")
    return later.values_list("effective_from", flat=True).first()


def _refuse_illegal(verdict: Verdict) -> None:
    if not verdict.legal:
        broken = broken_clauses(verdict)
        raise IllegalPlan(
            "The plan breaks " + "; ".join(f"{each.law} {each.article}: {each.message}" for each in broken),
            rule_set=verdict.rule_set,
            broken=[
                {
                    "clause": e.clause,
                    "law": e.law,
                    "article": e.article,
                    "fact_id": e.fact_id,
                    "message": e.message,
                    "message_zh": e.message_zh,
                }
                for e in broken
            ],
        )


def _refuse_beyond_margin(proof: ShopProof) -> None:
    if proof.thin:
        raise PlanBeyondMargin(
            Filled("On {count} goods the plan can pay more than their margin.", count=len(proof.thin)),
            goods=[
                {
                    "sku_id": ids.public("sku", each.sku_id),
                    "price_minor": each.price_minor,
                    "margin_minor": each.margin_minor,
                    "worst_minor": each.worst_minor,
                }
                for each in proof.thin[:50]
            ],
        )


def _keep_proof(version_id: int, digest: str, rule_set: str, facts: PlanFacts, proof: Proof) -> None:
    worst = proof.worst
    witness = describe_case(worst) if worst is not None else None
    if witness is not None and witness["at"] is not None:
        witness["at"] = witness["at"].isoformat()
    ProofRow.objects.create(
        version_id=version_id,
        digest=digest,
        proven_at=clock.now(),
        rule_set=rule_set[:80],
        upline_depth_paid=facts.upline_depth_paid,
        total_rate_bp=facts.total_rate_bp,
        exact=proof.exact,
        worst_bp=min(worst.rate_bp, facts.total_rate_bp) if worst is not None else None,
        witness=witness,
    )


def _refuse_what_the_database_refuses(version_id: int, **changes: Any) -> None:
    try:
        with transaction.atomic(using=context.alias()):
            PlanVersionRow.objects.filter(pk=version_id).update(**changes)
    except IntegrityError as error:
        if VERSION_UNJUDGED in str(error.__cause__ or error):
            raise NotADraft("The document changed while it was judged.") from error
        if VERSION_UNAPPROVED in str(error.__cause__ or error):
            raise NotApproved("Nobody but its author has approved this document.") from error
        raise VersionDates("Another version is in force at that time.") from error
