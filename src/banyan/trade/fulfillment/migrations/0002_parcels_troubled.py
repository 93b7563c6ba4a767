from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("fulfillment", "0001_initial")]

    operations = [
        migrations.AddIndex(
            model_name="parcelrow",
            index=models.Index(condition=models.Q(("state", "troubled")), fields=["tenant_id", "id"], name="parcels_troubled"),
        ),
    ]
