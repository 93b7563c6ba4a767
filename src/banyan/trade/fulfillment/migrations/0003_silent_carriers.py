from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("fulfillment", "0002_parcels_troubled")]

    operations = [
        migrations.AddField(
            model_name="parcelrow",
            name="asked_again_at",
            field=models.DateTimeField(null=True, verbose_name="asked again at"),
        ),
        migrations.AddField(
            model_name="policyrow",
            name="silent_days",
            field=models.IntegerField(db_default=30, default=30, verbose_name="asked no more after silence (days)"),
        ),
        migrations.AddIndex(
            model_name="parcelrow",
            index=models.Index(
                condition=models.Q(("failure__in", ("number_unknown", "carrier_silent"))),
                fields=["tenant_id", "id"],
                name="parcels_given_up",
            ),
        ),
    ]
