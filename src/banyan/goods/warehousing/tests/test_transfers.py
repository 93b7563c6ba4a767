"""Goods leave, are on the way, come in by parts, are lost with a reason."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import IntegrityError, connections, transaction

from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.types import LotRule, NewChannelStock, Pieces, ReserveLine
from banyan.goods.warehousing import commands, queries
from banyan.goods.warehousing.tests.making import BOSS, CLERK, Places, make_lots, make_places
from banyan.goods.warehousing.types import Arrived, NewTransfer, TransferState, Wanted
from banyan.kernel import clock, sql
from banyan.kernel.values.errors import Invalid


def drafted(places: Places, *pieces: int, back: bool = False) -> Any:
    lines = [Wanted(sku, n) for sku, n in zip(places.skus, pieces, strict=False) if n]
    way = (places.there, places.here) if back else (places.here, places.there)
    return commands.draft_transfer(NewTransfer(*way, lines), CLERK)


def lines_of(transfer_id: Any) -> list[Any]:
    found = queries.find_transfer(transfer_id)
    assert found is not None
    return list(found.lines)


def state_of(transfer_id: Any) -> TransferState:
    found = queries.find_transfer(transfer_id)
    assert found is not None
    return found.state


def test_sent_received_in_parts_and_lost_on_the_way(tenant: Any) -> None:
    with tenant.enter():
        places = make_places([10, 5])
        a, b = places.skus
        transfer_id = drafted(places, 6, 2)
        assert places.on_hand(a) == (10, 0)
        now = clock.now()
        commands.send_transfer(transfer_id, now)
        commands.send_transfer(transfer_id, now)
        assert (places.on_hand(a), places.on_hand(b)) == ((4, 0), (3, 0))
        assert queries.incoming([a, b]) == {(a, places.there): 6, (b, places.there): 2}
        first, second = lines_of(transfer_id)
        assert commands.receive_transfer(transfer_id, [Arrived(first.line_id, 4)], "r1", BOSS, now) is TransferState.RECEIVING
        assert commands.receive_transfer(transfer_id, [Arrived(first.line_id, 4)], "r1", BOSS, now) is TransferState.RECEIVING
        assert queries.incoming([a]) == {(a, places.there): 2}
        with pytest.raises(Invalid):
            commands.receive_transfer(transfer_id, [Arrived(first.line_id, 0, 1)], "r2", BOSS, now)
        with pytest.raises(commands.MoreThanSent), transaction.atomic():
            commands.receive_transfer(transfer_id, [Arrived(first.line_id, 3)], "r2", BOSS, now)
        rest = [Arrived(first.line_id, 1, 1, "破损"), Arrived(second.line_id, 2)]
        assert commands.receive_transfer(transfer_id, rest, "r3", BOSS, now) is TransferState.CLOSED
        assert (places.on_hand(a), places.on_hand(b), queries.incoming([a, b])) == ((4, 5), (3, 2), {})
        loss = [m for m in stock.list_movements(a) if m.kind == "transfer_loss"]
        assert [(m.quantity_change, m.warehouse_id, m.reference.split()[1]) for m in loss] == [(-1, places.there, "破损")]
        assert [one.lost for one in queries.list_receipts(transfer_id)] == [0, 1, 0]
        with pytest.raises(commands.NotOnTheWay):
            commands.receive_transfer(transfer_id, [Arrived(first.line_id, 1)], "r4", BOSS, now)
    assert tenant.verify() == []


def test_what_is_promised_or_set_aside_does_not_leave(tenant: Any) -> None:
    with tenant.enter():
        places = make_places([10, 5])
        a = places.skus[0]
        inventory.reserve([ReserveLine(1, 11, a, 3)])
        inventory.set_aside([NewChannelStock("live/1", a, 2)])
        transfer_id = drafted(places, 6, 5)
        with pytest.raises(inventory.StockPromised) as refused, transaction.atomic():
            commands.send_transfer(transfer_id, clock.now())
        assert (refused.value.details["requested"], refused.value.details["available"]) == (6, 5)
        assert places.on_hand(a) == (10, 0) and state_of(transfer_id) is TransferState.DRAFT
        commands.cancel_transfer(transfer_id)
        commands.cancel_transfer(transfer_id)
        with pytest.raises(commands.NotDrafted):
            commands.send_transfer(transfer_id, clock.now())
        other = drafted(places, 5)
        commands.send_transfer(other, clock.now())
        with pytest.raises(commands.NotDrafted):
            commands.cancel_transfer(other)
    assert tenant.verify() == []


def test_lots_travel_with_the_pieces_first_expired_first(tenant: Any) -> None:
    with tenant.enter():
        places = make_places([0])
        (a,) = places.skus
        lots = make_lots(places, a, {"L1": 3, "L2": 9})
        transfer_id, now = drafted(places, 5), clock.now()
        commands.send_transfer(transfer_id, now)
        found = {line.lot_id: line for line in lines_of(transfer_id)}
        assert {lot_id: line.quantity for lot_id, line in found.items()} == {lots["L1"]: 3, lots["L2"]: 2}
        told = [Arrived(found[lots["L1"]].line_id, 2, 1, "丢失"), Arrived(found[lots["L2"]].line_id, 2)]
        commands.receive_transfer(transfer_id, told, "r", BOSS, now)
        lying = {(one.lot_id, one.warehouse_id): one.on_hand for one in stock.lot_stock([a]) if one.on_hand}
        assert lying == {(lots["L1"], places.there): 2, (lots["L2"], places.there): 2, (lots["L2"], places.here): 7}
        named = commands.draft_transfer(NewTransfer(places.here, places.there, [Wanted(a, 8, lots["L2"])]), CLERK)
        with pytest.raises((inventory.LotShort, inventory.StockPromised)), transaction.atomic():
            commands.send_transfer(named, now)
        with pytest.raises(inventory.UnknownLot):
            commands.draft_transfer(NewTransfer(places.here, places.there, [Wanted(a, 8, 12345)]), CLERK)  # type: ignore[arg-type]
    assert tenant.verify() == []


@pytest.mark.parametrize("with_lots", [True, False], ids=["with lots", "without"])
def test_what_is_on_the_way_can_be_received_whatever_becomes_of_its_lots(tenant: Any, with_lots: bool) -> None:
    """Nobody tracks lots of a SKU, or ceases to, while pieces of it travel."""
    with tenant.enter():
        places = make_places([0 if with_lots else 5])
        (a,) = places.skus
        if with_lots:
            make_lots(places, a, {"L1": 5})
        transfer_id = drafted(places, 5)
        commands.send_transfer(transfer_id, clock.now())

        def turn() -> int:
            return inventory.untrack_lots([a]) if with_lots else inventory.track_lots([LotRule(a)])

        with pytest.raises(inventory.PiecesOnTheWay):
            turn()
        told = [Arrived(line.line_id, 4, 1, "丢失") for line in lines_of(transfer_id)]
        commands.receive_transfer(transfer_id, told, "r", BOSS, clock.now())
        if with_lots:
            ((lot, place, pieces),) = ((k.lot_id, k.warehouse_id, k.on_hand) for k in stock.lot_stock([a]) if k.on_hand)
            inventory.scrap([Pieces(place, a, pieces, "过期", lot)], from_quarantine=False)
        assert turn() == 1
    assert tenant.verify() == []


@pytest.mark.parametrize("pieces", [(0,), (-1,), (2_000_000_000,)])
def test_bad_drafts_are_refused(tenant: Any, pieces: tuple[int, ...]) -> None:
    with tenant.enter():
        places = make_places([1])
        a = places.skus[0]
        with pytest.raises(Invalid):
            commands.draft_transfer(NewTransfer(places.here, places.there, [Wanted(a, n) for n in pieces]), CLERK)
        with pytest.raises(Invalid):
            commands.draft_transfer(NewTransfer(places.here, places.here, [Wanted(a, 1)]), CLERK)
        with pytest.raises(Invalid):
            commands.draft_transfer(NewTransfer(places.here, places.there, [Wanted(a, 1), Wanted(a, 2)]), CLERK)
        with pytest.raises(inventory.UnknownWarehouse):
            commands.draft_transfer(NewTransfer(places.here, 5, [Wanted(a, 1)]), CLERK)  # type: ignore[arg-type]
        with pytest.raises(commands.UnknownTransfer):
            commands.send_transfer(5, clock.now())  # type: ignore[arg-type]


def test_the_table_refuses_more_than_was_sent_and_receipts_are_immutable(tenant: Any) -> None:
    with tenant.enter():
        places = make_places([5])
        transfer_id = drafted(places, 5)
        commands.send_transfer(transfer_id, clock.now())
        (line,) = lines_of(transfer_id)
        commands.receive_transfer(transfer_id, [Arrived(line.line_id, 1)], "r", BOSS, clock.now())
        with pytest.raises(IntegrityError), transaction.atomic():
            sql.execute("UPDATE warehousing_transfer_lines SET received = 6")
        with pytest.raises(Exception, match=r"immutable|denied"), transaction.atomic():
            sql.execute("UPDATE warehousing_transfer_receipts SET received = 2")


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE warehousing_transfer_lines SET received = received + 1, lost = 0",
        "UPDATE warehousing_transfers SET state = 'sent'",
        "UPDATE warehousing_transfer_lines SET quantity = quantity + 1",
    ],
)
def test_verify_finds_planted_damage(tenant: Any, damage: str) -> None:
    with tenant.enter():
        places = make_places([5])
        transfer_id = drafted(places, 4)
        commands.send_transfer(transfer_id, clock.now())
        (line,) = lines_of(transfer_id)
        commands.receive_transfer(transfer_id, [Arrived(line.line_id, 1, 1, "雨淋")], "r", BOSS, clock.now())
    assert tenant.verify() == []
    with tenant.enter():
        sql.execute(damage)
    assert {f.check for f in tenant.verify()} == {"warehousing.transfers"}


def test_transfers_both_ways_at_once_do_not_deadlock(tenant: Any) -> None:
    with tenant.enter():
        places = make_places([200, 200])
        first = drafted(places, 100, 100)
        commands.send_transfer(first, clock.now())
        for line in lines_of(first):
            commands.receive_transfer(first, [Arrived(line.line_id, 100)], f"r{line.line_id}", BOSS, clock.now())
    errors: list[BaseException] = []

    def carry(worker: int) -> None:
        try:
            for turn in range(8):
                with tenant.enter():
                    transfer_id = drafted(places, 1, 1, back=bool(worker % 2))
                    commands.send_transfer(transfer_id, clock.now())
                with tenant.enter():
                    told = [Arrived(line.line_id, 1) for line in lines_of(transfer_id)]
                    commands.receive_transfer(transfer_id, told[:: 1 if turn % 2 else -1], "r", BOSS, clock.now())
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=carry, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with tenant.enter():
        assert [sum(places.on_hand(sku)) for sku in places.skus] == [200, 200]
    assert tenant.verify() == []


def test_a_sku_goes_with_lots_or_without(tenant: Any) -> None:
    """Else the lot that is chosen at sending could be the one that another line names."""
    with tenant.enter():
        places = make_places([0])
        (a,) = places.skus
        lot = make_lots(places, a, {"L1": 9})["L1"]
        with pytest.raises(Invalid, match="with a lot and without"):
            commands.draft_transfer(NewTransfer(places.here, places.there, [Wanted(a, 2), Wanted(a, 3, lot)]), CLERK)
