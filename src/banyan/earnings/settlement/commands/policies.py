"""Opening and retiring policies."""

from __future__ import annotations

import re

from banyan.earnings.settlement.models import PolicyRow
from banyan.earnings.settlement.types import NewPolicy, PolicyId, Scope
from banyan.kernel import clock, sql, tenancy
from banyan.kernel.values.errors import Invalid, NotFound
from banyan.kernel.values.filled import Filled
from banyan.people.distributors.types import Tier

AMOUNT_MAX = 10**15
LOCK = "settlement.open_policy"


class BadPolicy(Invalid):
    """Terms that no settlement could follow."""

    code = "bad_policy"
    advice = "Correct the named field."


def open_policy(new: NewPolicy) -> PolicyId:
    """Open a policy; the one that was open for the same subject is retired. Statements already opened keep theirs.

    Every distributor that waits for a period's end is looked at again under the new rhythm. Raises BadPolicy.
    """
    _check(new)
    now, tenant_id = clock.now(), tenancy.current_tenant_id()
    # Two openings for the same subject come one after the other; there is no row yet that both could lock.
    sql.fetch("SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", (f"{LOCK}/{new.scope.value}/{new.subject}", tenant_id))
    PolicyRow.objects.filter(tenant_id=tenant_id, scope=new.scope.value, subject=new.subject, retired_at__isnull=True).update(
        retired_at=now
    )
    terms = new.terms
    row = PolicyRow.objects.create(
        scope=new.scope.value,
        subject=new.subject,
        cycle=terms.rhythm.cycle.value,
        weekday=terms.rhythm.weekday,
        month_day=terms.rhythm.month_day,
        lane=terms.lane.value,
        minimum_minor=terms.minimum_minor,
        review_minor=terms.review_minor,
        four_eyes_minor=terms.four_eyes_minor,
        channel=terms.channel,
        attempt_count=terms.attempt_count,
        opened_by=new.opened_by,
        opened_at=now,
    )
    _look_again(new.scope, new.subject)
    return PolicyId(row.pk)


def retire_policy(policy_id: int) -> None:
    """Retire a policy; whom it was for now falls under the next wider one. Raises NotFound; a retired one stays retired."""
    row = PolicyRow.objects.select_for_update().filter(tenant_id=tenancy.current_tenant_id(), pk=policy_id).first()
    if row is None:
        raise NotFound("No such settlement policy.")
    if row.retired_at is None:
        row.retired_at = clock.now()
        row.save(update_fields=["retired_at"])
        _look_again(Scope(row.scope), row.subject)


def _check(new: NewPolicy) -> None:
    terms = new.terms
    subjects = {
        Scope.TENANT: new.subject == "",
        Scope.TIER: new.subject in set(Tier),
        Scope.DISTRIBUTOR: bool(re.fullmatch(r"[1-9][0-9]{0,18}", new.subject)),
    }
    if not subjects[new.scope]:
        raise BadPolicy(Filled("A policy for a {scope} cannot have this subject.", scope=new.scope), field="subject")
    if not 0 <= terms.rhythm.weekday <= 6 or not 1 <= terms.rhythm.month_day <= 31:
        raise BadPolicy("A weekday is 0 (Monday) to 6, a day of the month 1 to 31.", field="rhythm")
    if not 1 <= terms.minimum_minor <= AMOUNT_MAX:
        raise BadPolicy("The minimum is at least 1 minor unit.", field="minimum_minor")
    for field, limit in (("review_minor", terms.review_minor), ("four_eyes_minor", terms.four_eyes_minor)):
        if limit is not None and not 0 <= limit <= AMOUNT_MAX:
            raise BadPolicy("A threshold is a positive amount, or left out.", field=field)
    if not 1 <= terms.attempt_count <= 20:
        raise BadPolicy("Between 1 and 20 payout attempts.", field="attempt_count")
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,29}", terms.channel):
        raise BadPolicy("A channel's name has 2 to 30 characters a-z, 0-9 and '_'.", field="channel")


def _look_again(scope: Scope, subject: str) -> None:
    """Mark as due everybody who has something open: opening statements finds the right period, or puts the date forward."""
    only = "AND c.distributor_id = %s" if scope is Scope.DISTRIBUTOR else ""
    params = [clock.now(), tenancy.current_tenant_id(), *([int(subject)] if only else [])]
    sql.execute(
        "UPDATE settlement_calendars c SET due_at = least(c.due_at, %s) WHERE c.tenant_id = %s AND EXISTS (SELECT 1"
        " FROM settlement_items i"
        " WHERE i.tenant_id = c.tenant_id AND i.distributor_id = c.distributor_id AND i.currency = c.currency AND"
        " i.statement_id IS NULL)"
        f" {only}",
        params,
    )
