"""A shop whose orders are told to the commission house by the test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def sales(make_shop: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, driven_clock: Callable[..., None]) -> Any:
    """A shop without a law. The clock stands at T0."""
    from banyan.earnings.commission.tests.shopfront import Sales, tell

    return tell(Sales(make_shop(jurisdiction="sandbox")), monkeypatch)
