"""What can be done with distributors. Batches in; one outcome per request out; one bad member never stops the others."""

from banyan.people.distributors.commands.applying import (
    AlreadyApplied,
    SponsorNotActive,
    UnknownSponsorCode,
    UserNotActive,
    apply,
)
from banyan.people.distributors.commands.facts import BackdatedFact
from banyan.people.distributors.commands.standing import (
    ReasonMissing,
    WrongStatus,
    approve,
    close,
    freeze,
    reject,
    set_tiers,
    unfreeze,
)

__all__ = [
    "AlreadyApplied",
    "BackdatedFact",
    "ReasonMissing",
    "SponsorNotActive",
    "UnknownSponsorCode",
    "UserNotActive",
    "WrongStatus",
    "apply",
    "approve",
    "close",
    "freeze",
    "reject",
    "set_tiers",
    "unfreeze",
]
