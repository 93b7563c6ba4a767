"""The outbox is read by kind: one index probe per kind instead of a scan past other events."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """Swap the reading index."""

    dependencies: ClassVar = [("kernel", "0002_audit_seals")]

    operations: ClassVar = [
        migrations.RemoveIndex(model_name="outboxevent", name="outbox_reading_order"),
        migrations.AddIndex(
            model_name="outboxevent",
            index=models.Index(fields=["tenant_id", "kind", "commit_order", "id"], name="outbox_by_kind"),
        ),
    ]
