"""Relations between tables: down, without a way back, and never pulling rows along when one is deleted."""

from __future__ import annotations

from collections.abc import Iterable

from django.apps import apps
from django.conf import settings
from django.db import models
from django.test.utils import isolate_apps

from banyan.kernel.tenancy.base import TenantModel

ORDER = ["kernel", *(house.rpartition(".")[2] for house in settings.HOUSES)]
KEYS_OVER_ALL_TENANTS = {"tokens_by_digest"}  # a token is looked up before its tenant is known
PLAIN_IDS_ONLY = {"ledger"}  # and the kernel's audit tables, which have no relations at all


def _place(model: type[models.Model]) -> int:
    """Position of the model's house, low to high; libraries (sessions, permissions) are below everything."""
    label = model._meta.app_label
    return ORDER.index(label) if label in ORDER else -1


def relation_faults(candidates: Iterable[type[models.Model]]) -> list[str]:
    """One line for each relation that breaks the law of relations."""
    faults = []
    for model in candidates:
        own = model._meta.app_label
        for field in model._meta.get_fields():
            if not isinstance(field, models.ForeignKey | models.ManyToManyField):
                continue
            name = f"{model._meta.label}.{field.name}"
            target = field.related_model
            if target._meta.app_label == own or _place(target) < 0:
                continue
            if own in PLAIN_IDS_ONLY or model.__name__.startswith("Audit"):
                faults.append(f"{name}: {own} stores plain ids of other houses, no relations")
            if _place(target) > _place(model):
                faults.append(f"{name} points up to {target._meta.label}")
            if isinstance(field, models.ManyToManyField):
                faults.append(f"{name}: many-to-many across houses hides a table that belongs to nobody")
                continue
            if field.remote_field.related_name != "+":
                faults.append(f'{name}: related_name must be "+"')
            if field.remote_field.on_delete is not models.PROTECT:
                faults.append(f"{name}: on_delete must be PROTECT")
    return faults


def key_faults(candidates: Iterable[type[models.Model]]) -> list[str]:
    """Indexes and unique constraints of tenants' tables that do not start with the tenant."""
    faults = []
    for model in candidates:
        if not issubclass(model, TenantModel) or model._meta.abstract:
            continue
        named = [(index.name, index.fields) for index in model._meta.indexes if index.fields]
        named += [(rule.name, rule.fields) for rule in model._meta.constraints if isinstance(rule, models.UniqueConstraint)]
        faults += [
            f"{model._meta.label}: {name} starts with {fields[0]}"
            for name, fields in named
            if fields and fields[0] not in ("tenant_id", "tenant") and name not in KEYS_OVER_ALL_TENANTS
        ]
        faults += [
            f"{model._meta.label}.{field.name}: unique over all tenants"
            for field in model._meta.local_fields
            if field.unique and not field.primary_key
        ]
    return faults


def ours() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if model.__module__.startswith("banyan.")]


def test_relations_between_houses() -> None:
    assert relation_faults(ours()) == []


def test_keys_start_with_the_tenant() -> None:
    assert key_faults(ours()) == []


@isolate_apps()
def test_planted_violations_are_caught() -> None:
    class Low(models.Model):
        class Meta:
            app_label = "catalog"

    class Wrong(models.Model):
        cascade = models.ForeignKey(Low, models.CASCADE, related_name="+")
        back = models.ForeignKey(Low, models.PROTECT, related_name="orders")
        many = models.ManyToManyField(Low, related_name="+")
        fine = models.ForeignKey(Low, models.PROTECT, related_name="+")

        class Meta:
            app_label = "orders"

    class Up(models.Model):
        order = models.ForeignKey(Wrong, models.PROTECT, related_name="+")

        class Meta:
            app_label = "catalog"

    class Entry(models.Model):
        product = models.ForeignKey(Low, models.PROTECT, related_name="+")

        class Meta:
            app_label = "ledger"

    faults = relation_faults([Low, Wrong, Up, Entry])
    for expected in (
        "orders.Wrong.cascade: on_delete",
        "orders.Wrong.back: related_name",
        "orders.Wrong.many: many-to-many",
        "catalog.Up.order points up",
        "ledger.Entry.product: ledger stores plain ids",
    ):
        assert any(fault.startswith(expected) for fault in faults), (expected, faults)
    assert not any("Wrong.fine" in fault for fault in faults)


@isolate_apps()
def test_a_planted_key_without_the_tenant_is_caught() -> None:
    class Loose(TenantModel):
        code = models.CharField(max_length=9, unique=True)

        class Meta:
            app_label = "orders"
            indexes = [models.Index(fields=["code"], name="loose_code")]

    assert len(key_faults([Loose])) == 2
