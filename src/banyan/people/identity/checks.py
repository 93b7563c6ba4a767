"""Tokens never carry more than their owner's roles allow; blind indexes match what they index."""

from __future__ import annotations

from collections.abc import Iterator

from banyan.kernel import ids, secrets, sql, tenancy
from banyan.kernel.verification import Finding, Tally, check
from banyan.people.identity.queries import PHONE
from banyan.people.identity.types import scopes_of

BATCH = 5000


@check("identity.token_scopes")
def check_token_scopes(tally: Tally) -> Iterator[Finding]:
    """A working token's scopes are among those of its user's present roles (users are narrowed when roles are taken)."""
    rows = sql.fetch(
        "SELECT t.id, t.scopes, u.roles FROM identity_tokens t"
        " JOIN identity_users u ON u.tenant_id = t.tenant_id AND u.id = t.user_id"
        " WHERE t.tenant_id = %s AND t.revoked_at IS NULL",
        (tenancy.current_tenant_id(),),
    )
    for token, scopes, roles in rows:
        tally.compared += 1
        too_much = sorted(set(scopes) - scopes_of(roles))
        if too_much:
            yield Finding("identity.token_scopes", ids.public("tok", token), "scopes of the roles only", too_much)


@check("identity.phone_index")
def check_phone_index(tally: Tally) -> Iterator[Finding]:
    """Each blind index is that of the sealed number, and each seal opens."""
    tenant_id, after = tenancy.current_tenant_id(), 0
    while True:
        rows = sql.fetch(
            "SELECT id, phone, phone_index FROM identity_users WHERE tenant_id = %s AND phone IS NOT NULL AND id > %s"
            " ORDER BY id LIMIT %s",
            (tenant_id, after, BATCH),
        )
        if not rows:
            return
        for identity, sealed, index in rows:
            tally.compared += 1
            expected = _index(tenant_id, identity, bytes(sealed))
            if expected != (bytes(index) if index is not None else None):
                yield Finding("identity.phone_index", ids.public("usr", identity), "index of the number", "another value")
        after = rows[-1][0]


def _index(tenant_id: int, identity: int, sealed: bytes) -> bytes | str:
    try:
        return secrets.blind_index(tenant_id, PHONE, secrets.unseal(tenant_id, PHONE, identity, sealed))
    except Exception:  # any failure to open is the finding
        return "does not open"
