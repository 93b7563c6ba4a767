"""What the houses say, in the reader's language. Logs and the API keep the English text."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from django.utils.translation import gettext

from banyan.kernel.values.errors import Refusal
from banyan.kernel.values.filled import Filled


def in_words(text: str) -> str:
    """A text of ours in the active language; the text itself where nobody translated it.

    One with values is looked up as a whole first (a lot is open in another way than a return), then by its template.
    """
    whole = gettext(text) if text else ""
    if not isinstance(text, Filled) or whole != text:
        return whole
    return gettext(text.template).format_map({name: _value(value) for name, value in text.values.items()})


def _value(value: Any) -> Any:
    """A word of ours in the active language, without underlines where nobody translated it; any other value as it is."""
    if isinstance(value, Filled):
        return in_words(value)
    return gettext(value.value).replace("_", " ") if isinstance(value, StrEnum) else value


def said(refusal: Refusal) -> str:
    """A refusal as one line in the active language: what was wrong and what to do about it, once where both are one."""
    return " ".join(in_words(words) for words in dict.fromkeys((refusal.message, refusal.advice)) if words)
