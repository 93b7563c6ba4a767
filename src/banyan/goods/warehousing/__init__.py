"""Goods on the move between warehouses, and what is counted in them."""
