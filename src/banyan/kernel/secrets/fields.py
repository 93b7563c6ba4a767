"""The encrypted Django field. ``values()`` and raw SQL see ciphertext; only the attribute of a loaded row decrypts."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.query_utils import DeferredAttribute

from banyan.kernel.secrets import seal, unseal


class _Decrypting(DeferredAttribute):
    """Holds bytes as loaded, text as assigned; decrypts on reading because only the instance knows its row id."""

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        if instance is None or not isinstance(value, bytes | memoryview):
            return value
        return unseal(instance.tenant_id, self.field.sealed_name(), instance.pk, bytes(value))  # type: ignore[attr-defined]

    def __set__(self, instance: Any, value: Any) -> None:
        """Being a data descriptor is what makes ``__get__`` run for loaded rows: else the instance's own dict answers."""
        instance.__dict__[self.field.attname] = value


class EncryptedTextField(models.BinaryField):  # type: ignore[type-arg]
    """Text that is stored sealed for its row. The row id must be known before saving, as it is for every TenantModel."""

    descriptor_class = _Decrypting

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("editable", True)
        super().__init__(*args, **kwargs)

    def sealed_name(self) -> str:
        """What the ciphertext is bound to besides tenant and row."""
        return f"{self.model._meta.db_table}.{self.column}"

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Seal the assigned text; bytes that were loaded and not touched go back as they are."""
        value = model_instance.__dict__.get(self.attname)
        if value is None or isinstance(value, bytes | memoryview):
            return value
        return seal(model_instance.tenant_id, self.sealed_name(), model_instance.pk, str(value))  # type: ignore[attr-defined]

    def get_default(self) -> Any:
        """Absent is NULL, not empty bytes."""
        return None if self.null else ""

    def value_to_string(self, obj: models.Model) -> str:
        """Serialization never reveals the text."""
        return ""
