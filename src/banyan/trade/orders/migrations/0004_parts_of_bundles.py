from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0003_parts'),
    ]

    operations = [
        migrations.AddField(
            model_name='orderline',
            name='bundle_sku_id',
            field=models.BigIntegerField(null=True, verbose_name='from the bundle'),
        ),
    ]
