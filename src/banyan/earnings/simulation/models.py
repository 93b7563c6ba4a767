"""Runs of the simulator. A run decides nothing and pays nobody; what it found is kept with what it was asked."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from banyan.earnings.simulation.types import RunStatus
from banyan.kernel.tenancy import Audit, TenantModel


class RunRow(TenantModel):
    """One run: a document over a window of paid orders. `lease_until`: until then the worker that runs it is thought alive."""

    audit: ClassVar[Audit] = Audit.NONE  # a calculation; who asked stands in the row

    document = models.JSONField(_("document"))
    title = models.CharField(_("title"), max_length=200)
    version_id = models.BigIntegerField(_("plan version"), null=True)
    start_at = models.DateTimeField(_("orders paid from"))
    end_at = models.DateTimeField(_("orders paid before"))
    status = models.CharField(
        _("status"), max_length=12, default=RunStatus.QUEUED, choices=[(each.value, _(each.value)) for each in RunStatus]
    )
    requested_at = models.DateTimeField(_("requested at"))
    requested_by = models.CharField(_("requested by"), max_length=40, default="", blank=True)
    started_at = models.DateTimeField(_("started at"), null=True)
    finished_at = models.DateTimeField(_("finished at"), null=True)
    lease_until = models.DateTimeField(_("leased until"), null=True)
    order_count = models.BigIntegerField(_("orders"), default=0)
    done_count = models.BigIntegerField(_("orders done"), default=0)
    failure = models.CharField(_("failure"), max_length=400, default="", blank=True)
    outcome = models.JSONField(_("outcome"), null=True)
    seconds = models.FloatField(_("seconds"), null=True)
    peak_mib = models.IntegerField(_("peak MiB"), null=True)

    class Meta:
        app_label = "simulation"
        db_table = "simulation_runs"
        verbose_name = _("simulation")
        verbose_name_plural = _("simulations")
        indexes = [
            models.Index(fields=["tenant_id", "id"], name="simulation_runs_open", condition=Q(status__in=["queued", "running"])),
            models.Index(fields=["tenant_id", "version_id"], name="simulation_runs_version"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(end_at__gt=F("start_at")), name="simulation_run_window"),
            models.CheckConstraint(
                condition=~Q(status=RunStatus.DONE) | Q(outcome__isnull=False), name="simulation_run_done_has_outcome"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} {self.status}"
