"""A connection of SQL Server's driver, with cursors like any other driver's: it has no parameters, and counts no rows.

Values are written into the statements, and rows are counted by the batch itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from re import IGNORECASE
from re import compile as pattern
from typing import Any

import pymssql

from omnisync.agent.erp.dialects.sqlserver.literals import counted, filled
from omnisync.agent.erp.driver import DatabaseLogin

# XACT_ABORT off: on, a refused row would undo the transaction and not itself alone. The order of day and month would
# else be the login's language's. NOCOUNT on: rows are counted by us, and the triggers' counts stay out of it.
_SETTINGS = (
    "SET ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS, ARITHABORT, CONCAT_NULL_YIELDS_NULL, QUOTED_IDENTIFIER ON; "
    "SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF; SET XACT_ABORT OFF; SET NOCOUNT ON; SET ROWCOUNT 0; "
    "SET TEXTSIZE 2147483647; SET DATEFORMAT ymd; SET TRANSACTION ISOLATION LEVEL READ COMMITTED; "
    "SET LOCK_TIMEOUT {lock_timeout_ms};"
)
_BATCH = 100
"""Statements in one round trip."""

_IS_COUNTED = pattern(r"\s*(INSERT|UPDATE|DELETE|MERGE)\b", IGNORECASE)


class SqlServerConnection:
    """The driver's connection, and the code pages of the tables met over it.

    `server` may name an instance (`SERVIDOR\\SQLEXPRESS`), found by the server's own browser service.
    """

    def __init__(self, login: DatabaseLogin) -> None:
        self._driver_connection = pymssql.connect(
            server=login.server,
            port=str(login.port or 1433),
            user=login.user or None,  # none at all: the account of Windows itself
            password=login.password or None,
            database=login.database,
            charset="UTF-8",
            appname="omnisync",
            autocommit=True,
            login_timeout=login.timeouts.connect_s,
            timeout=login.timeouts.statement_s,
            conn_properties=_SETTINGS.format(lock_timeout_ms=login.timeouts.lock_s * 1000),
        )
        self.close = self._driver_connection.close
        self.encodings: dict[str, Mapping[str, str]] = {}
        """Of the columns with a code page of their own, by table."""

    def cursor(self) -> SqlServerCursor:
        """Return a new cursor."""
        return SqlServerCursor(self._driver_connection.cursor())

    def set_lock_wait(self, wait_s: int) -> None:
        """Set the longest wait for a lock, in seconds."""
        with self._driver_connection.cursor() as cursor:
            cursor.execute(f"SET LOCK_TIMEOUT {wait_s * 1000:d}")

    def is_in_transaction(self) -> bool:
        """Return whether the transaction outlived an error: most leave it, a trigger's and a conversion's do not."""
        try:
            with self._driver_connection.cursor() as cursor:
                cursor.execute("SELECT XACT_STATE()")
                return bool(cursor.fetchall()[0][0] == 1)
        except (pymssql.Error, pymssql.Warning):
            return False


class SqlServerCursor:
    """The driver's cursor, with `?` for values."""

    def __init__(self, cursor: Any) -> None:
        self._driver_cursor = cursor
        self.rowcount = 0
        self.fetchall = cursor.fetchall
        self.fetchmany = cursor.fetchmany
        self.close = cursor.close

    @property
    def description(self) -> Any:
        """Return the columns of the query that ran."""
        return self._driver_cursor.description

    def execute(self, sql: str, values: Sequence[object] = ()) -> None:
        """Run one statement."""
        if _IS_COUNTED.match(sql):
            self.executemany(sql, [values])
        else:
            self.rowcount = 0
            self._driver_cursor.execute(filled(sql, values))

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for each row, a hundred in one round trip.

        Not many rows in one VALUES: they would have to agree on the type of every column.
        """
        waiting, self.rowcount = iter(rows), 0
        while batch := list(islice(waiting, _BATCH)):
            self._driver_cursor.execute(counted(filled(sql, row) for row in batch))
            self.rowcount += int(self.last_value())

    def last_value(self) -> Any:
        """Return the value in the last set of rows: a trigger may answer rows of its own before it."""
        rows = self.fetchall()
        while self._driver_cursor.nextset():
            rows = self.fetchall()
        return rows[0][0]
