"""Payments: money that comes in from buyers, and refunds that go back to them."""
