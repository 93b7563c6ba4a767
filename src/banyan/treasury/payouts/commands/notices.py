"""Notices of payout channels: verified by the adapter with the tenant's credentials, then recorded."""

from __future__ import annotations

from collections.abc import Mapping

from banyan.kernel import tenancy
from banyan.kernel.tenancy.registry import get_tenant
from banyan.kernel.values.errors import NotFound
from banyan.treasury.payments import commands as payments
from banyan.treasury.payouts.commands.recording import record_results
from banyan.treasury.payouts.ports import ChannelRejected, channel_for, is_registered


def take_notice(tenant_id: int, channel: str, headers: Mapping[str, str], body: bytes) -> None:
    """Verify and record one notice; enters the tenant itself. Raises NotFound (tenant or channel) or NoticeRejected.

    A genuine notice that does not fit what we know is an incident, not an error: the channel could only repeat it.
    """
    get_tenant(tenant_id)
    if not is_registered(channel):
        raise NotFound("No such payout channel.")
    try:
        notice = channel_for(channel, tenant_id).parse_notice(headers, body)
    except ChannelRejected as error:
        raise payments.rejected(tenant_id, channel, error) from error
    with tenancy.enter(tenant_id, actor=f"channel:{channel}"):
        record_results([notice])
