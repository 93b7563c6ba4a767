"""Where distributors are paid."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from banyan.earnings.settlement.commands.locking import pay_soon
from banyan.earnings.settlement.models import PayeeRow
from banyan.earnings.settlement.types import PayeeAccount
from banyan.kernel import clock, tenancy
from banyan.kernel.values.errors import Invalid

Key = tuple[int, str]
"""Distributor and channel."""


def set_payee_accounts(accounts: Sequence[PayeeAccount]) -> None:
    """Set where distributors are paid on a channel, replacing what was set before; statements that waited for it go on.

    Idempotent; of two at the same moment the later one stands. Raises Invalid. The account (an openid) is stored sealed and
    never read back by others.
    """
    for one in accounts:
        if not 1 <= len(one.account) <= 128 or not one.account.isprintable() or len(one.account_name) > 80:
            raise Invalid("An account has 1 to 128 printable characters, its name at most 80.", field="account")
    # One order of keys for everybody, so that two batches with the same distributors wait for each other and go on.
    wanted = dict(sorted(((one.distributor_id, one.channel), one) for one in accounts))
    known = _known(wanted)
    fresh = [_filled(PayeeRow(distributor_id=key[0], channel=key[1]), one) for key, one in wanted.items() if key not in known]
    PayeeRow.objects.bulk_create(fresh, ignore_conflicts=True)
    if fresh:
        known = _known(wanted)  # with those that somebody else set at this moment: we came later, so ours stands
    ours = {row.pk for row in fresh}
    for key, one in wanted.items():
        if known[key].pk not in ours:  # rare, and only save() seals the new text
            _filled(known[key], one).save()
    pay_soon(one.distributor_id for one in accounts)


def _known(keys: Collection[Key]) -> dict[Key, PayeeRow]:
    rows = PayeeRow.objects.filter(tenant_id=tenancy.current_tenant_id(), distributor_id__in={key[0] for key in keys})
    return {(row.distributor_id, row.channel): row for row in rows}


def _filled(row: PayeeRow, account: PayeeAccount) -> PayeeRow:
    row.account, row.account_name, row.changed_at = account.account, account.account_name or None, clock.now()
    return row
