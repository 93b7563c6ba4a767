"""Warehouses are chosen for whole batches of orders, by distance, freight, promise, freshness and load."""
