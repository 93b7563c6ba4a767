"""What one check says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Answer:
    """`state` fine, warning (works, look at it) or problem; `advice` says how to mend it."""

    name: str
    state: Literal["fine", "warning", "problem"]
    text: str
    advice: str = ""

    @property
    def said(self) -> str:
        """State, text and advice in one line."""
        return f"{self.state}: {self.text}{' → ' + self.advice if self.advice else ''}"


def fine(name: str, text: str) -> Answer:
    """Nothing to mend."""
    return Answer(name, "fine", text)


def warning(name: str, text: str, advice: str) -> Answer:
    """It works, and somebody should look at it."""
    return Answer(name, "warning", text, advice)


def problem(name: str, text: str, advice: str) -> Answer:
    """It does not work, or not safely."""
    return Answer(name, "problem", text, advice)


def guarded(name: str, check: Callable[[], Answer]) -> Answer:
    """The answer of a check; an unforeseen error is itself an answer."""
    try:
        return check()
    except Exception as error:  # the doctor must say something about every patient
        text = str(error).strip().splitlines()
        return problem(
            name, f"could not be examined: {type(error).__name__}: {text[-1] if text else ''}", "See the logs in the home."
        )
