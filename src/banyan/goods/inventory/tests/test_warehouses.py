"""What a warehouse is and where it stands."""

from __future__ import annotations

from typing import Any

import pytest

from banyan.goods.inventory import commands, queries
from banyan.goods.inventory.types import NewWarehouse, Warehouse, WarehouseKind
from banyan.kernel.values.errors import Invalid


def test_a_warehouse_says_what_it_is_and_where(tenant: Any) -> None:
    with tenant.enter():
        (key,) = commands.open_warehouses([NewWarehouse("hz", "总仓", 5, WarehouseKind.HEAD, "330402", "嘉兴")])
        assert queries.list_warehouses() == [Warehouse(key, "hz", "总仓", 5, True, WarehouseKind.HEAD, "330402", "嘉兴")]
        commands.revise_warehouse(key, NewWarehouse("ignored", "云仓", 7, WarehouseKind.CLOUD))
        assert queries.list_warehouses() == [Warehouse(key, "hz", "云仓", 7, True, WarehouseKind.CLOUD)]


@pytest.mark.parametrize("region", ["33040", "3304021", "33040x", "３３０４０２"])
def test_a_region_is_six_digits(tenant: Any, region: str) -> None:
    with tenant.enter():
        with pytest.raises(Invalid):
            commands.open_warehouses([NewWarehouse("hz", "总仓", region_code=region)])
        (key,) = commands.open_warehouses([NewWarehouse("hz", "总仓")])
        with pytest.raises(Invalid):
            commands.revise_warehouse(key, NewWarehouse("hz", "总仓", region_code=region))
        with pytest.raises(commands.UnknownWarehouse):
            commands.revise_warehouse(12345, NewWarehouse("hz", "总仓"))  # type: ignore[arg-type]
