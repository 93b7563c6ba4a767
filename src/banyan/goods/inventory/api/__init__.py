"""Inventory over HTTP. Suppliers see the stock of their own SKUs."""

from banyan.goods.inventory.api import alerts, channels, lots, stock
from banyan.goods.inventory.api.shared import router

__all__ = ["alerts", "channels", "lots", "router", "stock"]
