"""Writes of the compliance house: readings accepted and withdrawn, updates of the law, organizations near the line."""

from banyan.rules.compliance.commands.feed import UpdateRefused, pull_updates, receive_update, tell_shops
from banyan.rules.compliance.commands.organizations import watch_organizations
from banyan.rules.compliance.commands.readings import (
    CounselNumbersMissing,
    NotAuthorizedToAcknowledge,
    ReadingNotOffered,
    StatementDiffers,
    acknowledge_reading,
    withdraw_reading,
)

__all__ = [
    "CounselNumbersMissing",
    "NotAuthorizedToAcknowledge",
    "ReadingNotOffered",
    "StatementDiffers",
    "UpdateRefused",
    "acknowledge_reading",
    "pull_updates",
    "receive_update",
    "tell_shops",
    "watch_organizations",
    "withdraw_reading",
]
