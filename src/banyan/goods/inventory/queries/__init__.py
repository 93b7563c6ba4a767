"""Reads of inventory; other houses import them from here. All run inside ``tenancy.enter``."""

from banyan.goods.inventory.queries.alerts import count_open_alerts, list_alerts, safety_stock
from banyan.goods.inventory.queries.channels import channel_stock, list_channel_stock
from banyan.goods.inventory.queries.places import moved_pieces, places_to_count
from banyan.goods.inventory.queries.stock import (
    available,
    held_quantities,
    list_movements,
    list_reservations,
    list_warehouses,
    stock_levels,
)

__all__ = [
    "available", "channel_stock", "count_open_alerts", "held_quantities", "list_alerts", "list_channel_stock", "list_movements",
    "list_reservations", "list_warehouses", "moved_pieces", "places_to_count", "safety_stock", "stock_levels",
]  # fmt: skip
