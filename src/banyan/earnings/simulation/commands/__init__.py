"""Writes of the simulation house."""

from .requesting import CannotSimulate, RunIsOver, TooManyRuns, cancel, request
from .running import Simulated, run_due, simulate

__all__ = ["CannotSimulate", "RunIsOver", "Simulated", "TooManyRuns", "cancel", "request", "run_due", "simulate"]
