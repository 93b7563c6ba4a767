"""What a signed-in browser is told: the text of a page, and of the page after a form was sent."""

from __future__ import annotations

from typing import Any


def page_of(client: Any, address: str) -> str:
    """The page of an address that opens."""
    answer = client.get(address)
    assert answer.status_code == 200, address
    return str(answer.content.decode())


def post(client: Any, address: str, /, **form: Any) -> str:
    """The page to which a form leads, whatever it says."""
    answer = client.post(address, form, follow=True)
    assert answer.status_code == 200, address
    return str(answer.content.decode())
