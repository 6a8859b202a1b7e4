"""The yardsticks for MariaDB and Firebird: what `limit.py` does on SQLite, the fastest plain way each driver has.

One transaction a page, foreign keys on, an item that left its order is removed. No checks, no bindings, no receipts.

    python bench/limit_servers.py --hub URL --database URL --cursors FILE [--token TOKEN]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from typing import Any, Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from bench import page_reader, rows
from bench.rows import COLUMNS, N_KEYS, Json, Values


class Bare(Protocol):
    """What the script needs of a database."""

    def upsert(self, table: str, lot: list[Values]) -> None:
        """Insert rows or, where their key exists, update them."""
        ...

    def select(self, table: str, columns: str, key: str, values: Sequence[object]) -> list[Values]:
        """Return these columns of the rows whose key is among the values."""
        ...

    def delete_lines(self, table: str, lines: Iterable[Values]) -> None:
        """Delete lines by order and external id."""
        ...

    def commit(self) -> None:
        """Commit the page."""
        ...


class BareMariadb:
    """Multi-row INSERT … ON DUPLICATE KEY, as the driver makes it of executemany."""

    def __init__(self, where: SplitResult) -> None:
        import pymysql  # type: ignore[import-untyped]  # the driver has no types

        self._db = pymysql.connect(
            host=where.hostname,
            port=where.port,
            database=where.path[1:],
            user=where.username,
            password=where.password,
            charset="utf8mb4",
        )

    def upsert(self, table: str, lot: list[Values]) -> None:
        """Insert rows or, where their key exists, update them."""
        columns = COLUMNS[table]
        sets = ", ".join(f"{name} = VALUES({name})" for name in columns[N_KEYS[table] :])
        with self._db.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))}) "
                f"ON DUPLICATE KEY UPDATE {sets}",
                lot,
            )

    def select(self, table: str, columns: str, key: str, values: Sequence[object]) -> list[Values]:
        """Return these columns of the rows whose key is among the values."""
        with self._db.cursor() as cursor:
            cursor.execute(f"SELECT {columns} FROM {table} WHERE {key} IN %s", [values])
            return list(cursor.fetchall())

    def delete_lines(self, table: str, lines: Iterable[Values]) -> None:
        """Delete lines by order and external id."""
        with self._db.cursor() as cursor:
            cursor.executemany(f"DELETE FROM {table} WHERE pedido = %s AND id_externo = %s", list(lines))

    def commit(self) -> None:
        """Commit the page."""
        self._db.commit()


class BareFirebird:
    """The driver's executemany, one row a round trip: it has nothing faster."""

    def __init__(self, where: SplitResult) -> None:
        from firebird import driver  # type: ignore[import-untyped]  # the driver has no types

        database = f"{where.hostname}/{where.port}:{unquote(where.path[1:])}"
        self._db = driver.connect(database, user=where.username, password=where.password, charset="UTF8")

    def upsert(self, table: str, lot: list[Values]) -> None:
        """Insert rows or, where their key exists, update them."""
        columns = COLUMNS[table]
        with closing(self._db.cursor()) as cursor:
            cursor.executemany(
                f"UPDATE OR INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) "
                f"MATCHING ({', '.join(columns[: N_KEYS[table]])})",
                lot,
            )

    def select(self, table: str, columns: str, key: str, values: Sequence[object]) -> list[Values]:
        """Return these columns of the rows whose key is among the values."""
        found: list[Values] = []
        with closing(self._db.cursor()) as cursor:
            for start in range(0, len(values), 200):
                some = values[start : start + 200]
                marks = ", ".join("?" * len(some))
                cursor.execute(f"SELECT {columns} FROM {table} WHERE {key} IN ({marks})", some)
                found += cursor.fetchall()
        return found

    def delete_lines(self, table: str, lines: Iterable[Values]) -> None:
        """Delete lines by order and external id."""
        with closing(self._db.cursor()) as cursor:
            cursor.executemany(f"DELETE FROM {table} WHERE pedido = ? AND id_externo = ?", list(lines))

    def commit(self) -> None:
        """Commit the page."""
        if self._db.main_transaction.is_active():  # there is none after an empty page, and its driver fails then
            self._db.commit()


BARE: dict[str, Callable[[SplitResult], Bare]] = {"mariadb": BareMariadb, "firebird": BareFirebird}


def write_orders(db: Bare, orders: list[Json]) -> None:
    """Write the orders of one page with their items and payments."""
    customers = _keys_of(db, "clientes", "codigo", list({order["customer"]["id"] for order in orders}))
    db.upsert("pedidos", rows.order_rows(orders, customers))
    numbers = _keys_of(db, "pedidos", "numero", [order["id"] for order in orders])
    for table, lot in (
        ("itens_pedido", rows.item_rows(orders, numbers)),
        ("formas_pagamento", rows.payment_rows(orders, numbers)),
    ):
        lines = db.select(table, "pedido, id_externo", "pedido", list(numbers.values()))
        if gone := set(lines) - {row[:2] for row in lot}:
            db.delete_lines(table, gone)
        db.upsert(table, lot)


def _keys_of(db: Bare, table: str, key: str, ids: list[str]) -> dict[Any, Any]:
    return {id_: number for id_, number in db.select(table, f"id_externo, {key}", "id_externo", ids)}


def main() -> None:
    """Bring everything after the cursors of the last time, if there was one."""
    given = page_reader.arguments(__doc__).parse_args()
    cursors = page_reader.load_cursors(given.cursors)
    where = urlsplit(given.database)
    db = BARE[where.scheme](where)
    for stream, lot in page_reader.pages(given, cursors):
        if stream == "customer" and lot:
            db.upsert("clientes", rows.customer_rows(lot))
        elif lot:
            write_orders(db, lot)
        db.commit()
    page_reader.save_cursors(given.cursors, cursors)


if __name__ == "__main__":
    main()
