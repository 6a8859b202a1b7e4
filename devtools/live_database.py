"""A database with an ERP's tables in it, read and changed past our own code."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec import Struct

from devtools import erp_schemas
from devtools.database_servers import PASSWORD, MariadbServer
from devtools.server import Server
from omnisync.agent.config.connection import ErpAddress


class LiveDatabase(Struct, frozen=True):
    """One database, spoken to by its driver."""

    address: ErpAddress
    password: str = ""

    def connect(self) -> Any:
        """A connection of the driver itself."""
        where = self.address
        if where.kind == "sqlite":
            return sqlite3.connect(where.database)
        if where.kind == "postgresql":
            import psycopg

            return psycopg.connect(
                host=where.server, port=where.port, dbname=where.database, user=where.user, password=self.password
            )
        if where.kind == "mariadb":
            import pymysql  # type: ignore[import-untyped]  # the driver has no types

            return pymysql.connect(
                host=where.server,
                port=where.port or 0,
                database=where.database,
                user=where.user,
                password=self.password,
                ssl_disabled=True,
            )
        import firebird.driver  # type: ignore[import-untyped]  # the driver has no types

        return firebird.driver.connect(
            f"{where.server}/{where.port}:{where.database}", user=where.user, password=self.password, charset="UTF8"
        )

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows: amounts and times as the text every database would write."""
        return [tuple(row.values()) for row in self.records(sql, *values)]

    def records(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """Rows with their columns' names, in small letters."""
        with closing(self.connect()) as plain, closing(plain.cursor()) as cursor:
            cursor.execute(self.marked(sql), values)
            names = [column[0].lower() for column in cursor.description]
            return [dict(zip(names, map(_as_text, row), strict=True)) for row in cursor.fetchall()]

    def run(self, sql: str, *values: Any) -> None:
        """Run one statement, and commit."""
        with closing(self.connect()) as plain, closing(plain.cursor()) as cursor:
            cursor.execute(self.marked(sql), values)
            plain.commit()

    def insert(self, table: str, rows: Iterable[Sequence[Any]], columns: Sequence[str] = ()) -> None:
        """Insert whole rows, or these columns of them."""
        names = f" ({', '.join(columns)})" if columns else ""
        with closing(self.connect()) as plain, closing(plain.cursor()) as cursor:
            for row in rows:
                marks = ", ".join("?" * len(row))
                cursor.execute(self.marked(f"INSERT INTO {table}{names} VALUES ({marks})"), tuple(row))
            plain.commit()

    def marked(self, sql: str) -> str:
        """The statement with the marks of this database's driver."""
        return sql.replace("?", "%s") if self.address.kind in ("postgresql", "mariadb") else sql


def _as_text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.rstrip() if isinstance(value, str) else value


def make_sqlite(folder: Path, *, schema: str = "padrao") -> LiveDatabase:
    """A SQLite file with the tables of a layout, or without any where `schema` is empty."""
    made = LiveDatabase(ErpAddress(kind="sqlite", database=str(folder / "erp.db")))
    with closing(sqlite3.connect(made.address.database)) as plain:
        for statement in _statements(schema, "sqlite"):
            plain.execute(statement)
        plain.commit()
    return made


def make_on(server: Server, *, charset: str = "UTF8", schema: str = "padrao") -> LiveDatabase:
    """A database on a server that runs, with the tables of a layout, or without any where `schema` is empty."""
    kind = server.name.lower()
    if isinstance(server, MariadbServer):
        return _laid(server, kind, charset, schema)
    database = server.copied(f"{schema}_{charset}", lambda: _laid(server, kind, charset, schema).address.database)
    return LiveDatabase(_address(server, kind, database, charset), PASSWORD)


def _laid(server: Server, kind: str, charset: str, schema: str) -> LiveDatabase:
    made = LiveDatabase(_address(server, kind, server.database(charset), charset), PASSWORD)
    with closing(made.connect()) as plain:
        for statement in _statements(schema, kind):
            with closing(plain.cursor()) as cursor:
                cursor.execute(statement)
            plain.commit()
    return made


def _statements(schema: str, kind: str) -> list[str]:
    return erp_schemas.schema(schema, kind) if schema else []


def _address(server: Server, kind: str, database: str, charset: str) -> ErpAddress:
    letters = charset if kind == "firebird" else ""
    return ErpAddress(
        kind=kind, database=database, server="127.0.0.1", port=server.port, user=server.user, charset=letters
    )
