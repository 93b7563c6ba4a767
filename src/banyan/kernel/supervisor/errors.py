"""What can go wrong with the services of an installation, each with words on how to mend it."""

from __future__ import annotations


class SupervisorError(RuntimeError):
    """An installation problem told in words; `advice` says how to mend it."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message if not advice else f"{message} {advice}")
        self.message = message
        self.advice = advice


class AlreadyRunning(SupervisorError):
    """Another live process owns this home."""


class BinaryMissing(SupervisorError):
    """No usable server binary was found on this machine."""


class StartFailed(SupervisorError):
    """A server was started and did not come up."""
