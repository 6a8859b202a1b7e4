"""One database of an ERP: its connection, transactions and statements. What differs by brand is in its `Dialect`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from msgspec import Struct

from omnisync.agent.erp.charset import is_complete, storable_rows
from omnisync.agent.erp.driver import DatabaseLogin, Driver, reading_only
from omnisync.agent.erp.schema import DatabaseTable, Rights, Schema
from omnisync.agent.erp.statements import (
    BoundStatement,
    RowList,
    insert_text,
    limit_rows,
    unchanged,
    update_text,
)
from omnisync.agent.errors import (
    ErpBusyError,
    ErpRowInUseError,
    ErpSetupError,
    ErpUndoneError,
    OmnisyncError,
    RecordError,
    RefusedRecordError,
)

STREAM_ROWS = 2000
"""Rows of a stream that are in memory at once."""
StreamedRows = tuple[list[str], Iterator[RowList]]
"""A query as it comes: the names of its columns, and its rows in lots."""


def insert_each(database: Database, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Insert rows, one statement for each."""
    database.execute_many(insert_text(database.quoted, table, columns), rows)


def update_each(
    database: Database, table: str, columns: Sequence[str], keys: Sequence[str], rows: Sequence[Sequence[object]]
) -> int:
    """Update rows, one statement for each; answers how many were matched."""
    return database.execute_many(update_text(database.quoted, table, columns, keys), rows)


def insert_with_returning(
    database: Database, table: str, columns: Sequence[str], row: Sequence[object], made: str
) -> object:
    """Insert one row; answers what the database made of the column `made`."""
    sql = f"{insert_text(database.quoted, table, columns)} RETURNING {database.quoted(made)}"
    return database.select(sql, row)[0][0]


def insert_unless_conflict(
    database: Database, table: str, columns: Sequence[str], keys: Sequence[str], row: Sequence[object]
) -> None:
    """Insert one row, or leave the one that has the same unique key."""
    conflict = ", ".join(map(database.quoted, keys))
    database.execute(f"{insert_text(database.quoted, table, columns)} ON CONFLICT ({conflict}) DO NOTHING", row)


class Dialect(Struct, frozen=True, kw_only=True):
    """The SQL texts, limits and few functions in which one brand of database differs from another.

    A function that takes the `Database` runs statements through it. Callers ask the dialect, never for its brand.
    """

    label: str

    driver: Driver

    quotes: tuple[str, str] = ('"', '"')
    has_schemas: bool = False
    """Whether a point in a name stands between a schema and its table."""
    rounds_decimals: bool = True
    """Whether a column of decimals rounds what has more places than it keeps."""
    spelled: Callable[[Database, str], str] | None = None
    """Return a layout's name as the database keeps it; None where names are literal."""
    among: Callable[[str, Sequence[object], Sequence[object]], Iterable[BoundStatement]]
    """Return the statements, with their values, that a text ending with `IN {ids}` becomes for these ids."""
    contains: Callable[[str], str]
    """Return the condition that a text column (quoted) holds the text of one `?`, whatever the case of letters."""
    limited: Callable[[str, int], str] = limit_rows
    """Return a query, answering its first rows only."""
    locked: Callable[[str], str]
    """Return a plain query of one table, whose rows are held until the transaction ends, and read as of then."""

    insert_rows: Callable[[Database, str, Sequence[str], Sequence[Sequence[object]]], None] = insert_each
    update_rows: Callable[[Database, str, Sequence[str], Sequence[str], Sequence[Sequence[object]]], int] = update_each
    insert_returning: Callable[[Database, str, Sequence[str], Sequence[object], str], object] = insert_with_returning
    """Insert one row (table, columns, values); answers what the database made of the column named last."""
    insert_missing: Callable[[Database, str, Sequence[str], Sequence[str], Sequence[object]], None] = (
        insert_unless_conflict
    )
    """Insert one row (table, columns, keys, values), or leave the one of the same unique key. In a transaction."""
    next_values: Callable[[Database, str, int], list[object]]
    """Return the next n values of a sequence or generator. They are never given back."""

    tables: Callable[[Database], dict[str, set[str]]]
    """Return the columns of every table and view by its name, as a layout writes them."""
    reflect: Callable[[Database], Schema]
    """Return everything the database says of itself to this user, over the connection that writes."""
    rights: Callable[[Database, DatabaseTable], Rights]
    """Return what this user may do with a table. Nothing is left behind, and no trigger runs."""
    excess_rights: Callable[[Database], tuple[str, ...]]
    """Return the server's names of the rights over the whole server that the login has and no import needs."""
    make_binding_tables: Callable[[Database], None]
    """Make our two tables where they are missing; no right to make tables is needed where they stand."""


