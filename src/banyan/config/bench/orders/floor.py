"""The least that an order can cost: one transaction of plain SQL per order, by pgbench on the same server.

Guarded stock update of both SKUs, the order, its two lines, commit: five round trips, prepared, no tenant, no events.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from banyan.kernel.supervisor.account import server_account
from banyan.kernel.supervisor.binaries import find_postgres

SCHEMA = "banyan_bench_floor"
_TABLES = f"""
DROP SCHEMA IF EXISTS {SCHEMA} CASCADE;
CREATE SCHEMA {SCHEMA};
CREATE TABLE {SCHEMA}.stock (sku int PRIMARY KEY, quantity bigint NOT NULL CHECK (quantity >= 0)) WITH (fillfactor = 60);
INSERT INTO {SCHEMA}.stock SELECT n, 1000000000 FROM generate_series(1, 10000) n;
CREATE TABLE {SCHEMA}.orders (id bigserial PRIMARY KEY, buyer bigint NOT NULL, total bigint NOT NULL, placed_at
  timestamptz NOT NULL);
CREATE TABLE {SCHEMA}.lines (id bigserial PRIMARY KEY, order_id bigint NOT NULL, sku int NOT NULL, quantity int NOT
  NULL, price bigint NOT NULL);
CREATE INDEX ON {SCHEMA}.lines (order_id);
ANALYZE {SCHEMA}.stock
"""
# Both rows in one statement and in one order, so that hot pairs queue and never deadlock.
_ORDER = f"""
\\set a random(1, :skus)
\\set b 1 + (:a % :skus)
BEGIN;
UPDATE {SCHEMA}.stock SET quantity = quantity - 1 WHERE sku IN (SELECT sku FROM {SCHEMA}.stock WHERE sku IN (:a, :b)
  ORDER BY sku FOR UPDATE)
  AND quantity >= 1;
INSERT INTO {SCHEMA}.orders (buyer, total, placed_at) VALUES (:client_id, 1000, now());
INSERT INTO {SCHEMA}.lines (order_id, sku, quantity, price) VALUES
  (currval('{SCHEMA}.orders_id_seq'), :a, 1, 500), (currval('{SCHEMA}.orders_id_seq'), :b, 1, 500);
COMMIT;
"""


@contextmanager
def tables(cursor: Any) -> Iterator[None]:
    """The floor's own tables, gone afterwards."""
    cursor.execute(_TABLES)
    try:
        yield
    finally:
        cursor.execute(f"DROP SCHEMA {SCHEMA} CASCADE")


def rate(skus: int, clients: int, seconds: float) -> float:
    """Orders per second of this many clients on this many SKUs."""
    place = conninfo_to_dict(os.environ["BANYAN_DATABASE_OWNER_URL"])
    program = find_postgres(server_account()).path("pgbench")
    environment = dict(os.environ, PGPASSWORD=str(place.get("password", "")))
    with tempfile.TemporaryDirectory(prefix="banyan-floor-") as folder:
        script = Path(folder) / "order.sql"
        script.write_text(_ORDER)
        arguments = [
            program, "--no-vacuum", "--protocol=prepared", f"--file={script}", f"--define=skus={skus}", f"--client={clients}",
            "--jobs=2", f"--time={max(1, round(seconds))}", "-h", str(place.get("host", "")), "-p", str(place.get("port", 5432)),
            "-U", str(place.get("user", "")), str(place.get("dbname", "banyan")),
        ]  # fmt: skip
        done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    found = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
    if done.returncode or found is None:
        raise RuntimeError(f"pgbench failed: {done.stderr[-500:]}")
    return float(found[1])
