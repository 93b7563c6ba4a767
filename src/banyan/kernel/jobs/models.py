"""When each periodic job ran: what the doctor compares with each job's window."""

from __future__ import annotations

from django.db import models


class JobRun(models.Model):
    """The latest run of one periodic job over all tenants. No tenant: it speaks of the installation."""

    name = models.CharField(max_length=80, primary_key=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    rows = models.BigIntegerField(default=0)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        app_label = "kernel"
        db_table = "job_runs"

    def __str__(self) -> str:
        return self.name
