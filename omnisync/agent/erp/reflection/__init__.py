"""Asks a database what it holds, for `layout check` and `layout new`.

In the dialects' own words over the connection that writes: what its user sees and may do is what counts, and a second
library's reading would need a second connection, and would know neither rights nor triggers nor engines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from omnisync.agent.erp.database import Database
from omnisync.agent.erp.reflection import firebird, mariadb, postgresql, sqlite, sqlserver
from omnisync.agent.erp.reflection.schema import DatabaseTable, Rights, Schema
from omnisync.agent.errors import RecordError, SetupError

_READERS: Mapping[str, Callable[[Database], Schema]] = {
    "SQLite": sqlite.read,
    "PostgreSQL": postgresql.read,
    "MariaDB": mariadb.read,
    "Firebird": firebird.read,
    "SQL Server": sqlserver.read,
}
_RIGHTS: Mapping[str, Callable[[Database, str], Rights]] = {
    "PostgreSQL": postgresql.rights,
    "SQL Server": sqlserver.rights,
}


def reflect(database: Database) -> Schema:
    """Everything the database says of itself to this user. Raises what the database raises."""
    return _READERS[database.label](database)


def rights(database: Database, table: DatabaseTable) -> Rights:
    """Return what this user may do with the table. Nothing is left behind.

    By the server's own functions where it has triggers of statements; elsewhere by statements that match no row, which
    nothing else notices, each in a transaction that is taken back. Raises TemporaryError.
    """
    if database.label in _RIGHTS:
        return _RIGHTS[database.label](database, table.name)
    plain = [column.name for column in table.columns.values() if not column.is_computed and not column.is_identity]
    name = database.quoted(table.name)
    columns = [database.quoted(column) for column in plain or table.columns]
    among = f"{', '.join(columns)} FROM {name} WHERE 1 = 0"
    return Rights(
        _may(database.select, f"SELECT {among}"),  # noqa: S608  # quoted names
        _may_write(database, f"INSERT INTO {name} ({', '.join(columns)}) SELECT {among}"),  # noqa: S608  # quoted names
        _may_write(database, f"UPDATE {name} SET {columns[0]} = {columns[0]} WHERE 1 = 0"),  # noqa: S608  # quoted names
        _may_write(database, f"DELETE FROM {name} WHERE 1 = 0"),  # noqa: S608  # quoted names
    )


def _may_write(database: Database, sql: str) -> bool:
    try:
        return _may(lambda _: database.begin(), "") and _may(database.execute, sql)
    finally:
        database.rollback()


def _may(run: Callable[[str], object], sql: str) -> bool:
    try:
        run(sql)
    except SetupError:
        return False
    except RecordError:  # rights are asked before rows
        return True
    return True
