"""The ledger's clock."""

from __future__ import annotations

from banyan.kernel import jobs
from banyan.treasury.ledger import commands


@jobs.periodic("ledger.checkpoint", every_seconds=300, queue="analytics")
def checkpoint() -> int:
    """Move checkpoints forward; one pass is complete, so it never asks to be called again."""
    commands.checkpoint()
    return 0
