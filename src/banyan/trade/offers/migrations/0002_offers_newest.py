"""Lists of sales go from the newest down; nobody asks for them by their start."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('offers', '0001_initial'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='offerrow',
            name='offers_by_start',
        ),
        migrations.AddIndex(
            model_name='offerrow',
            index=models.Index(fields=['tenant_id', 'id'], name='offers_newest'),
        ),
    ]
