"""Writes of the commission house."""

from banyan.earnings.commission.commands.accrual import InputsMissing, accrue
from banyan.earnings.commission.commands.approving import NotApproved, OwnPlan, approve_plan
from banyan.earnings.commission.commands.closing import close_due, provide_due
from banyan.earnings.commission.commands.hold import look_again, mark_received, release_due
from banyan.earnings.commission.commands.lawful import keep_plans_lawful
from banyan.earnings.commission.commands.partners import PartnerNotFound, RegionTaken, appoint_partner, end_partner
from banyan.earnings.commission.commands.plans import (
    IllegalPlan,
    InvalidPlan,
    NotADraft,
    PlanBeyondMargin,
    PlanNameTaken,
    PlanNotFound,
    VersionDates,
    draft_plan,
    publish_plan,
    retire_plan,
    revise_draft,
)
from banyan.earnings.commission.commands.reversal import reverse

__all__ = [
    "IllegalPlan",
    "InputsMissing",
    "InvalidPlan",
    "NotADraft",
    "NotApproved",
    "OwnPlan",
    "PartnerNotFound",
    "PlanBeyondMargin",
    "PlanNameTaken",
    "PlanNotFound",
    "RegionTaken",
    "VersionDates",
    "accrue",
    "appoint_partner",
    "approve_plan",
    "close_due",
    "draft_plan",
    "end_partner",
    "keep_plans_lawful",
    "look_again",
    "mark_received",
    "provide_due",
    "publish_plan",
    "release_due",
    "retire_plan",
    "reverse",
    "revise_draft",
]
