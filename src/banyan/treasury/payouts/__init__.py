"""Payouts: money that goes out to distributors through a channel."""
