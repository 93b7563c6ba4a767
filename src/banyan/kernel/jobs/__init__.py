"""Periodic work: a registry of functions that the worker calls for every tenant."""

from banyan.kernel.jobs.registry import PeriodicJob, periodic, periodic_jobs, periodic_outside, run_job

__all__ = ["PeriodicJob", "periodic", "periodic_jobs", "periodic_outside", "run_job"]
