"""A database's driver: how it connects, runs, begins and ends transactions, and what its errors mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import tzinfo
from typing import Any

from msgspec import Struct

from omnisync.agent.erp.statements import RowList, unchanged
from omnisync.agent.errors import LayoutError, OmnisyncError, RefusedRecordError

UNREADABLE_VALUE = "erp_unreadable"
"""The code of the RefusedRecordError for a row with a value that cannot be read, where no cell can be told."""


class Timeouts(Struct, frozen=True, kw_only=True):
    """The longest waits, in seconds. A slice is sized to under a second: a statement of minutes is a server that
    hangs.
    """

    connect_s: int = 10
    lock_s: int = 10
    short_lock_s: int = 1
    """Of a lock that outlasted `lock_s` before: which record meets it is found by asking again."""
    statement_s: int = 300


class DatabaseLogin(Struct, frozen=True):
    """The address of a database and the login to it. `port` 0 is the brand's own.

    `zone` is of moments without one: the session's, where the database has such a thing; None leaves the server's own.
    """

    database: str
    server: str = "localhost"
    port: int = 0
    user: str = ""
    password: str = ""
    charset: str = ""
    timeouts: Timeouts = Timeouts()
    zone: tzinfo | None = None

    def __repr__(self) -> str:
        """Return the address without the password: it may stand in a log."""
        return f"DatabaseLogin({self.database!r}, {self.server!r})"


def run_statement(cursor: Any, sql: str, values: Sequence[object]) -> None:
    """Run one statement."""
    cursor.execute(sql, values)


def fetch_rows(cursor: Any, size: int | None) -> RowList:
    """Return the next rows, all that are left or at most so many.

    Raises RefusedRecordError for a value that the driver cannot make sense of.
    """
    try:
        return list(cursor.fetchall() if size is None else cursor.fetchmany(size))
    except (ValueError, OverflowError) as error:
        raise RefusedRecordError(UNREADABLE_VALUE) from error


def open_cursor(connection: Any) -> Any:
    """Return a new cursor."""
    return connection.cursor()


def close_connection(connection: Any) -> None:
    """Close a connection."""
    connection.close()


def statement(sql: str) -> Callable[[Any], None]:
    """Return the call that runs this statement over a driver's connection."""

    def run(connection: Any) -> None:
        with closing(connection.cursor()) as cursor:
            cursor.execute(sql)

    return run


class Driver(Struct, frozen=True, kw_only=True):
    """The calls and texts in which one brand's driver differs from another.

    A connection is the driver's own, or what `connect` put around it. Its cursors know `execute(sql, values)`,
    `executemany`, `rowcount`, `description`, `fetchall`, `fetchmany` and `close`.
    """

    errors: tuple[type[Exception], ...]
    """What the driver raises."""
    connect: Callable[[DatabaseLogin], Any]
    """Return a new connection, in autocommit mode where the driver has one."""
    translate_error: Callable[[Exception, DatabaseLogin], OmnisyncError]
    """Return the driver's error as ours, by what to do about it."""
    translate_connect_error: Callable[[Exception, DatabaseLogin], OmnisyncError] | None = None
    """Return an error of `connect` as ours; None where it means what it means anywhere."""
    is_lost: Callable[[Any, Exception], bool]
    """Return whether the connection is gone."""
    is_duplicate: Callable[[BaseException], bool]
    """Return whether a unique key met itself."""
    is_in_transaction: Callable[[Any], bool] | None = None
    """Return whether the transaction outlived an error; None where every error leaves it."""
    read_rows: Callable[[Any, int | None], RowList] = fetch_rows
    """Return the next rows of a query that ran, at most so many of them, or all; none at its end.

    A value that the driver cannot make sense of (no letters, a date beyond the calendar) is UNREADABLE, alone; where a
    driver does not tell which it is, RefusedRecordError with the code UNREADABLE_VALUE.
    """
    encoding: Callable[[Any], str] | None = None
    """Return Python's name of the only letters the connection carries; None where it carries all."""
    close: Callable[[Any], None] = close_connection
    run: Callable[[Any, str, Sequence[object]], None] = run_statement
    stream_cursor: Callable[[Any], Any] = open_cursor
    """Return a cursor that gives its rows as they come."""
    closes_unread_stream: bool = True
    """Whether rows left unfetched would have to be read all the same: the connection is closed instead."""

    set_lock_wait: Callable[[Any, int], None] | None = None
    """Set the longest wait for a lock, in seconds, until it is set anew; None where a row cannot be held alone."""

    has_autocommit: bool = True
    """Whether a statement outside a transaction stands by itself; else it gets a transaction of its own."""
    begin: Callable[[Any], None] = statement("BEGIN")
    begin_reading: Callable[[Any], None]
    """Begin what makes a stream's rows all of one moment, and lets nothing be written; a rollback ends it."""
    is_write_refused: Callable[[BaseException], bool]
    """Return whether the error is a write within `begin_reading`."""
    commit: Callable[[Any], None] = statement("COMMIT")
    rollback: Callable[[Any], None] = statement("ROLLBACK")
    savepoint: str = "SAVEPOINT {}"
    release_savepoint: str = "RELEASE SAVEPOINT {}"
    return_to_savepoint: str = "ROLLBACK TO SAVEPOINT {}"
    marked: Callable[[str], str] = unchanged
    """Return a SQL text with the driver's own marks in place of `?`."""


@contextmanager
def reading_only(driver: Driver) -> Iterator[None]:
    """Provide a block in which a statement that writes is the layout's error, and no right's or record's."""
    try:
        yield
    except OmnisyncError as error:
        if error.__cause__ is None or not driver.is_write_refused(error.__cause__):
            raise
        raise LayoutError(motivo="a consulta de um conjunto que sai (export) só pode ler, e esta grava") from error
