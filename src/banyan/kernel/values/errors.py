"""The one kind of anticipated error. Everything else is a defect and becomes a 500."""

from __future__ import annotations

from typing import Any, ClassVar


class Refusal(Exception):
    """A request that Banyan understood and declined, with a stable code and what to do about it.

    ``status`` is the HTTP status, ``advice`` one sentence for the caller, ``details`` machine-readable facts. Neither
    message nor details may hold personal data: refusals are logged.
    """

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 409
    advice: ClassVar[str] = ""
    retry_after_seconds: ClassVar[int | None] = None

    def __init__(self, message: str = "", **details: Any) -> None:
        self.message = message or self.advice or self.code
        self.details = details
        super().__init__(self.message)

    def as_body(self) -> dict[str, Any]:
        """The published error shape."""
        error = {"code": self.code, "message": self.message, "details": self.details}
        if self.advice:
            error["advice"] = self.advice
        return {"error": error}


class NotFound(Refusal):
    """Nothing of that id exists for this caller: also the answer for other people's rows."""

    code = "not_found"
    status = 404
    advice = "Check the id and that the token belongs to its owner."


class Invalid(Refusal):
    """A value that no state of the system would accept."""

    code = "invalid"
    status = 422
    advice = "Correct the named field and send the request again."


class Forbidden(Refusal):
    """The caller is known but lacks the scope."""

    code = "forbidden"
    status = 403
    advice = "Ask an operator of the shop for a token with the named scope."


class Conflict(Refusal):
    """The thing changed or is in a state in which this cannot be done."""

    code = "conflict"
    status = 409
    advice = "Read the current state and decide again."
