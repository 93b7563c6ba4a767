"""Fixtures of this house. Models may only be imported once Django is set up, so imports are inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def sales(make_shop: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, driven_clock: Callable[..., None]) -> Any:
    """A shop without a law, whose orders are told to the house by this test. The clock stands at T0."""
    from banyan.earnings.commission.tests.shopfront import Sales, tell

    return tell(Sales(make_shop(jurisdiction="sandbox")), monkeypatch)


@pytest.fixture
def chinese_sales(make_shop: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, driven_clock: Callable[..., None]) -> Any:
    """The same under Chinese law."""
    from banyan.earnings.commission.tests.shopfront import Sales, tell

    return tell(Sales(make_shop(jurisdiction="CN")), monkeypatch)
