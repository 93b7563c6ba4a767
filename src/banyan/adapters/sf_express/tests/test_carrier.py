"""Each operation over HTTP against the simulator; what goes wrong on the way; what is not believed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from banyan.adapters.sf_express import SfExpressCarrier, SfExpressSettings
from banyan.adapters.simulators.sf_express import Effect, Fault, SfExpressSimulator
from banyan.adapters.simulators.sf_express.protocol import signature
from banyan.kernel import clock
from banyan.trade.fulfillment.types import (
    CarrierError,
    CarrierRejected,
    CarrierUnknown,
    Sender,
    TrackCode,
    WaybillOrder,
)
from banyan.trade.orders.types import Recipient

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
SENDER = Sender("主仓", "0571-88888888", "杭州市钱江路 1 号")
TO = Recipient("王小明", "13800000000", "北京市海淀区 1 号")


@pytest.fixture
def simulator() -> Iterator[SfExpressSimulator]:
    clock.drive(NOW)
    with SfExpressSimulator() as running:
        yield running


@pytest.fixture
def carrier(simulator: SfExpressSimulator) -> SfExpressCarrier:
    return carrier_of(simulator)


def carrier_of(simulator: SfExpressSimulator, checkword: str | None = None) -> SfExpressCarrier:
    settings = SfExpressSettings("BANYAN", checkword or simulator.checkword, "7551234567", simulator.base_url, 1.0, 0.5)
    return SfExpressCarrier(settings)


def order(number: str = "pcl_1") -> WaybillOrder:
    return WaybillOrder(number, SENDER, TO, 1200, 3)


def test_a_waybill_its_label_and_its_way(simulator: SfExpressSimulator, carrier: SfExpressCarrier) -> None:
    assert carrier.find("pcl_1").tracking_number == ""
    booked = carrier.book(order())
    assert booked == carrier.find("pcl_1") and booked.tracking_number.startswith("SF7")
    label = carrier.label(booked.tracking_number)
    assert label.content_type.startswith("text/plain") and "王小明" in label.content.decode()
    for hour, code in enumerate(("50", "30", "44", "80")):
        simulator.happen(booked.tracking_number, code, NOW + timedelta(hours=hour))
    (track,) = carrier.track((booked.tracking_number, "SF000"))
    assert [event.code for event in track.events] == [
        TrackCode.ACCEPTED, TrackCode.IN_TRANSIT, TrackCode.OUT_FOR_DELIVERY, TrackCode.DELIVERED,
    ]  # fmt: skip
    assert track.events[3].occurred_at == NOW + timedelta(hours=3)
    sent = simulator._by_order["pcl_1"].order
    assert (sent["totalWeight"], sent["cargoDetails"][0]["count"]) == (1.2, 3)


@pytest.mark.parametrize("effect", [Effect.LOSE_ANSWER, Effect.ERROR_AFTER, Effect.GARBAGE, Effect.HANG])
def test_whatever_happens_after_the_work_there_is_one_waybill(
    simulator: SfExpressSimulator, carrier: SfExpressCarrier, effect: Effect
) -> None:
    simulator.fail(Fault("create", effect, seconds=0.7))
    with pytest.raises(CarrierUnknown):
        carrier.book(order())
    assert carrier.find("pcl_1").tracking_number == simulator.numbers[0]
    assert carrier.book(order()).tracking_number == simulator.numbers[0]  # asked again: looked up
    assert len(simulator.numbers) == 1


def test_what_was_never_sent_and_what_is_refused(simulator: SfExpressSimulator, carrier: SfExpressCarrier) -> None:
    simulator.fail(Fault("create", Effect.LOSE_REQUEST))
    with pytest.raises(CarrierUnknown):
        carrier.book(order())
    with pytest.raises(CarrierError) as refused:
        carrier.book(WaybillOrder("pcl_2", SENDER, Recipient("王", "138", ""), 1, 1))
    assert (refused.value.permanent, refused.value.code) == (True, "8003")
    with pytest.raises(CarrierError) as forged:
        carrier_of(simulator, "another check word").book(order())
    assert forged.value.code == "A1006"
    settings = SfExpressSettings("BANYAN", "x", "1", "http://127.0.0.1:9")
    with pytest.raises(CarrierError) as nowhere:
        SfExpressCarrier(settings).book(order())
    assert (nowhere.value.permanent, nowhere.value.code) == (False, "unreachable")
    assert simulator.numbers == []


def push_of(
    route: dict[str, str] | None = None, *, checkword: str = "simulated-check-word", at: datetime = NOW
) -> tuple[dict[str, str], bytes]:
    route = route or {
        "mailno": "SF1", "acceptTime": "2026-03-01 16:00:00", "acceptAddress": "杭州", "remark": "已签收", "opCode": "80",
    }  # fmt: skip
    body = json.dumps({"Body": {"WaybillRoute": [route]}}, ensure_ascii=False)
    timestamp = str(int(at.timestamp()))
    return {"Timestamp": timestamp, "msgDigest": signature(body, timestamp, checkword)}, body.encode()


def test_a_push_is_read_and_is_the_same_event_as_in_a_query(simulator: SfExpressSimulator, carrier: SfExpressCarrier) -> None:
    headers, body = push_of()
    (track,) = carrier.parse_push(headers, body)
    assert (track.tracking_number, track.events[0].code, track.events[0].occurred_at) == ("SF1", TrackCode.DELIVERED, NOW)
    booked = carrier.book(order()).tracking_number
    simulator.happen(booked, "80", NOW)
    (asked,) = carrier.track((booked,))
    route = simulator._by_number[booked].routes[0] | {"mailno": booked, "id": "9", "orderid": "pcl_1"}
    (pushed,) = carrier.parse_push(*push_of(route))
    assert asked.events == pushed.events


@pytest.mark.parametrize("wrong", ["checkword", "body", "old", "future", "unsigned", "no_text", "no_routes", "no_time"])
def test_what_is_not_believed(simulator: SfExpressSimulator, carrier: SfExpressCarrier, wrong: str) -> None:
    headers, body = push_of()
    code = "bad_signature"
    if wrong == "checkword":
        headers, body = push_of(checkword="forged")
    elif wrong == "body":
        body = body.replace(b"SF1", b"SF2")
    elif wrong in ("old", "future"):
        headers, body = push_of(at=NOW + timedelta(minutes=6 if wrong == "future" else -6))
        code = "stale_timestamp"
    elif wrong == "unsigned":
        headers = {}
    elif wrong == "no_text":
        body = b"\xff\xfe"
    else:
        route = {"mailno": "SF1", "opCode": "80"} if wrong == "no_time" else {}
        text = json.dumps({"Body": {"WaybillRoute": [route]} if route else {}})
        stamp = str(int(NOW.timestamp()))
        headers, body = {"timestamp": stamp, "msgDigest": signature(text, stamp, simulator.checkword)}, text.encode()
        code = "malformed"
    with pytest.raises(CarrierRejected) as rejected:
        carrier.parse_push(headers, body)
    assert rejected.value.code == code


def test_nothing_secret_is_shown(simulator: SfExpressSimulator) -> None:
    settings = SfExpressSettings("BANYAN", "top-secret-word", "7551234567", simulator.base_url)
    assert "top-secret" not in repr(settings)
    with pytest.raises(ValueError, match="https"):
        SfExpressSettings("BANYAN", "x", "1", "http://sfapi.sf-express.com")
    simulator.fail(Fault("create", Effect.LOSE_ANSWER))
    with pytest.raises(CarrierUnknown) as lost:
        SfExpressCarrier(settings).book(order())
    with pytest.raises(CarrierError) as refused:
        SfExpressCarrier(settings).book(order())
    for text in (str(lost.value), str(refused.value)):
        assert "王小明" not in text and "138" not in text and "top-secret" not in text


@pytest.mark.parametrize("code", ["A1009", "A1099", "4001", "S0003"])
def test_what_failed_behind_the_platform_is_unclear(simulator: SfExpressSimulator, carrier: SfExpressCarrier, code: str) -> None:
    simulator.fail(Fault("create", Effect.ERROR, status=200, code=code))
    with pytest.raises(CarrierUnknown):
        carrier.book(order())
    assert carrier.book(order()).tracking_number == simulator.numbers[0]


@pytest.mark.parametrize(
    ("code", "permanent"), [("A1002", False), ("A1005", False), ("A1001", True), ("A1004", True), ("8114", True)]
)
def test_only_what_passes_is_tried_again(
    simulator: SfExpressSimulator, carrier: SfExpressCarrier, code: str, permanent: bool
) -> None:
    simulator.fail(Fault("create", Effect.ERROR, status=200, code=code))
    with pytest.raises(CarrierError) as refused:
        carrier.book(order())
    assert (refused.value.code, refused.value.permanent) == (code, permanent)
    assert simulator.numbers == []


@pytest.mark.parametrize("code", ["6150", "8018", "8024"])
def test_a_number_that_the_platform_does_not_know(simulator: SfExpressSimulator, carrier: SfExpressCarrier, code: str) -> None:
    simulator.fail(Fault("search", Effect.ERROR, status=200, code=code))
    assert carrier.find("pcl_1").tracking_number == ""
