"""A brand of database that Omnisync does not know: SQLite's file behind other quotes, other marks, and narrow limits.

Written from nothing, as whoever adds a database writes it: no function of another dialect is used.
"""

from __future__ import annotations

import sqlite3
from itertools import count
from re import sub as substituted
from typing import Any

from omnisync.agent.erp.database import Database, Dialect
from omnisync.agent.erp.driver import DatabaseLogin, Driver, statement
from omnisync.agent.erp.schema import DatabaseColumn, DatabaseTable, Rights, Schema, SchemaRows, tables_of
from omnisync.agent.erp.statements import id_lists, insert_text
from omnisync.agent.errors import ErpBusyError, ErpSetupError, OmnisyncError, RefusedRecordError

BINDING = "company kind id epoch version hash written_version origin erp_key erp_number establishment customer_id label"
BINDING += " merged_into outcome reason warnings outcome_at receipt_pending"
CURSOR = "company connection stream cursor epoch"


def _marked(sql: str) -> str:
    numbers = count(1)
    return substituted(r"\?", lambda _: f"?{next(numbers)}", sql)


def _translate_error(error: Exception, login: DatabaseLogin) -> OmnisyncError:
    if isinstance(error, sqlite3.IntegrityError):
        return RefusedRecordError("erp_refused", motivo=str(error))
    return ErpBusyError()


def _insert_returning(database: Database, table: str, columns: Any, row: Any, made: str) -> object:
    database.execute(insert_text(database.quoted, table, columns), row)
    return database.select("SELECT last_insert_rowid()")[0][0]


def _insert_missing(database: Database, table: str, columns: Any, keys: Any, row: Any) -> None:
    database.execute(insert_text(database.quoted, table, columns).replace("INSERT", "INSERT OR IGNORE", 1), row)


def _next_values(database: Database, sequence: str, n: int) -> list[object]:
    raise ErpSetupError("layout", motivo=f"não há sequências ({sequence})")


def _tables(database: Database) -> dict[str, set[str]]:
    return {name: set(table.columns) for name, table in _reflect(database).tables.items()}


def _reflect(database: Database) -> Schema:
    found = database.select("SELECT m.name, c.name, c.type FROM sqlite_master m JOIN pragma_table_info(m.name) c")
    columns = [
        (str(table), DatabaseColumn(name=str(name), type=str(type_), kind="text")) for table, name, type_ in found
    ]
    parts = SchemaRows(columns=columns, views=set(), indexes=(), foreign=(), triggered=set())
    return Schema(label=database.dialect.label, charset="UTF-8", tables=tables_of(parts))


def _rights(database: Database, table: DatabaseTable) -> Rights:
    return Rights(True, True, True, True)


def _make_binding_tables(database: Database) -> None:
    for table, columns, key in (
        ("omnisync_binding", BINDING, "company, kind, id"),
        ("omnisync_cursor", CURSOR, "company, connection, stream"),
    ):
        names = ", ".join(map(database.quoted, columns.split()))
        database.execute(f"CREATE TABLE IF NOT EXISTS {table} ({names}, PRIMARY KEY ({key}))")


DIALECT = Dialect(
    label="Miúdo",
    driver=Driver(
        errors=(sqlite3.Error,),
        connect=lambda login: sqlite3.connect(login.database, isolation_level=None),
        translate_error=_translate_error,
        is_lost=lambda connection, error: False,
        is_duplicate=lambda error: "UNIQUE" in str(error),
        begin_reading=statement("BEGIN"),
        is_write_refused=lambda error: False,
        marked=_marked,
    ),
    quotes=("[", "]"),
    among=id_lists(3),
    contains="instr({}, ?) > 0".format,
    locked="{} ORDER BY 1".format,
    insert_returning=_insert_returning,
    insert_missing=_insert_missing,
    next_values=_next_values,
    tables=_tables,
    reflect=_reflect,
    rights=_rights,
    excess_rights=lambda database: (),
    make_binding_tables=_make_binding_tables,
)
