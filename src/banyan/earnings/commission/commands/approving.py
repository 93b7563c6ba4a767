"""Four eyes: who wrote a document does not approve it."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from banyan.earnings.commission.models import ApprovalRow, PlanVersionRow
from banyan.earnings.commission.queries.plans import PlanVersionNotFound
from banyan.earnings.commission.types import PlanVersionId, VersionStatus
from banyan.kernel import clock, sql
from banyan.kernel.tenancy import context, current_tenant_id
from banyan.kernel.values.errors import Conflict, Forbidden, Invalid


class NotApproved(Conflict):
    """No second person has approved the document as it stands."""

    code = "plan_not_approved"
    advice = "Let somebody else with the right plans:approve look at the version and approve it."


class OwnPlan(Forbidden):
    """Who wrote the document cannot approve it."""

    code = "four_eyes"
    advice = "Ask another person to approve it."


def approve_plan(version_id: PlanVersionId | int, *, approved_by: str, note: str = "") -> None:
    """Approve a draft's document as it stands. `approved_by`: public id of the person; never the one who wrote it.

    Approving the same document again changes nothing; a revised one needs a new approval. The database refuses the same. Raises
    PlanVersionNotFound, NotADraft, OwnPlan.
    """
    if not approved_by:
        raise Invalid("An approval has a name.", field="approved_by")
    row = PlanVersionRow.objects.select_for_update().filter(pk=version_id).first()
    if row is None:
        raise PlanVersionNotFound("No such plan version.")
    if row.status != VersionStatus.DRAFT:
        from banyan.earnings.commission.commands.plans import NotADraft

        raise NotADraft(f"Version {row.number} is {row.status}.")
    if row.drafted_by == approved_by[:40]:
        raise OwnPlan("The plan was written by the same person.")
    digest = digest_of(version_id)
    try:
        with transaction.atomic(using=context.alias()):
            ApprovalRow.objects.get_or_create(
                version_id=version_id,
                digest=digest,
                approved_by=approved_by[:40],
                defaults={"approved_at": clock.now(), "note": note[:200]},
            )
    except IntegrityError as error:
        raise OwnPlan("The plan was changed meanwhile, or written by the same person.") from error


def digest_of(version_id: int) -> str:
    """The digest of a version's document as the database computes it."""
    rows = sql.fetch(
        "SELECT md5(document::text) FROM commission_plan_versions WHERE tenant_id = %s AND id = %s",
        (current_tenant_id(), version_id),
    )
    return str(rows[0][0])


def is_approved(version_id: int) -> bool:
    """Whether a second person approved the document as it stands."""
    return bool(
        sql.fetch(
            "SELECT 1 FROM commission_plan_approvals a JOIN commission_plan_versions v ON v.tenant_id = a.tenant_id"
            " AND v.id = a.version_id WHERE a.tenant_id = %s AND a.version_id = %s AND a.digest = md5(v.document::text)"
            " AND a.approved_by <> v.drafted_by LIMIT 1",
            (current_tenant_id(), version_id),
        )
    )
