"""What happens in the demo world, day by day, from a seed. Pure: no database, no clock; the same seed, the same world.

A person is an index; the runner knows which user and distributor stands behind it. Sizes come from ``Scale`` so that a
test can run a small world and ``make demo`` the full one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈"
    "姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
)
GIVEN = (
    "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂玉萍红玲芬建国华文斌宇浩然欣怡梓涵子轩雨婷思远晓东海"
    "燕春梅志强雅琴俊熙若曦嘉豪诗涵一诺沐阳景行知夏云舒望舒"
)
CITIES = {
    "上海市浦东新区": "310115",
    "浙江省杭州市余杭区": "330110",
    "江苏省苏州市吴中区": "320506",
    "广东省广州市天河区": "440106",
    "广东省深圳市南山区": "440305",
    "四川省成都市武侯区": "510107",
    "北京市朝阳区": "110105",
    "湖北省武汉市洪山区": "420111",
    "陕西省西安市雁塔区": "610113",
    "福建省厦门市思明区": "350203",
    "山东省青岛市市南区": "370202",
    "湖南省长沙市岳麓区": "430104",
}
"""Districts with their codes."""


@dataclass(frozen=True)
class Scale:
    """How large a world to make."""

    distributors: int = 3000
    days: int = 90
    orders_per_day: int = 110
    consumers_per_distributor: float = 1.5


@dataclass(frozen=True)
class DemoPerson:
    """One consumer or distributor. ``sponsor`` is another person's index; None joins directly under the shop."""

    index: int
    login: str
    name: str
    phone: str
    address: str
    region_code: str
    sponsor: int | None


@dataclass(frozen=True)
class DemoOrder:
    """One order: the buyer's index and (SKU position, quantity) lines."""

    key: str
    number: int
    """Position among the day's orders."""
    buyer: int
    lines: tuple[tuple[int, int], ...]
    shipping_minor: int
    discount_minor: int
    minute: int
    receive_after_days: int
    return_units: int
    """How many units of the first line come back, 0 for most orders."""
    return_after_days: int
    abandoned: bool
    """Placed and never paid: it times out."""


@dataclass
class DemoDay:
    """Everything that people decide on one day."""

    number: int
    new_distributors: list[DemoPerson] = field(default_factory=list)
    new_consumers: list[DemoPerson] = field(default_factory=list)
    orders: list[DemoOrder] = field(default_factory=list)


def _person(random: Random, index: int, prefix: str, sponsor: int | None) -> DemoPerson:
    name = random.choice(SURNAMES) + "".join(random.choice(GIVEN) for _ in range(random.choice((1, 2, 2))))
    phone = f"1{random.choice('3578')}{random.randrange(10**9):09d}"
    city, region_code = random.choice(tuple(CITIES.items()))
    address = f"{city}榕树路{random.randrange(1, 400)}号{random.randrange(1, 30)}栋{random.randrange(101, 2800)}室"
    return DemoPerson(index, f"{prefix}{index:05d}", name, phone, address, region_code, sponsor)


def days(scale: Scale, seed: int, sku_prices_minor: list[int]) -> Iterator[DemoDay]:
    """The world's days in order. ``sku_prices_minor`` gives the number and prices of the shop's SKUs.

    Distributors arrive over the first two thirds, most under somebody who already brought many (preferential attachment),
    a few directly. Orders follow a weekly rhythm, popular goods sell more, about one order in thirty is abandoned and one in
    twenty partly or wholly returned.
    """
    random = Random(seed)
    joined: list[int] = []
    attachment: list[int] = []
    buyers: list[int] = []
    next_index = 0
    arrival_days = max(1, scale.days * 2 // 3)
    popularity = [1.0 / (1 + rank) ** 0.6 for rank in range(len(sku_prices_minor))]
    random.shuffle(popularity)
    for number in range(scale.days):
        day = DemoDay(number)
        arriving = _share(scale.distributors, number, arrival_days)
        for _ in range(arriving):
            sponsor = random.choice(attachment) if attachment and random.random() < 0.93 else None
            day.new_distributors.append(_person(random, next_index, "d", sponsor))
            joined.append(next_index)
            attachment.extend([next_index] if sponsor is None else [next_index, sponsor])
            next_index += 1
        for _ in range(round(arriving * scale.consumers_per_distributor)):
            sponsor = random.choice(joined) if random.random() < 0.9 else None
            day.new_consumers.append(_person(random, next_index, "c", sponsor))
            buyers.append(next_index)
            next_index += 1
        rhythm = (0.85, 0.9, 0.95, 1.0, 1.1, 1.25, 1.2)[number % 7] * min(1.0, 0.25 + number / 30)
        for position in range(round(scale.orders_per_day * rhythm) if buyers else 0):
            day.orders.append(_order(random, number, position, buyers, joined, sku_prices_minor, popularity))
        day.orders.sort(key=lambda order: order.minute)
        yield day


def _share(total: int, number: int, parts: int) -> int:
    """How many of ``total`` fall on day ``number`` of ``parts``, evenly and without loss."""
    return 0 if number >= parts else total * (number + 1) // parts - total * number // parts


def _order(
    random: Random, day: int, number: int, buyers: list[int], joined: list[int], prices: list[int], popularity: list[float]
) -> DemoOrder:
    buyer = random.choice(buyers) if random.random() < 0.85 else random.choice(joined)
    skus = {
        sku: random.choice((1, 1, 1, 2, 3))
        for sku in random.choices(range(len(prices)), popularity, k=random.choice((1, 1, 2, 2, 3)))
    }
    gross = sum(prices[sku] * quantity for sku, quantity in skus.items())
    lines = tuple(sorted(skus.items()))
    returned = random.random() < 0.05
    return DemoOrder(
        key=f"day{day}-{number}",
        number=number,
        buyer=buyer,
        lines=lines,
        shipping_minor=0 if gross >= 9900 else 800,
        discount_minor=gross // 20 if random.random() < 0.15 else 0,
        minute=random.randrange(8 * 60, 23 * 60),
        receive_after_days=random.choice((2, 3, 3, 4, 5)),
        return_units=random.randint(1, lines[0][1]) if returned else 0,
        return_after_days=random.choice((6, 7, 9, 25)),
        abandoned=random.random() < 0.03,
    )
