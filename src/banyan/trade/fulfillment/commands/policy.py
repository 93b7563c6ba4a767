"""A tenant's terms."""

from __future__ import annotations

from banyan.kernel import ids, sql
from banyan.kernel.values.errors import Invalid
from banyan.trade.fulfillment.models import PolicyRow
from banyan.trade.fulfillment.types import Policy


def set_policy(policy: Policy) -> None:
    """Set the tenant's terms. Raises Invalid outside of 0 to 90 days, 1 to 90 days, 30 characters of a phone number, and 7 to
    365 days of silence."""
    if not 0 <= policy.receive_after_days <= 90:
        raise Invalid("Days until receipt lie within 0 and 90.", field="receive_after_days")
    if not 1 <= policy.pickup_days <= 90:
        raise Invalid("A store keeps orders for 1 to 90 days.", field="pickup_days")
    if len(policy.sender_phone) > 30 or not policy.sender_phone.isprintable():
        raise Invalid("A phone number has at most 30 characters.", field="sender_phone")
    if not 7 <= policy.silent_days <= 365:
        raise Invalid("A silent carrier is asked for 7 to 365 days.", field="silent_days")
    columns = ("id", "receive_after_days", "pickup_days", "sender_phone", "silent_days")
    sql.insert(
        PolicyRow, columns, [(ids.next_id(), *(getattr(policy, name) for name in columns[1:]))],
        on_conflict="ON CONFLICT (tenant_id) DO UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in columns[1:]),
    )  # fmt: skip
