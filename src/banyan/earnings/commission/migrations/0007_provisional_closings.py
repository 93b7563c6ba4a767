from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('commission', '0006_one_index_fewer'),
    ]

    operations = [
        migrations.AddField(
            model_name='closingrow',
            name='first_id',
            field=models.BigIntegerField(null=True, verbose_name='first closing'),
        ),
        migrations.AddField(
            model_name='closingrow',
            name='is_final',
            field=models.BooleanField(db_default=True, default=True, verbose_name='final'),
        ),
        migrations.RemoveConstraint(
            model_name='closingrow',
            name='one_closing_per_version_and_period',
        ),
        migrations.AddConstraint(
            model_name='closingrow',
            constraint=models.UniqueConstraint(condition=models.Q(('is_final', True)), fields=('tenant_id', 'plan_version', 'period', 'start_at', 'currency'), name='one_closing_per_version_and_period'),
        ),
        migrations.AddConstraint(
            model_name='closingrow',
            constraint=models.UniqueConstraint(fields=('tenant_id', 'plan_version', 'period', 'start_at', 'currency', 'end_at'), name='one_closing_per_end'),
        ),
    ]
