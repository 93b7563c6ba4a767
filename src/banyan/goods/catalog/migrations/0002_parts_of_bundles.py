import banyan.kernel.ids
import banyan.kernel.tenancy.context
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='SkuPartRow',
            fields=[
                ('id', models.BigIntegerField(default=banyan.kernel.ids.next_id, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.BigIntegerField(default=banyan.kernel.tenancy.context.current_tenant_id, editable=False)),
                ('quantity', models.IntegerField(verbose_name='quantity')),
                ('bundle', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.sku', verbose_name='bundle')),
                ('part', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.sku', verbose_name='part')),
            ],
            options={
                'verbose_name': 'part of a bundle',
                'verbose_name_plural': 'parts of bundles',
                'db_table': 'catalog_sku_parts',
                'indexes': [models.Index(fields=['tenant_id', 'part'], name='bundles_by_part')],
                'constraints': [models.UniqueConstraint(fields=('tenant_id', 'bundle', 'part'), name='one_row_per_bundle_and_part'), models.CheckConstraint(condition=models.Q(('quantity__gt', 0), models.Q(('bundle', models.F('part')), _negated=True)), name='part_of_another_sku')],
            },
        ),
    ]
