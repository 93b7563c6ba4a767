from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0002_recipient_region'),
    ]

    operations = [
        migrations.AlterField(
            model_name='order',
            name='state',
            field=models.CharField(choices=[('placed', 'placed'), ('paid', 'paid'), ('partly_shipped', 'partly_shipped'), ('shipped', 'shipped'), ('received', 'received'), ('closed', 'closed'), ('cancelled', 'cancelled'), ('expired', 'expired')], max_length=16, verbose_name='state'),
        ),
        migrations.AddField(
            model_name='order',
            name='is_tracked',
            field=models.BooleanField(db_default=False, verbose_name='tracked'),
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(condition=models.Q(('state__in', ['paid', 'partly_shipped'])), fields=['tenant_id', 'paid_at'], name='orders_to_ship'),
        ),
    ]
