"""Reads of the simulation house."""

from banyan.earnings.simulation.engine import summarize

from .export import TABLES, as_csv, outside, records_of, rows_of
from .runs import RunNotFound, get_run, latest_for_version, list_runs

__all__ = [
    "TABLES", "RunNotFound", "as_csv", "get_run", "latest_for_version", "list_runs", "outside", "records_of", "rows_of",
    "summarize",
]  # fmt: skip
