"""Facts that travel up: written in the command's own transaction, delivered exactly once to each reaction.

A command calls ``record``. A reaction is a function that takes a list of events and calls one command; the drain runs it
and moves its cursor in one transaction, so a process may die anywhere. A poisoned event is set aside with its error.
"""

from banyan.kernel.events.core import Event, Reaction, reaction, reactions, record
from banyan.kernel.events.delivery import dismiss_set_aside, drain, retry_set_aside, unheard

__all__ = [
    "Event", "Reaction", "dismiss_set_aside", "drain", "reaction", "reactions", "record", "retry_set_aside",
    "unheard",
]  # fmt: skip
