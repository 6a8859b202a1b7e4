"""Asks a database without a function of its own for it what its user may do with a table."""

from __future__ import annotations

from collections.abc import Callable

from omnisync.agent.erp.database import Database
from omnisync.agent.erp.schema import DatabaseTable, Rights
from omnisync.agent.errors import RecordError, SetupError


def rights_by_statements(database: Database, table: DatabaseTable) -> Rights:
    """Return what this user may do with the table, by statements that match no row.

    Nothing else notices them where no trigger is of statements; each is in a transaction that is taken back.
    """
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
