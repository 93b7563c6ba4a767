"""Writes of sourcing; other houses import them from here."""

from banyan.goods.sourcing.commands.choosing import source
from banyan.goods.sourcing.commands.setting import set_capacities, set_policy, set_zones
from banyan.goods.sourcing.commands.waiting import (
    FOLLOWING,
    BackorderOver,
    cancel_backorders,
    clear_warehouse,
    end_mended,
    open_broken,
    open_stuck,
    retry_due,
)

__all__ = [
    "FOLLOWING", "BackorderOver", "cancel_backorders", "clear_warehouse", "end_mended", "open_broken", "open_stuck", "retry_due",
    "set_capacities", "set_policy", "set_zones", "source",
]  # fmt: skip
