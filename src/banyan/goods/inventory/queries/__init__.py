"""Reads of inventory; other houses import them from here. All run inside ``tenancy.enter``."""

from banyan.goods.inventory.ports import packed_pieces
from banyan.goods.inventory.queries.alerts import STANDING, count_open_alerts, list_alerts, safety_stock
from banyan.goods.inventory.queries.channels import channel_stock, list_channel_stock
from banyan.goods.inventory.queries.lots import (
    UnknownLot,
    count_expiring_lots,
    expiring_lots,
    first_expiry,
    get_lot,
    list_lots,
    lot_decisions,
    lot_movements,
    lot_orders,
    lot_rules,
    lot_stock,
    shelf_of,
    trace_lot,
)
from banyan.goods.inventory.queries.places import find_lots, lot_numbers, moved_pieces, places_to_count
from banyan.goods.inventory.queries.stock import (
    available,
    held_quantities,
    list_movements,
    list_reservations,
    list_warehouses,
    orders_held_at,
    stock_levels,
)

__all__ = [
    "STANDING", "UnknownLot", "available", "channel_stock", "count_expiring_lots", "count_open_alerts", "expiring_lots",
    "find_lots", "first_expiry", "get_lot",
    "held_quantities", "list_alerts", "list_channel_stock", "list_lots", "list_movements", "list_reservations",
    "list_warehouses", "lot_decisions", "lot_movements", "lot_numbers", "lot_orders", "lot_rules", "lot_stock", "moved_pieces",
    "orders_held_at", "packed_pieces",
    "places_to_count", "safety_stock", "shelf_of", "stock_levels", "trace_lot",
]  # fmt: skip
