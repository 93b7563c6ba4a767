"""Returns of before say which money they took: all of it was their own line's, and one refund per return."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("returns", "0002_exchanges_and_claims")]

    operations = [
        migrations.RunSQL(
            "INSERT INTO return_draws (id, tenant_id, return_id, line_id, source_order_id, source_line_id, refund_minor,"
            " deducted_minor, carried_minor)"
            " SELECT l.id, l.tenant_id, l.return_id, l.line_id, r.order_id, l.line_id, l.refund_minor, 0, 0"
            " FROM return_lines l JOIN returns r ON r.tenant_id = l.tenant_id AND r.id = l.return_id"
            " WHERE l.refund_minor > 0 AND r.accepted_at IS NOT NULL",
            migrations.RunSQL.noop,
        ),
        # Received but not accepted yet: what the inspection found fit for sale.
        migrations.RunSQL(
            "INSERT INTO return_pieces (id, tenant_id, return_id, line_id, quantity, disposition, lot_id, note)"
            " SELECT l.id, l.tenant_id, l.return_id, l.line_id, l.restock_quantity, 'restock', NULL, ''"
            " FROM return_lines l JOIN returns r ON r.tenant_id = l.tenant_id AND r.id = l.return_id"
            " WHERE l.restock_quantity > 0 AND r.status = 'received'",
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            "INSERT INTO return_refunds (id, tenant_id, return_id, order_id, payment_id, amount_minor, attempt, completed, ended_at)"
            " SELECT r.id, r.tenant_id, r.id, r.order_id, NULL, r.refund_minor, r.refund_attempt,"
            " CASE r.status WHEN 'refunded' THEN true WHEN 'refund_failed' THEN false END, r.refunded_at"
            " FROM returns r WHERE r.refund_minor > 0 AND r.accepted_at IS NOT NULL",
            migrations.RunSQL.noop,
        ),
    ]
