"""The console's one table: who looked at whose personal words, and why."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from banyan.kernel.tenancy import Audit, TenantModel


class Reveal(TenantModel):
    """One look at a masked name and phone number. Immutable; the audit log has it too."""

    immutable: ClassVar[bool] = True
    audit: ClassVar[Audit] = Audit.ALL

    viewer_id = models.BigIntegerField(_("viewer"))
    subject_id = models.BigIntegerField(_("subject"))
    reason = models.CharField(_("reason"), max_length=200)
    revealed_at = models.DateTimeField(_("revealed at"))

    class Meta:
        app_label = "console"
        db_table = "console_reveals"
        verbose_name = _("reveal of personal words")
        verbose_name_plural = _("reveals of personal words")
        indexes = [models.Index(fields=["tenant_id", "subject_id", "revealed_at"], name="reveals_by_subject")]

    def __str__(self) -> str:
        return f"{self.subject_id} {self.revealed_at:%Y-%m-%d}"
