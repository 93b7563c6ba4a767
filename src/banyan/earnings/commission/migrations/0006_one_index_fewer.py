from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("commission", "0005_plan_proofs")]

    operations: ClassVar = [
        migrations.RemoveConstraint(model_name="commissionrow", name="one_commission_per_line_payee_rule"),
        migrations.AddConstraint(
            model_name="commissionrow",
            constraint=models.UniqueConstraint(
                fields=("tenant_id", "order_id", "line_id", "payee_id", "rule_key", "kind"),
                name="one_commission_per_line_payee_rule",
            ),
        ),
        migrations.RemoveIndex(model_name="commissionrow", name="commission_by_order"),
    ]
