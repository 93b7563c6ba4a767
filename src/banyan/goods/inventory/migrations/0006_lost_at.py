from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inventory', '0005_reservations_lost'),
    ]

    operations = [
        migrations.RemoveIndex(model_name='reservation', name='reservations_lost'),
        migrations.AddField(
            model_name='reservation',
            name='lost_at',
            field=models.DateTimeField(null=True, verbose_name='lost at'),
        ),
        migrations.AddIndex(
            model_name='reservation',
            index=models.Index(condition=models.Q(('lost_at__isnull', False)), fields=['tenant_id', 'sku', 'id'], name='reservations_lost'),
        ),
    ]
