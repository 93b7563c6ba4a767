"""Asking for payouts. The amount leaves payable at once, so it cannot be promised twice."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence

from django.db import transaction

from banyan.kernel import clock, ids, sql, tenancy
from banyan.kernel.secrets import seal
from banyan.kernel.tenancy import context
from banyan.kernel.values.errors import Conflict, Invalid
from banyan.treasury.ledger import commands as ledger
from banyan.treasury.ledger.types import AccountKind, AccountRef, EntryKind, NewEntry
from banyan.treasury.payouts.models import PayoutRow
from banyan.treasury.payouts.types import NewPayout, PayoutId

CLEARING = AccountRef(AccountKind.PAYOUT_CLEARING)
_COLUMNS = (
    "id", "distributor_id", "statement_id", "channel", "account", "account_name", "out_bill_no", "reference", "state",
    "amount_minor", "currency", "key", "attempt_count", "ask_count", "failure_code", "failure", "confirm_package", "held_reason",
    "requested_at", "due_at",
)  # fmt: skip


class PayoutKeyReused(Conflict):
    """A payout key came again with another receiver or amount."""

    code = "payout_key_reused"
    advice = "Use a new key for a new payout."


class UnknownPayoutChannel(Invalid):
    """Not the name of a payout channel."""

    code = "unknown_payout_channel"
    advice = "Use one of the channels that the shop has set up."


def request_payouts(wishes: Sequence[NewPayout]) -> list[PayoutId]:
    """Ask for payouts; returns ids in order. Amounts in minor units. A job hands them to the channel.

    Idempotent by key. Posts payable → payout_clearing with the request, so of many requests for one balance only as many
    succeed as it covers. All or nothing: raises Invalid, PayoutKeyReused, or ledger.InsufficientBalance; nothing is kept.
    """
    if not wishes:
        return []
    by_key: dict[str, NewPayout] = {}
    for wish in wishes:
        _check(wish)
        if by_key.setdefault(wish.key, wish) != wish:
            raise PayoutKeyReused(f"The key {wish.key} appears twice with different content.", key=wish.key)
    with transaction.atomic(using=context.alias()):
        made = _insert(list(by_key.values()))
        fresh = {key: payout_id for key, (payout_id, is_new) in made.items() if is_new}
        ledger.post([_entry(payout_id, by_key[key]) for key, payout_id in fresh.items()])
    return [PayoutId(made[wish.key][0]) for wish in wishes]


def _check(wish: NewPayout) -> None:
    if wish.amount_minor <= 0:
        raise Invalid("A payout is above zero.", field="amount_minor")
    if not 0 < len(wish.key) <= 120:
        raise Invalid("A payout key has 1 to 120 characters.", field="key")
    if not wish.account or len(wish.account) > 128:
        raise Invalid("A payout needs the receiver's account at the channel.", field="account")
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", wish.channel):
        raise UnknownPayoutChannel("Not the name of a payout channel.", field="channel")


def _insert(wishes: Sequence[NewPayout]) -> dict[str, tuple[int, bool]]:
    """Per key the payout's id and whether it is new. Keys asked for before, or at the same time elsewhere, keep theirs."""
    now, tenant_id = clock.now(), tenancy.current_tenant_id()
    rows = []
    for new_id, wish in zip(ids.next_ids(len(wishes)), sorted(wishes, key=lambda wish: wish.key), strict=True):
        account = seal(tenant_id, "payouts_payouts.account", new_id, wish.account)
        name = seal(tenant_id, "payouts_payouts.account_name", new_id, wish.account_name)
        rows.append(
            (
                new_id, wish.distributor_id, wish.statement_id, wish.channel, account, name, secrets.token_hex(16), "",
                "requested", wish.amount_minor, wish.currency, wish.key, 0, 0, "", "", "", "", now, now,
            )
        )  # fmt: skip
    kept = "ON CONFLICT (tenant_id, key) DO NOTHING"
    made = {row[0]: (row[1], True) for row in sql.insert(PayoutRow, _COLUMNS, rows, on_conflict=kept, returning="key, id")}
    missed = {wish.key: wish for wish in wishes if wish.key not in made}
    if missed:
        found = sql.fetch(
            "SELECT key, id, distributor_id, amount_minor, currency FROM payouts_payouts"
            " WHERE tenant_id = %s AND key = ANY(%s::text[])",
            (tenant_id, sql.array_literal(missed)),
        )
        for key, payout_id, *terms in found:
            wish = missed[key]
            if terms != [wish.distributor_id, wish.amount_minor, wish.currency]:
                raise PayoutKeyReused(f"The key {key} was used for another payout.", key=key)
            made[key] = (payout_id, False)
    return made


def _entry(payout_id: int, wish: NewPayout) -> NewEntry:
    payable = AccountRef(AccountKind.DISTRIBUTOR_PAYABLE, wish.distributor_id)
    return NewEntry(
        EntryKind.PAYOUT_SUBMITTED,
        "payout",
        payout_id,
        clock.now(),
        ((payable, wish.amount_minor), (CLEARING, -wish.amount_minor)),
        f"payout:{payout_id}:submitted",
        wish.currency,
    )
