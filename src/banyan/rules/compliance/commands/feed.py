"""Taking updates of the law: verified, kept for ever, told to every shop that stands under it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Max

from banyan.kernel import clock, events, sql, tenancy
from banyan.kernel.tenancy import context
from banyan.kernel.values.errors import Refusal
from banyan.rules.compliance import engine, ports, queries
from banyan.rules.compliance.events import LawChanged
from banyan.rules.compliance.models import LawUpdateRow
from banyan.rules.compliance.types import FeedWay, MissingUpdates, SignedUpdate

GAP_AGAIN: Final = timedelta(hours=1)
_asked: dict[MissingUpdates, datetime] = {}
"""When the feed was asked for a gap by this process."""


class UpdateRefused(Refusal):
    """An update that cannot be believed, or that does not fit what is known."""

    code = "law_update_refused"
    status = 422
    advice = "Have the feed's operator sign the update with a key that this installation trusts, and check its facts and ids."


def receive_update(body: bytes, way: FeedWay = FeedWay.PUSHED) -> int | None:
    """Keep one signed update for the whole installation and return its id; None when it was there already.

    The law of the named jurisdictions is from now on what the files and all updates say together; `tell_shops` makes live
    plans be judged again. Needs no tenant. Raises UpdateRefused: bad signature, unknown key or jurisdiction, an id twice.
    """
    try:
        update = engine.open_update(body, ports.trusted_keys())
    except engine.FeedRejected as error:
        raise UpdateRefused(f"The update was refused: {error}.") from error
    with transaction.atomic(using=context.alias()):
        _lock_law()
        return _keep(update, way)


def _lock_law() -> None:
    """One update at a time, until it is committed: each must fit what the others say, and whoever read the law up to the latest
    has read them all."""
    sql.fetch("SELECT 1 FROM pg_advisory_xact_lock(hashtext('compliance.law'), 0)")


def _keep(update: SignedUpdate, way: FeedWay) -> int | None:
    kept = LawUpdateRow.objects.filter(key_id=update.key_id, sequence=update.sequence).values_list("payload", flat=True).first()
    if kept is not None:
        if kept != update.payload:
            raise UpdateRefused("Another update of this issuer has the same sequence.", sequence=update.sequence)
        return None
    _must_fit(update)
    row = sql.fetch(
        "INSERT INTO compliance_law_updates (key_id, sequence, issued_at, received_at, way, jurisdictions, payload, signature)"
        " VALUES (%s, %s, %s, %s, %s, %s::jsonb, %s, %s) RETURNING id",
        (
            update.key_id,
            update.sequence,
            update.issued_at,
            clock.now(),
            way.value,
            json.dumps(sorted({one.jurisdiction for one in update.amendments})),
            update.payload,
            update.signature,
        ),
    )
    return int(row[0][0])


def tell_shops(update_id: int) -> int:
    """Tell every shop under the update's jurisdictions that its law changed; returns how many. Enters each itself.

    Telling twice is harmless: plans are judged again and nothing is found.
    """
    row = LawUpdateRow.objects.get(pk=update_id)
    told = 0
    for tenant_id in tenancy.list_tenant_ids():
        code = tenancy.get_tenant(tenant_id).jurisdiction.lower()
        if code in row.jurisdictions:
            with tenancy.enter(tenant_id, actor="compliance.feed", reason=f"law update {row.key_id}/{row.sequence}"):
                events.record([LawChanged(code, update_id, clock.now())])
            told += 1
    return told


def pull_updates() -> int:
    """Ask the feed for what is new, and for what is missing before an update that it pushed; returns how many updates were new.

    Runs outside of a tenant. A gap that the feed does not fill is asked for again after GAP_AGAIN.
    """
    feed = ports.feed()
    if feed is None:
        return 0
    latest = LawUpdateRow.objects.aggregate(latest=Max("sequence"))["latest"] or 0
    new = _take(feed.updates_after(latest))
    now = clock.now()
    for gap in queries.list_missing_updates():
        if gap not in _asked or not timedelta() <= now - _asked[gap] < GAP_AGAIN:
            new += _take(feed.updates_after(gap.first - 1))
            _asked[gap] = now
    return new


def _take(bodies: Sequence[bytes]) -> int:
    new = 0
    for body in bodies:
        update_id = receive_update(body, FeedWay.PULLED)
        if update_id is not None:
            tell_shops(update_id)
            new += 1
    return new


def _must_fit(update: SignedUpdate) -> None:
    for amendment in update.amendments:
        known = queries.find_jurisdiction(amendment.jurisdiction)
        if known is None:
            raise UpdateRefused(f"There is no jurisdiction {amendment.jurisdiction}.", jurisdiction=amendment.jurisdiction)
        try:
            engine.amend(known, amendment)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UpdateRefused(f"The update does not fit the law of {amendment.jurisdiction}: {str(error)[:200]}.") from error
