"""Catalog: the tree, bulk changes and dated prices."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from banyan.goods.catalog import commands, queries
from banyan.goods.catalog.tests.making import make_category, make_skus
from banyan.goods.catalog.types import ImportRow, NewCategory, NewProduct, NewSku, PriceChange, ProductChange, SkuChange
from banyan.kernel import clock, ids
from banyan.kernel.values.errors import Invalid


def test_a_batch_may_hold_parents_and_children(tenant: Any) -> None:
    with tenant.enter():
        root, child, leaf = commands.create_categories(
            [
                NewCategory("a", "食品", "Food"),
                NewCategory("b", "茶", "Tea", parent_code="a"),
                NewCategory("c", "绿茶", parent_code="b"),
            ]
        )
        paths = {c.category_id: c.path for c in queries.list_categories()}
    assert paths == {root: (root,), child: (root, child), leaf: (root, child, leaf)}


def test_moving_a_category_carries_its_subtree_and_refuses_cycles(tenant: Any) -> None:
    with tenant.enter():
        a = make_category()
        b = make_category(a)
        c = make_category(b)
        other = make_category()
        commands.move_category(b, other)
        paths = {x.category_id: x.path for x in queries.list_categories()}
        assert paths[c] == (other, b, c) and paths[b] == (other, b)
        with pytest.raises(commands.CategoryCycle):
            commands.move_category(b, c)
        commands.move_category(b, None)
        assert {x.category_id: x.parent_id for x in queries.list_categories()}[b] is None
    assert tenant.verify() == []


def test_facts_tell_everything_that_commission_needs(tenant: Any) -> None:
    with tenant.enter():
        parent = make_category()
        category = make_category(parent)
        made = commands.create_products(
            [NewProduct("p", "龙井", category, (NewSku("s1", 9900, 4000, tags=("新品", "a,b"), supplier_id=7, tax_bp=1300),))]
        )[0]
        facts = queries.sku_facts([*made.sku_ids, 999])  # type: ignore[list-item]
        assert set(facts) == set(made.sku_ids)
        sku = facts[made.sku_ids[0]]
        assert (sku.category_path, sku.tags, sku.supplier_id) == ((parent, category), ("新品", "a,b"), 7)
        assert (sku.price_minor, sku.cost_minor, sku.currency, sku.tax_bp, sku.on_sale) == (9900, 4000, "CNY", 1300, True)
        commands.set_commissionable([made.product_id], False)
        commands.set_on_sale(made.sku_ids, False)
        changed = queries.sku_facts(made.sku_ids)[made.sku_ids[0]]
        assert (changed.commissionable, changed.on_sale) == (False, False)
        assert queries.list_products() == []
        assert [p.code for p in queries.list_products(parent, "龙", on_sale_only=False)] == ["p"]


def test_bulk_switches_count_real_changes_only(tenant: Any) -> None:
    with tenant.enter():
        skus = make_skus([100] * 5)
        assert commands.set_on_sale(skus, False) == 5
        assert commands.set_on_sale(skus, False) == 0


def test_a_price_change_is_dated_history(tenant: Any, driven_clock: Callable[[datetime], None]) -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    driven_clock(start)
    with tenant.enter():
        first, second = make_skus([1000, 2000])
        clock.drive(start + timedelta(days=2))
        assert commands.change_prices([PriceChange(first, 1200, "季度调价"), PriceChange(second, 2000)]) == 1
        assert queries.prices_at([first, second], start + timedelta(days=1)) == {first: 1000, second: 2000}
        assert queries.prices_at([first, second], start + timedelta(days=2)) == {first: 1200, second: 2000}
        assert queries.prices_at([first], start - timedelta(days=1)) == {}
        periods = queries.list_price_periods(first)
        assert [(p.price_minor, p.valid_to) for p in periods] == [(1200, None), (1000, start + timedelta(days=2))]
        assert queries.sku_facts([first])[first].price_minor == 1200
    assert tenant.verify() == []


def test_a_long_price_history_comes_in_pages(tenant: Any, driven_clock: Callable[[datetime], None]) -> None:
    from django.test import Client

    from banyan.people.identity import commands as identity
    from banyan.people.identity.types import NewUser, Role, scopes_of

    start = datetime(2026, 3, 1, tzinfo=UTC)
    driven_clock(start)
    with tenant.enter():
        (sku,) = make_skus([1000])
        for day in (1, 2):
            clock.drive(start + timedelta(days=day))
            commands.change_prices([PriceChange(sku, 1000 + day)])
        (user,) = identity.register_users([NewUser("keeper", None, "某人", None, (Role.OPERATOR,))])
        headers = {"Authorization": f"Bearer {identity.issue_token(user, scopes_of([Role.OPERATOR]), 'test')}"}
    path, seen, cursor = f"/api/v1/skus/{ids.public('sku', sku)}/prices?limit=1", [], ""
    while cursor is not None:
        page = Client().get(path + (f"&cursor={cursor}" if cursor else ""), headers=headers).json()
        seen.append([period["price_minor"] for period in page["items"]])
        cursor = page["next_cursor"]
    assert seen == [[1002], [1001], [1000]]
    assert Client().get(f"/api/v1/skus/{ids.public('sku', 1)}/prices", headers=headers).status_code == 404


def test_changes_leave_the_unnamed_fields_alone(tenant: Any) -> None:
    with tenant.enter():
        sku_id = make_skus([100], cost_minor=60, tags=("x",))[0]
        commands.update_skus([SkuChange(sku_id, tags=("y", 'a"b'))])
        product_id = queries.sku_facts([sku_id])[sku_id].product_id
        commands.update_products([ProductChange(product_id, name_en="Renamed")])
        sku = queries.get_product(product_id).skus[0]
        assert (sku.cost_minor, sku.tags, queries.get_product(product_id).name_en) == (60, ("y", 'a"b'), "Renamed")


def test_bad_input_is_refused_and_nothing_is_kept(tenant: Any) -> None:
    with tenant.enter():
        category_id = make_category()
        good = NewProduct("p1", "好茶", category_id, (NewSku("s1", 100),))
        with pytest.raises(commands.CodeTaken):
            commands.create_products([good, NewProduct("p1", "同码", category_id, (NewSku("s2", 100),))])
        for bad in (
            NewProduct("p2", "", category_id, (NewSku("s3", 100),)),
            NewProduct("p2", "无规格", category_id, ()),
            NewProduct("p2", "负价", category_id, (NewSku("s3", -1),)),
            NewProduct("p2", "无类目", 5, (NewSku("s3", 100),)),  # type: ignore[arg-type]
        ):
            with pytest.raises(Invalid):
                commands.create_products([good, bad])
        assert queries.list_products(on_sale_only=False) == []


def test_another_shop_sees_nothing(tenant: Any, make_shop: Callable[..., Any]) -> None:
    with tenant.enter():
        skus = make_skus([100])
    with make_shop().enter():
        assert queries.sku_facts(skus) == {}
        assert commands.set_on_sale(skus, False) == 0


def test_an_import_creates_updates_and_refuses_row_by_row(tenant: Any) -> None:
    with tenant.enter():
        commands.create_categories([NewCategory("tea", "茶")])
        rows = [
            ImportRow("tea", "p1", "s1", "龙井", 9900, 4000, tags=("新品",)),
            ImportRow("tea", "p1", "s2", "龙井", 19900),
            ImportRow("none", "p2", "s3", "无类目", 100),
            ImportRow("tea", "p3", "s1", "重复", 100),
            ImportRow("tea", "p4", "s4", "负价", -5),
        ]
        outcomes = commands.import_rows(rows)
        assert [o.outcome for o in outcomes] == ["created", "created", "refused", "refused", "refused"]
        again = commands.import_rows([rows[0], ImportRow("tea", "p1", "s9", "龙井", 50), ImportRow("tea", "p9", "s2", "别家", 1)])
        assert [o.outcome for o in again] == ["updated", "created", "refused"]
        commands.import_rows([ImportRow("tea", "p1", "s1", "西湖龙井", 8800)])
        (product,) = queries.list_products()
        assert (product.name_zh, [s.price_minor for s in product.skus]) == ("西湖龙井", [8800, 19900, 50])
        assert len(queries.list_price_periods(product.skus[0].sku_id)) == 2
    assert tenant.verify() == []
