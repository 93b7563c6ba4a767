"""Judgement of flash sales: pure functions of frozen values."""
