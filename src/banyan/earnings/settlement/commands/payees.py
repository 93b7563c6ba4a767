"""Where distributors are paid."""

from __future__ import annotations

from collections.abc import Sequence

from banyan.earnings.settlement.commands.locking import pay_soon
from banyan.earnings.settlement.models import PayeeRow
from banyan.earnings.settlement.types import PayeeAccount
from banyan.kernel import clock, tenancy
from banyan.kernel.values.errors import Invalid


def set_payee_accounts(accounts: Sequence[PayeeAccount]) -> None:
    """Set where distributors are paid on a channel, replacing what was set before; statements that waited for it go on.

    Idempotent. Raises Invalid. The account (an openid) is stored sealed and never read back by others.
    """
    tenant_id, now = tenancy.current_tenant_id(), clock.now()
    for one in accounts:
        if not 1 <= len(one.account) <= 128 or not one.account.isprintable() or len(one.account_name) > 80:
            raise Invalid("An account has 1 to 128 printable characters, its name at most 80.", field="account")
    known = {
        (row.distributor_id, row.channel): row
        for row in PayeeRow.objects.filter(tenant_id=tenant_id, distributor_id__in=[one.distributor_id for one in accounts])
    }
    fresh: dict[tuple[int, str], PayeeRow] = {}
    changed: dict[tuple[int, str], PayeeRow] = {}
    for one in accounts:
        key = (one.distributor_id, one.channel)
        row = known.get(key) or PayeeRow(distributor_id=one.distributor_id, channel=one.channel)
        row.account, row.account_name, row.changed_at = one.account, one.account_name or None, now
        (changed if key in known else fresh)[key] = row
    PayeeRow.objects.bulk_create(list(fresh.values()))
    for row in changed.values():  # rare, and only save() seals the new text
        row.save()
    pay_soon(one.distributor_id for one in accounts)
