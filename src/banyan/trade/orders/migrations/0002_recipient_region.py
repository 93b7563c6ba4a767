from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='recipient',
            name='region_code',
            field=models.CharField(blank=True, db_default='', max_length=6, verbose_name='region'),
        ),
    ]
