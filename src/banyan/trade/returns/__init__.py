"""Goods come back, money goes back: requests, inspection, refunds."""
