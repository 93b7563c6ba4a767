"""Reads of the simulation house."""

from .export import TABLES, rows_of
from .runs import RunNotFound, get_run, latest_for_version, list_runs

__all__ = ["TABLES", "RunNotFound", "get_run", "latest_for_version", "list_runs", "rows_of"]
