"""Which policy decides for whom: pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from banyan.earnings.settlement.types import Policy, Scope


class Policies:
    """The open policies of a tenant, ready to answer for many distributors."""

    def __init__(self, policies: Iterable[Policy]) -> None:
        self._by_subject: Mapping[tuple[Scope, str], Policy] = {(policy.scope, policy.subject): policy for policy in policies}

    def find(self, distributor_id: int, tier: str) -> Policy | None:
        """By the distributor, else by their tier, else the tenant's default; None when the tenant has no default."""
        keys = ((Scope.DISTRIBUTOR, str(distributor_id)), (Scope.TIER, tier), (Scope.TENANT, ""))
        return next((self._by_subject[key] for key in keys if key in self._by_subject), None)
