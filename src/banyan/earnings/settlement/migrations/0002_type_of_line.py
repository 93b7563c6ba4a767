from __future__ import annotations

from django.db import migrations, models

KINDS = [(kind, kind) for kind in ("commission_released", "commission_reversed", "carried", "returned")]


class Migration(migrations.Migration):
    """Words only: what a line settles is called by another name than the id of what it stands for."""

    dependencies = [("settlement", "0001_initial")]

    operations = [
        migrations.AlterField(
            model_name=name,
            name="source_kind",
            field=models.CharField(choices=KINDS, max_length=20, verbose_name="type of line"),
        )
        for name in ("itemrow", "linerow")
    ]
