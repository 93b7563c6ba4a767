"""The shop's stock codes as goods: categories by words in their titles."""

from __future__ import annotations

from collections import Counter

from banyan.goods.catalog.types import CategoryId, NewCategory, NewProduct, NewSku
from banyan.kernel.values.errors import Invalid

from .stream import CHARGES, Stream

_WORDS = (
    ("christmas", ("CHRISTMAS", "ADVENT", "SANTA", "REINDEER", "SNOW")),
    ("lighting", ("LIGHT", "LAMP", "LANTERN", "CANDLE")),
    ("bags", ("BAG",)),
    ("kitchen", ("CAKE", "TEA", "MUG", "PLATE", "BOWL", "JAR", "KITCHEN", "LUNCH", "BOTTLE")),
)
CATEGORY_CODES = (*(code for code, _ in _WORDS), "other", "charges")


def categories() -> list[NewCategory]:
    """One flat set of categories, made up here: the data has none."""
    return [NewCategory(code, code, code, position=place) for place, code in enumerate(CATEGORY_CODES)]


def category_of(code: str, title: str) -> str:
    if code in CHARGES:
        return "charges"
    upper = title.upper()
    return next((name for name, words in _WORDS if any(word in upper for word in words)), "other")


def products(stream: Stream, category_ids: dict[str, CategoryId]) -> tuple[list[str], list[NewProduct]]:
    """Every stock code as a product of one SKU at its most common price; the orders bring their own prices."""
    prices: dict[str, Counter[int]] = {}
    for sale in stream.sales:
        for line in sale.lines:
            prices.setdefault(line.code, Counter())[line.unit_minor] += 1
    codes = sorted(prices)
    made = []
    for code in codes:
        title = stream.titles.get(code) or code
        category = category_of(code, title)
        is_goods = category != "charges"  # nobody earns on postage and fees
        price = prices[code].most_common(1)[0][0]
        made.append(NewProduct(code, title, category_ids[category], (NewSku(code, price),), title, commissionable=is_goods))
    if not made:
        raise Invalid("The order stream holds nothing to sell.")
    return codes, made


def pieces(stream: Stream) -> Counter[str]:
    """How many pieces of each code are sold in all: the stock that the shop needs."""
    count: Counter[str] = Counter()
    for sale in stream.sales:
        for line in sale.lines:
            count[line.code] += line.quantity
    return count
