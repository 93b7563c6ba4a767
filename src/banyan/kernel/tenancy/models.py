"""The tenants themselves: the one business table that is not inside a tenant."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from banyan.kernel.tenancy.base import Audit


class TenantRow(models.Model):
    """One merchant's isolated business. ``cell`` names where its rows live (database alias); ``main`` is the default."""

    audit: ClassVar[Audit] = Audit.ALL

    id = models.BigAutoField(primary_key=True)
    slug = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    currency = models.CharField(max_length=3, default="CNY")
    timezone = models.CharField(max_length=40, default="Asia/Shanghai")
    jurisdiction = models.CharField(max_length=20, default="CN")
    cell = models.CharField(max_length=40, default="main")
    created_at = models.DateTimeField()

    class Meta:
        app_label = "kernel"
        db_table = "tenants"

    def __str__(self) -> str:
        return self.slug
