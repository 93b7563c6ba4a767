"""What a bundle may consist of, and who says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from banyan.goods.catalog import commands, queries
from banyan.goods.catalog.tests.making import make_skus
from banyan.goods.catalog.types import SkuPart
from banyan.goods.inventory import commands as inventory
from banyan.goods.inventory import queries as stock
from banyan.goods.inventory.types import Adjustment, NewWarehouse, Receipt
from banyan.kernel import sql
from banyan.kernel.values.errors import NotFound, Refusal


def test_parts_are_set_read_replaced_and_taken_away(tenant: Any) -> None:
    with tenant.enter():
        bundle, tea, cup = make_skus([900, 500, 300])
        parts = (SkuPart(tea, 1), SkuPart(cup, 2))
        assert (commands.set_parts(bundle, parts), commands.set_parts(bundle, parts)) == (1, 0)
        facts = queries.sku_facts([bundle])
        assert facts[bundle].parts == parts and facts[cup].price_minor == 300, "the parts come along"
        assert queries.sku_facts([tea]).keys() == {tea} and queries.sku_facts([tea])[tea].parts == ()
        product = queries.get_product(facts[bundle].product_id)
        assert [sku.parts for sku in product.skus] == [parts]
        assert queries.parts_of([bundle, tea]) == {bundle: parts}
        assert commands.set_parts(bundle, [SkuPart(tea, 2)]) == 1 and queries.parts_of([bundle]) == {bundle: (SkuPart(tea, 2),)}
        assert commands.set_parts(bundle, ()) == 1 and queries.parts_of([bundle]) == {}
    assert tenant.verify() == []


def test_what_no_bundle_can_have_is_refused_and_changes_nothing(tenant: Any, make_shop: Callable[..., Any]) -> None:
    with make_shop().enter():
        (foreign,) = make_skus([500])
    with tenant.enter():
        bundle, tea, cup, other = make_skus([900, 500, 300, 100])
        commands.set_parts(bundle, [SkuPart(tea, 1), SkuPart(cup, 2)])
        wrong: list[tuple[Any, list[SkuPart], str]] = [
            (other, [SkuPart(bundle, 1)], "nested_bundle"),
            (tea, [SkuPart(other, 9)], "nested_bundle"),
            (other, [SkuPart(tea, 1), SkuPart(tea, 1)], "bad_parts"),
            (other, [SkuPart(tea, 0)], "bad_parts"),
            (other, [SkuPart(other, 1)], "bad_parts"),
            (other, [SkuPart(foreign, 1)], "bad_parts"),
            (bundle, [SkuPart(tea, 1), SkuPart(cup, 1)], "bundle_overpriced"),
        ]
        for sku, parts, code in wrong:
            with pytest.raises(Refusal) as refused:
                commands.set_parts(sku, parts)
            assert refused.value.code == code
        with pytest.raises(NotFound):
            commands.set_parts(foreign, [SkuPart(tea, 1)])
        assert queries.parts_of([bundle, tea, other]) == {bundle: (SkuPart(tea, 1), SkuPart(cup, 2))}
        sql.execute("UPDATE catalog_sku_parts SET part_id = %s WHERE part_id = %s", (other, tea))
        commands.set_parts(tea, [SkuPart(cup, 2)])
        sql.execute("UPDATE catalog_sku_parts SET part_id = %s WHERE part_id = %s", (tea, other))
    assert {finding.check for finding in tenant.verify()} == {"catalog.parts"}


def test_a_bundle_has_no_stock_of_its_own(tenant: Any) -> None:
    with tenant.enter():
        bundle, tea, cup = make_skus([900, 500, 300])
        (warehouse,) = inventory.open_warehouses([NewWarehouse("w", "仓")])
        inventory.receive_stock([Receipt(warehouse, tea, 10), Receipt(warehouse, cup, 7)])
        commands.set_parts(bundle, [SkuPart(tea, 1), SkuPart(cup, 2)])
        assert stock.available([bundle]) == {bundle: 3}
        assert stock.available([bundle, cup]) == {bundle: 3, cup: 7}
        with pytest.raises(inventory.BundleHasNoStock):
            inventory.receive_stock([Receipt(warehouse, bundle, 1)])
        with pytest.raises(inventory.BundleHasNoStock):
            inventory.adjust_stock([Adjustment(warehouse, bundle, 1, "found")])
        inventory.adjust_stock([Adjustment(warehouse, cup, -7, "broken")])
        assert stock.available([bundle]) == {bundle: 0}
    assert tenant.verify() == []
