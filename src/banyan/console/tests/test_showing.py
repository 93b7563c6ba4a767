"""Money, rates and masks as the screens show them, by table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.utils import translation

from banyan.console import showing
from banyan.earnings.settlement import queries as settlement
from banyan.earnings.settlement.commands import opening
from banyan.earnings.settlement.types import CarryReason, WaitReason
from banyan.kernel.values.masks import masked, masked_address
from banyan.treasury.payouts.types import PayoutState


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (0, "CNY", "¥0.00"), (5, "CNY", "¥0.05"), (123_456, "CNY", "¥1,234.56"), (-123_456_789, "CNY", "-¥1,234,567.89"),
        (1234, "KRW", "₩1,234"), (1234, "USD", "$12.34"), (1234, "XYZ", "XYZ 12.34"), (None, "CNY", "–"),
        (9_223_372_036_854_775_807, "CNY", "¥92,233,720,368,547,758.07"),
    ],
)  # fmt: skip
def test_money(minor: int | None, currency: str, shown: str) -> None:
    assert showing.money(minor, currency) == shown


@pytest.mark.parametrize(
    ("rate", "shown"), [(0, "0%"), (50, "0.5%"), (125, "1.25%"), (1000, "10%"), (10_000, "100%"), (5, "0.05%"), (None, "–")]
)
def test_percent(rate: int | None, shown: str) -> None:
    assert showing.percent(rate) == shown


def test_rates_are_written_in_one_way() -> None:
    """Nobody puts a percent sign behind a number of basis points but `format_rate`: 8% here and 8.00% there are two words."""
    by_hand = re.compile(r":(02d|g|\.\df)\} ?%|:\.\d%\}")
    outside = {"config", "simulators"}  # benches for the terminal, and files that a channel writes in its own way
    source = Path(showing.__file__).parents[1]
    read = [path for path in source.rglob("*.py") if not outside & set(path.parts) and "tests" not in path.parts]
    assert len(read) > 300
    assert [path.name for path in read if by_hand.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("张三", "张*"),
        ("欧阳娜娜", "欧***"),
        ("A", "A*"),
        ("13800138000", "138******00"),
        ("", "–"),
        (None, "–"),
        ("阿依古丽·买买提", "阿***"),
    ],
)
def test_masks_never_show_the_whole(text: str | None, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    ("address", "region_code", "shown"),
    [
        ("杭州市西湖区 1 号", "330106", "浙江省杭州市西湖区***"),
        ("浙江省 杭州市 西湖区 文三路 1 号", "", "浙江省杭州市西湖区***"),
        ("上海市浦东新区世纪大道 1 号", "", "上海市浦东新区***"),
        ("浙江省义乌市稠城街道 1 号", "", "浙江省金华市义乌市***"),
        ("吉林省吉林市昌邑区 1 号", "220200", "吉林省吉林市昌邑区***"),
        ("杭州市阳光小区 3 幢", "", "浙江省杭州市***"),  # a housing estate is no district
        ("河北省桥西区 1 号", "", "河北省***"),  # three cities have one
        ("某县城 1 号", "330100", "浙江省杭州市***"),
        ("西湖区 1 号", "", "***"),
        ("1 Fifth Avenue", "000000", "***"),
        (" ", "330106", "–"),
        (None, "", "–"),
    ],
)
def test_an_address_is_told_down_to_its_district(address: str | None, region_code: str, shown: str) -> None:
    assert masked_address(address, region_code) == shown


def test_values_of_facts_are_read_by_people() -> None:
    with translation.override("zh-hans"):
        assert [showing.value_words(each) for each in (None, True, False, 3, "x", [1, 2])] == ["–", "是", "否", "3", "x", "1, 2"]
        assert showing.value_words({"fine_hkd": 5, "in": [True]}) == "fine hkd: 5; in: 是"


def test_reasons_of_the_houses_are_words_and_those_of_people_stay() -> None:
    with translation.override("zh-hans"):
        assert [showing.reason_of(each) for each in ("joined", "applied", "换团队", "")] == [
            "随加入关系网",
            "随申请",
            "换团队",
            "–",
        ]
    with translation.override("en"):
        assert showing.reason_of("joined") == "on joining"


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("below_minimum", "未达最低结算金额"), ("no_account", "没有收款账户"), ("failed: NOT_ENOUGH", "付款失败 (NOT_ENOUGH)"),
        ("expired", "未在期限内确认收款"), ("请核对: 金额", "请核对: 金额"), ("", "–"),
    ],
)  # fmt: skip
def test_why_a_statement_waits_is_said_in_words(reason: str, shown: str) -> None:
    with translation.override("zh-hans"):
        assert settlement.reason_words(reason) == shown


def test_every_reason_that_settlement_gives_itself_has_words() -> None:
    given = [*CarryReason, WaitReason.FROZEN, WaitReason.NO_ACCOUNT, opening.INSUFFICIENT, "reversed_meanwhile"]
    ends = [PayoutState.FAILED, PayoutState.EXPIRED, PayoutState.CANCELLED, PayoutState.RETURNED]
    with translation.override("zh-hans"):
        assert [each for each in [*given, *ends] if settlement.reason_words(str(each)) == str(each)] == []