class Database:
    """One database of an ERP, over one connection, used from one thread. `connect` opens it; so does the first use.

    SQL texts are the callers' own, with `?` for each value; names in them went through `quoted`. Outside of `begin`
    and `commit` every statement stands by itself. A lost connection is opened again by the next statement or
    transaction, but never within a transaction: what came before would be missing from it.

    Every method raises an OmnisyncError, never a driver's error: ErpBusyError (lock, deadlock, lost connection: roll
    back and do the whole transaction again), RefusedRecordError (what the statement carries is not accepted),
    SetupError (a person must act). A value that was found and cannot be read is UNREADABLE, and raises nothing.
    """

    def __init__(self, dialect: Dialect, login: DatabaseLogin) -> None:
        self.dialect = dialect
        self._driver = dialect.driver
        self._login = login
        self._open: Any = None
        self._was_open = False
        self._in_transaction = False
        self._n_savepoints = 0
        self._undone: OmnisyncError | None = None

    def connect(self) -> None:
        """Open the database anew. Unreachable is ErpSetupError the first time and ErpBusyError once it was open."""
        self.close()
        try:
            self._open = self._driver.connect(self._login)
        except self._driver.errors as error:
            translate = self._driver.translate_connect_error or self._driver.translate_error
            ours = translate(error, self._login)
            # A server that answered before is being restarted: the run waits for it instead of asking for a person.
            if self._was_open and ours.code == ErpSetupError.code:
                raise ErpBusyError from error
            # A name or a password that cannot even be written.
            if isinstance(ours, RecordError):
                raise ErpSetupError("destination_login", banco=self._login.database) from error
            raise ours from error
        self._was_open = True

    def close(self) -> None:
        """Give the connection back. Idempotent."""
        lost, self._open, self._undone = self._open, None, None
        if lost is not None:
            with suppress(*self._driver.errors):
                self._driver.close(lost)

    @property
    def connection(self) -> Any:
        """Return the driver's connection, opened if it is not. Raises what undid the transaction, until `rollback`."""
        if self._undone is not None:
            raise self._undone
        if self._open is None:
            if self._in_transaction:
                raise ErpBusyError
            self.connect()
        return self._open

    @contextmanager
    def cursor(self, sql: str = "") -> Iterator[Any]:
        """Provide a cursor; what the driver raises while it is used becomes ours."""
        if self._in_transaction or self._driver.has_autocommit:
            connection = self.connection
            with self.translating(sql):
                cursor = connection.cursor()
                try:
                    yield cursor
                finally:
                    cursor.close()
            return
        self.begin()
        try:
            with self.cursor(sql) as cursor:
                yield cursor
            self.commit()
        except BaseException:
            self.rollback()
            raise

    @contextmanager
    def translating(self, sql: str = "") -> Iterator[None]:
        """Provide a block in which the driver's errors become ours."""
        try:
            yield
        except self._driver.errors as error:
            if self._open is None or self._driver.is_lost(self._open, error):
                self.close()
                raise ErpBusyError from error
            # Our own key is never a record's fault: another run got there first, and the slice is done again.
            is_of_ours = "omnisync_" in sql.lower()
            is_other_run = is_of_ours and self._driver.is_duplicate(error)
            ours = ErpBusyError() if is_other_run else self._driver.translate_error(error, self._login)
            if is_of_ours and isinstance(ours, ErpRowInUseError):
                ours = ErpBusyError()  # held by another run of ours: no record's row
            is_alive = self._driver.is_in_transaction
            if self._in_transaction and self._undone is None and is_alive is not None and not is_alive(self._open):
                # A trigger's ROLLBACK, a full disk: what came after would stand outside of any transaction.
                is_record = isinstance(ours, RefusedRecordError)
                self._undone = ErpUndoneError(motivo=ours.words.get("motivo")) if is_record else ours
            raise ours from error

    def begin(self, *, is_reading: bool = False) -> None:
        """Begin a writing transaction, or one in which all rows are read as of one moment."""
        call = self._driver.begin_reading if is_reading else self._driver.begin
        connection = self.connection
        with self.translating():
            call(connection)
        self._in_transaction, self._n_savepoints = True, 0

    def commit(self) -> None:
        """End the transaction; everything in it stands. After ErpBusyError the outcome is unknown."""
        connection = self.connection
        try:
            with self.translating():
                self._driver.commit(connection)
        except OmnisyncError:
            self.rollback()  # a COMMIT that was refused may leave its transaction open
            raise
        self._in_transaction = False

    def rollback(self) -> None:
        """End the transaction; nothing of it stands. Never raises on a broken connection."""
        was_begun, self._in_transaction, self._undone = self._in_transaction, False, None
        if was_begun and self._open is not None:
            try:
                self._driver.rollback(self._open)
            except self._driver.errors:
                self.close()

    @contextmanager
    def short_lock_waits(self) -> Iterator[None]:
        """Provide a block in which a lock is waited for no longer than it takes to see that it is held."""
        set_wait, timeouts = self._driver.set_lock_wait, self._login.timeouts
        if set_wait is None:
            yield
            return
        with self.translating():
            set_wait(self.connection, timeouts.short_lock_s)
        try:
            yield
        finally:
            if self._open is not None:  # one that was opened anew waits as at first
                with self.translating():
                    set_wait(self._open, timeouts.lock_s)

    def savepoint(self) -> None:
        """Mark a place to return to. Marks may stand one within another."""
        self.execute(self._driver.savepoint.format(f"omnisync_{self._n_savepoints + 1}"))
        self._n_savepoints += 1

    def release_savepoint(self) -> None:
        """Forget the last mark; what came after it stays."""
        if self._driver.release_savepoint:
            self.execute(self._driver.release_savepoint.format(f"omnisync_{self._n_savepoints}"))
        self._n_savepoints -= 1

    def return_to_savepoint(self) -> None:
        """Undo what came after the last mark, and forget the mark."""
        self.execute(self._driver.return_to_savepoint.format(f"omnisync_{self._n_savepoints}"))
        self.release_savepoint()

    def quoted(self, name: str) -> str:
        """Return a name as it stands in the database, safe in a SQL text whatever letters and reserved words it is
        made of.
        """
        if self.dialect.spelled is not None:
            name = self.dialect.spelled(self, name)
        opening, ending = self.dialect.quotes
        parts = name.split(".") if self.dialect.has_schemas else (name,)
        return ".".join(f"{opening}{part.replace(ending, ending * 2)}{ending}" for part in parts)

    def execute(self, sql: str, values: Sequence[object] = ()) -> int:
        """Run one statement; answers how many rows it matched."""
        with self.cursor(sql) as cursor:
            self._driver.run(cursor, self._driver.marked(sql), values)
            return max(int(cursor.rowcount), 0)

    def execute_many(self, sql: str, rows: Iterable[Sequence[object]]) -> int:
        """Run one statement for each row; answers how many rows it matched in all."""
        with self.cursor(sql) as cursor:
            cursor.executemany(self._driver.marked(sql), list(rows))
            return max(int(cursor.rowcount or 0), 0)

    def select(self, sql: str, values: Sequence[object] = ()) -> RowList:
        """Return all rows of one query."""
        with self.cursor(sql) as cursor:
            self._driver.run(cursor, self._driver.marked(sql), values)
            return self._driver.read_rows(cursor, None)

    def select_among(self, sql: str, ids: Sequence[object], values: Sequence[object] = ()) -> RowList:
        """Return all rows of a query that ends with `IN {ids}`; `values` are bound before the ids.

        An ORDER BY holds within a lot of ids only. Ids are of the column's own type.
        """
        found: RowList = []
        for text, bound in self.dialect.among(sql, ids, values):
            found += self.select(text, bound)
        return found

    @contextmanager
    def stream(self, sql: str, values: Sequence[object] = (), *, size: int = STREAM_ROWS) -> Iterator[StreamedRows]:
        """Provide the rows of one query as they come, in lots of `size`: memory holds a lot or two, whatever the
        table's size.

        All of them as of one moment, without a lock that a writer of the ERP's would wait for (SQL Server: only where
        its rows are versioned). Outside of `begin`; until the block ends the connection does nothing else. A query that
        writes is refused as the layout's (SQL Server: what it writes is taken back).
        """
        self.begin(is_reading=True)
        cursor, is_read = None, False
        try:
            connection = self.connection
            with reading_only(self._driver), self.translating(sql):
                cursor = self._driver.stream_cursor(connection)
                self._driver.run(cursor, self._driver.marked(sql), values)
                names = [described[0] for described in cursor.description]

            def row_groups() -> Iterator[RowList]:
                nonlocal is_read
                while True:
                    with reading_only(self._driver), self.translating(sql):
                        rows = self._driver.read_rows(cursor, size)
                    if not rows:
                        break
                    yield rows
                is_read = True

            yield names, row_groups()
        finally:
            if is_read or not self._driver.closes_unread_stream:
                self.rollback()
            else:
                self._in_transaction = False
                self.close()
            if cursor is not None:
                with suppress(*self._driver.errors):
                    cursor.close()

    def insert_rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Insert rows known to be new, the fastest way. On an error some may stand: keep a savepoint before it."""
        if rows:
            rows = storable_rows(encoding_of(self), table, columns, rows)
            self.dialect.insert_rows(self, table, columns, rows)

    def update_rows(
        self, table: str, columns: Sequence[str], keys: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> int:
        """Set `columns` where `keys` are equal; a row is the columns' values, then the keys'. Answers rows matched."""
        if not rows:
            return 0
        rows = storable_rows(encoding_of(self), table, [*columns, *keys], rows)
        return self.dialect.update_rows(self, table, columns, keys, rows)


def insert_made(database: Database, table: str, columns: Sequence[str], row: Sequence[object], made: str) -> object:
    """Insert one row; answers what the database made of the column `made`."""
    [row] = storable_rows(encoding_of(database), table, columns, [row])
    return database.dialect.insert_returning(database, table, columns, row, made)


def records_among(database: Database, table: str, column: str, keys: Sequence[object]) -> list[dict[str, object]]:
    """Return whole rows of a table by the values of one column, each with its columns' names."""
    quoted, driver = database.quoted, database.dialect.driver
    text = f"SELECT * FROM {quoted(table)} WHERE {quoted(column)} IN {{ids}}"  # noqa: S608  # quoted names
    found: list[dict[str, object]] = []
    for sql, values in database.dialect.among(text, keys, ()):
        with database.cursor(sql) as cursor:
            driver.run(cursor, driver.marked(sql), values)
            names = [described[0] for described in cursor.description]
            found += [dict(zip(names, row, strict=True)) for row in driver.read_rows(cursor, None)]
    return found


def execute_among(database: Database, sql: str, ids: Sequence[object], values: Sequence[object] = ()) -> None:
    """Run a statement that ends with `IN {ids}`; `values` are bound before the ids."""
    for text, bound in database.dialect.among(sql, ids, values):
        database.execute(text, bound)


def has_transaction(database: Database) -> bool:
    """Return whether the transaction that was begun still goes on: foreign code that ran in it may have ended it."""
    is_alive = database.dialect.driver.is_in_transaction
    return is_alive is None or is_alive(database.connection)


def encoding_of(database: Database) -> str:
    """Return Python's name of the only letters that the database's connection carries."""
    encoding = database.dialect.driver.encoding
    return encoding(database.connection) if encoding is not None else "utf-8"


def encoder(database: Database) -> Callable[[str], str]:
    """Return what puts `?` for each letter this database cannot hold: for texts of ours, never for the ERP's."""
    encoding = encoding_of(database)
    if is_complete(encoding):
        return unchanged
    return lambda text: text.encode(encoding, "replace").decode(encoding)
