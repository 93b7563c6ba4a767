from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inventory', '0004_channel_stock_and_alerts'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='reservation',
            index=models.Index(condition=models.Q(('state', 'lost')), fields=['tenant_id', 'sku', 'id'], name='reservations_lost'),
        ),
    ]
