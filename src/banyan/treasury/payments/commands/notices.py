"""Notices as they come from the street: nobody is logged in, and only the channel's adapter can say whether they are genuine.

The address names the tenant, because a notice can be verified and opened only with that tenant's own credentials; which of
our numbers it speaks of is inside, sealed. So the tenant is entered after the adapter has vouched for the notice.
"""

from __future__ import annotations

from collections.abc import Mapping

from banyan.kernel import tenancy
from banyan.kernel.tenancy.registry import get_tenant
from banyan.kernel.values.errors import NotFound, Refusal
from banyan.treasury.payments.commands.capturing import capture
from banyan.treasury.payments.commands.incidents import record_incidents
from banyan.treasury.payments.commands.refunding import complete_refunds
from banyan.treasury.payments.ports import channel_for, is_registered
from banyan.treasury.payments.types import CaptureNotice, ChannelRejected, Incident, IncidentKind

_KINDS = {kind.value: kind for kind in IncidentKind}


class NoticeRejected(Refusal):
    """A notice that does not prove to come from the channel, or is not for this shop."""

    code = "notice_rejected"
    status = 401
    advice = "Notices are accepted from the payment channel only, freshly signed."


def rejected(tenant_id: int, channel: str, error: ChannelRejected) -> NoticeRejected:
    """Keep a rejected notice as an incident, counted per reason, and give the refusal to raise."""
    kind = _KINDS.get(error.code, IncidentKind.MALFORMED)
    with tenancy.enter(tenant_id, actor=f"channel:{channel}"):
        record_incidents([Incident(kind, channel)])
    return NoticeRejected(error.message, reason=kind.value)


def take_notice(tenant_id: int, channel: str, headers: Mapping[str, str], body: bytes) -> None:
    """Verify and book one notice; enters the tenant itself. Raises NotFound (tenant or channel) or NoticeRejected.

    A genuine notice that does not fit what we know is an incident, not an error: the channel could only repeat it.
    """
    get_tenant(tenant_id)
    if not is_registered(channel):
        raise NotFound("No such payment channel.")
    try:
        notice = channel_for(channel, tenant_id).parse_notice(headers, body)
    except ChannelRejected as error:
        raise rejected(tenant_id, channel, error) from error
    with tenancy.enter(tenant_id, actor=f"channel:{channel}"):
        if isinstance(notice, CaptureNotice):
            capture([notice])
        else:
            complete_refunds([notice])
