"""What ``banyan verify`` recomputes of fulfillment: parcels and stock say the same."""

from __future__ import annotations

from collections.abc import Iterator

from banyan.goods.inventory import queries as inventory
from banyan.goods.inventory.types import ReservationState
from banyan.kernel import ids, sql
from banyan.kernel.tenancy import current_tenant_id
from banyan.kernel.verification import Finding, Tally, check
from banyan.trade.fulfillment import queries
from banyan.trade.fulfillment.engine.tracking import standing
from banyan.trade.fulfillment.types import ParcelState, TrackCode, TrackEvent

PAGE = 2_000

_COUNTS = """
WITH lying AS (
  SELECT p.fulfillment_id, l.line_id, sum(l.quantity) FILTER (WHERE p.state <> 'void') AS packed,
         sum(l.quantity) FILTER (WHERE p.state NOT IN ('void', 'packed')) AS shipped
  FROM fulfillment_parcel_lines l JOIN fulfillment_parcels p ON p.tenant_id = l.tenant_id AND p.id = l.parcel_id
  WHERE l.tenant_id = %(tenant)s GROUP BY p.fulfillment_id, l.line_id
)
SELECT fulfillment_id, line_id, coalesce(y.packed, 0)::bigint, coalesce(y.shipped, 0)::bigint,
       coalesce(l.packed_quantity, 0)::bigint, coalesce(l.shipped_quantity, 0)::bigint
FROM (SELECT * FROM fulfillment_lines WHERE tenant_id = %(tenant)s) l FULL JOIN lying y USING (fulfillment_id, line_id)
"""


@check("fulfillment.lines")
def lines(tally: Tally) -> Iterator[Finding]:
    """Packed and shipped pieces of every line are those that lie in its parcels."""
    rows = sql.fetch(_COUNTS, {"tenant": current_tenant_id()})  # type: ignore[arg-type]
    tally.compared += 2 * len(rows)
    for fulfillment_id, line_id, packed, shipped, counted_packed, counted_shipped in rows:
        expected = {"packed": packed, "shipped": shipped}
        actual = {"packed": counted_packed, "shipped": counted_shipped}
        if expected != actual:
            yield Finding("fulfillment.lines", f"fulfillment_lines/{fulfillment_id} line {line_id}", expected, actual)


@check("fulfillment.goods")
def goods(tally: Tally) -> Iterator[Finding]:
    """What left in an order's parcels is exactly what the stock sent for it, line by line and warehouse by warehouse."""
    after = 0
    while True:
        rows = sql.fetch(
            "SELECT order_id FROM (SELECT order_id FROM fulfillment_parcels WHERE tenant_id = %(tenant)s AND state NOT IN"
            " ('packed', 'void') UNION SELECT order_id FROM fulfillments WHERE tenant_id = %(tenant)s AND state NOT IN ('open',"
            " 'cancelled')) sent WHERE order_id > %(after)s ORDER BY order_id LIMIT %(limit)s",
            {"tenant": current_tenant_id(), "after": after, "limit": PAGE},  # type: ignore[arg-type]
        )
        if not rows:
            return
        after = rows[-1][0]
        in_parcels = queries.shipped_pieces([row[0] for row in rows])
        sent: dict[tuple[int, int, int], int] = {}
        for reservations in inventory.list_reservations([row[0] for row in rows]).values():
            for one in reservations:
                if one.state is ReservationState.SHIPPED:
                    place = (one.order_id, one.line_id, int(one.warehouse_id))
                    sent[place] = sent.get(place, 0) + one.quantity
        tally.compared += len(sent.keys() | in_parcels.keys())
        for place in sorted(sent.keys() | in_parcels.keys()):
            if sent.get(place, 0) != in_parcels.get(place, 0):
                subject = f"{ids.public('ord', place[0])} line {place[1]} warehouse {place[2]}"
                yield Finding("fulfillment.goods", subject, sent.get(place, 0), in_parcels.get(place, 0))


@check("fulfillment.tracks")
def tracks(tally: Tally) -> Iterator[Finding]:
    """A parcel whose carrier told of it is where its events say, unless somebody else said that it arrived or is back."""
    after = 0
    while True:
        rows = sql.fetch(
            "SELECT id, carrier, tracking_number, state FROM fulfillment_parcels p WHERE tenant_id = %s AND id > %s"
            " AND state NOT IN ('packed', 'void', 'taken_back') AND delivered_by IN ('', 'carrier') AND EXISTS (SELECT 1 FROM"
            " fulfillment_track_events e WHERE e.tenant_id = p.tenant_id AND e.carrier = p.carrier AND e.tracking_number ="
            " p.tracking_number) ORDER BY id LIMIT %s",
            (current_tenant_id(), after, PAGE),
        )
        if not rows:
            return
        after = rows[-1][0]
        tally.compared += len(rows)
        told: dict[tuple[str, str], list[TrackEvent]] = {}
        for carrier, number, key, code, occurred_at in sql.fetch(
            "SELECT carrier, tracking_number, key, code, occurred_at FROM fulfillment_track_events WHERE tenant_id = %s"
            " AND tracking_number = ANY(%s::text[])",
            (current_tenant_id(), sorted({row[2] for row in rows})),
        ):
            told.setdefault((carrier, number), []).append(TrackEvent(key, TrackCode(code), occurred_at))
        for parcel_id, carrier, number, state in rows:
            expected = standing(told[carrier, number]).state
            if expected is not ParcelState(state):
                yield Finding("fulfillment.tracks", ids.public("pcl", parcel_id), expected.value, state)
