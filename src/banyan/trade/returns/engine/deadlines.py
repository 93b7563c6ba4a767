"""Until when a return may be asked for: pure.

Days count from the day after receipt and end with the day, in the shop's own time zone
(网络购买商品七日无理由退货暂行办法 第十条). The shop's terms may be longer than the law, never shorter.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, tzinfo

from banyan.people.distributors.types import Tier
from banyan.trade.returns.types import Deadline, ReturnPolicy, StatutoryReturn

POLICY, TIER = "policy", "tier"


def end_of_day(received_at: datetime, days: int, zone: tzinfo) -> datetime:
    """The first instant after the last day, `days` days after the day of receipt."""
    day = received_at.astimezone(zone).date() + timedelta(days=days + 1)
    return datetime.combine(day, time(), zone)


def rule_in_force(rules: Sequence[StatutoryReturn], day: date) -> StatutoryReturn | None:
    """The latest rule that was in force on a day."""
    known = [rule for rule in rules if rule.effective_from <= day]
    return max(known, key=lambda rule: rule.effective_from) if known else None


def deadline_of(
    received_at: datetime, zone: tzinfo, policy: ReturnPolicy, tier: Tier | None, law: StatutoryReturn | None
) -> Deadline:
    """The longest of what the policy, the asker's tier and the law give, and whose it is."""
    grounds = [(policy.days_after_receipt, POLICY)]
    grounds += [(days, TIER) for of_tier, days in policy.days_by_tier if of_tier is tier]
    if law is not None:
        grounds.append((law.days, law.rule_id))
    days, ground = max(grounds, key=lambda one: one[0])
    return Deadline(end_of_day(received_at, days, zone), days, ground)
