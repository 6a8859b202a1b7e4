"""The yardstick for PostgreSQL: what `limit.py` does on SQLite, as fast as we know how.

COPY into temporary tables, DELETE of the lines that left their order, INSERT … ON CONFLICT of the rows that differ; one
transaction a page, foreign keys on. No checks, no bindings, no receipts.

    python bench/limit_postgresql.py --hub URL --database URL --cursors FILE [--token TOKEN]
"""

from __future__ import annotations

from typing import Any

import psycopg

from bench import page_reader, rows
from bench.rows import COLUMNS, N_KEYS, Json, Values

Connection = psycopg.Connection[Any]


def copy(db: Connection, table: str, lot: list[Values]) -> None:
    """Fill the table's temporary twin, which is empty again after each commit."""
    with db.cursor() as cursor, cursor.copy(f"COPY t_{table} ({', '.join(COLUMNS[table])}) FROM STDIN") as copying:
        for row in lot:
            copying.write_row(row)


def merge(db: Connection, table: str) -> None:
    """Insert the copied rows, and update those of which a column differs."""
    columns, rest = COLUMNS[table], COLUMNS[table][N_KEYS[table] :]
    names, keys = ", ".join(columns), ", ".join(columns[: N_KEYS[table]])
    db.execute(
        f"INSERT INTO {table} ({names}) SELECT {names} FROM t_{table} ON CONFLICT ({keys}) "
        f"DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in rest)} "
        f"WHERE ({', '.join(f'{table}.{name}' for name in rest)}) "
        f"IS DISTINCT FROM ({', '.join(f'excluded.{name}' for name in rest)})"
    )


def delete_missing(db: Connection, table: str, orders: list[int]) -> None:
    """Delete the lines of these orders that were not copied."""
    db.execute(
        f"DELETE FROM {table} line WHERE pedido = ANY(%s) AND NOT EXISTS (SELECT 1 FROM t_{table} copied "
        "WHERE copied.pedido = line.pedido AND copied.id_externo = line.id_externo)",
        (orders,),
    )


def keys_of(db: Connection, table: str, key: str, ids: list[str]) -> dict[str, int]:
    """Return the ERP's own numbers of these records."""
    return dict(db.execute(f"SELECT id_externo, {key} FROM {table} WHERE id_externo = ANY(%s)", (ids,)).fetchall())


def write_orders(db: Connection, orders: list[Json]) -> None:
    """Write the orders of one page with their items and payments."""
    customers = keys_of(db, "clientes", "codigo", list({order["customer"]["id"] for order in orders}))
    copy(db, "pedidos", rows.order_rows(orders, customers))
    merge(db, "pedidos")
    numbers = keys_of(db, "pedidos", "numero", [order["id"] for order in orders])
    for table, lot in (
        ("itens_pedido", rows.item_rows(orders, numbers)),
        ("formas_pagamento", rows.payment_rows(orders, numbers)),
    ):
        copy(db, table, lot)
        delete_missing(db, table, list(numbers.values()))
        merge(db, table)


def main() -> None:
    """Bring everything after the cursors of the last time, if there was one."""
    given = page_reader.arguments(__doc__).parse_args()
    cursors = page_reader.load_cursors(given.cursors)
    with psycopg.connect(given.database) as db:
        for table, columns in COLUMNS.items():
            copied = f"SELECT {', '.join(columns)} FROM {table} LIMIT 0"
            db.execute(f"CREATE TEMP TABLE t_{table} ON COMMIT DELETE ROWS AS {copied}")
        db.commit()
        for stream, lot in page_reader.pages(given, cursors):
            if stream == "customer":
                copy(db, "clientes", rows.customer_rows(lot))
                merge(db, "clientes")
            elif lot:
                write_orders(db, lot)
            db.commit()
    page_reader.save_cursors(given.cursors, cursors)


if __name__ == "__main__":
    main()
