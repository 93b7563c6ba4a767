"""How a person stood at a moment: tree, plan, tier and balances, as they were known to be in force then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from banyan.earnings.commission.queries.plans import version_at
from banyan.earnings.commission.types import PlanVersion
from banyan.people.distributors import queries as distributors
from banyan.people.distributors.types import DistributorId
from banyan.people.network import queries as network
from banyan.rules.compliance import queries as compliance
from banyan.rules.compliance.types import LegalCaps
from banyan.treasury.ledger import queries as ledger
from banyan.treasury.ledger.types import AccountKind, AccountRef

OWN_ACCOUNTS = (
    AccountKind.DISTRIBUTOR_PENDING,
    AccountKind.DISTRIBUTOR_AVAILABLE,
    AccountKind.DISTRIBUTOR_PAYABLE,
    AccountKind.DISTRIBUTOR_DEBT,
)


@dataclass(frozen=True, slots=True)
class Moment:
    """`tier` and `status` None: not a distributor then. `upline`: nearest first. Balances in minor units, by account kind."""

    distributor_id: int
    at: datetime
    tier: str | None
    status: str | None
    upline: tuple[int, ...]
    balances: tuple[tuple[str, int], ...]
    version: PlanVersion | None
    caps: LegalCaps


def moment_of(distributor_id: int, at: datetime) -> Moment:
    """A person as of any past moment: entries, moves and tiers after it do not count. Raises DistributorNotFound."""
    person = DistributorId(distributor_id)
    distributors.get_distributor(person)
    standing = distributors.standings_at([person], at).get(person)
    upline = network.uplines_at([person], at).get(person, ())
    refs = [AccountRef(kind, distributor_id) for kind in OWN_ACCOUNTS]
    found = ledger.balances_at(refs, at)
    return Moment(
        distributor_id,
        at,
        standing.tier.value if standing is not None else None,
        standing.status.value if standing is not None else None,
        tuple(int(each) for each in upline),
        tuple((ref.kind.value, found.get(ref, 0)) for ref in refs),
        version_at(at),
        compliance.caps_at(at),
    )
