"""Regional partners are appointed and end; what was paid before stays as it was frozen."""

from __future__ import annotations

import re
from datetime import datetime

from django.db import IntegrityError, transaction

from banyan.earnings.commission.models import RegionalPartnerRow
from banyan.earnings.commission.types import PartnerId
from banyan.kernel import clock
from banyan.kernel.tenancy import context
from banyan.kernel.values.errors import Conflict, Invalid, NotFound
from banyan.people.distributors import queries as distributors
from banyan.people.distributors.types import DistributorId

REGION = re.compile(r"[0-9]{2}([0-9]{2}([0-9]{2})?)?")


class RegionTaken(Conflict):
    """Somebody holds this region already; one region has one partner at a time."""

    code = "region_taken"
    advice = "End the other appointment first."


class PartnerNotFound(NotFound):
    """No such appointment in this shop."""

    code = "regional_partner_not_found"


def appoint_partner(region_code: str, distributor_id: DistributorId, at: datetime | None = None) -> PartnerId:
    """Give a region (adcode of 2, 4 or 6 digits) to a distributor from `at` (now by default, never earlier) on.

    Raises Invalid, RegionTaken, DistributorNotFound.
    """
    now = clock.now()
    start_at = at if at is not None else now
    if not REGION.fullmatch(region_code):
        raise Invalid("A region is the adcode of a province (2 digits), a city (4) or a district (6).", field="region_code")
    if start_at.tzinfo is None or start_at < now:
        raise Invalid("An appointment begins now or later: earlier orders keep what was frozen.", field="at")
    distributors.get_distributor(distributor_id)
    try:
        with transaction.atomic(using=context.alias()):
            row = RegionalPartnerRow.objects.create(region_code=region_code, distributor_id=distributor_id, valid_from=start_at)
    except IntegrityError as error:
        raise RegionTaken("This region has a partner at that time.", region_code=region_code) from error
    return PartnerId(row.pk)


def end_partner(partner_id: PartnerId | int, at: datetime | None = None) -> None:
    """End an appointment at `at` (now by default, never earlier). Raises PartnerNotFound, Invalid."""
    now = clock.now()
    end_at = at if at is not None else now
    row = RegionalPartnerRow.objects.select_for_update().filter(pk=partner_id).first()
    if row is None:
        raise PartnerNotFound("No such appointment.")
    if end_at.tzinfo is None or end_at < now or (row.valid_to is not None and row.valid_to <= end_at):
        raise Invalid("An appointment ends now or later, and only once.", field="at")
    row.valid_to = max(end_at, row.valid_from)
    row.save(update_fields=["valid_to"])
