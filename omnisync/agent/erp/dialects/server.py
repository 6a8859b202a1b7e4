"""The common part of the database servers: a connection that may be lost, transactions, savepoints, plain SQL."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from omnisync.agent.erp.database import STREAM_ROWS, UNREADABLE_VALUE, StreamedRows, formatted, row_groups
from omnisync.agent.erp.dialects.rights import rights_by_statements
from omnisync.agent.erp.schema import DatabaseTable, Rights, Schema
from omnisync.agent.errors import ErpBusyError, ErpSetupError, OmnisyncError, RecordError, RefusedRecordError

CONNECT_TIMEOUT_S = 10
"""How long a server may take to answer at all."""
LOCK_TIMEOUT_S = 10
"""How long another writer is waited for."""
STATEMENT_TIMEOUT_S = 300
"""How long one statement may take: a slice is sized to under a second, so this is a server that hangs."""
IDS_AT_ONCE = 1000
"""Ids in one query."""


class Server(ABC):
    """A connection to a database server. Outside a transaction every statement stands by itself.

    A lost connection is opened again by the next statement or transaction, but never within a transaction: what came
    before would be missing from it.
    """

    label = ""
    errors: tuple[type[Exception], ...] = ()
    """What the driver raises."""
    lock_timeout_s = LOCK_TIMEOUT_S
    begins, commits, rolls_back = "BEGIN", "COMMIT", "ROLLBACK"
    begins_reading = ""
    marks, releases, returns = "SAVEPOINT {}", "RELEASE SAVEPOINT {}", "ROLLBACK TO SAVEPOINT {}"
    """How transactions and the marks in them are spoken of."""

    def __init__(
        self,
        database: str,
        server: str = "localhost",
        port: int = 0,
        user: str = "",
        password: str = "",
        charset: str = "",
    ) -> None:
        self._database = database
        self._server = server or "localhost"
        self._port = port
        self._user = user
        self._password = password
        self._charset = charset
        self._open: Any = None
        self._was_open = False
        self._in_transaction = False
        self._n_savepoints = 0

    # --- what each database says for itself

    @abstractmethod
    def _opened(self) -> Any:
        """Return a new connection, in autocommit mode where the driver has one."""

    @abstractmethod
    def _is_lost(self, error: Exception) -> bool:
        """Return whether the connection is gone."""

    @abstractmethod
    def _is_duplicate(self, error: BaseException) -> bool:
        """Return whether a unique key met itself."""

    @abstractmethod
    def quoted(self, name: str) -> str:
        """Return a name as it stands in the database, quoted."""

    @abstractmethod
    def tables(self) -> dict[str, set[str]]:
        """Return the columns of every table and view by its name."""

    @abstractmethod
    def make_binding_tables(self) -> None:
        """Make our two tables where they are missing."""

    @abstractmethod
    def reflect(self) -> Schema:
        """Return everything the database says of itself to this user."""

    @abstractmethod
    def contains(self, column: str) -> str:
        """Return the condition that a text column holds the text of one `?`, whatever the case of the letters."""

    @abstractmethod
    def next_values(self, sequence: str, n: int) -> list[object]:
        """Return the next n values of a sequence."""

    @abstractmethod
    def insert_missing(self, table: str, columns: Sequence[str], keys: Sequence[str], row: Sequence[object]) -> None:
        """Insert one row, or leave the one that has the same unique key."""

    @abstractmethod
    def translate_error(self, error: Exception) -> OmnisyncError:
        """Return the driver's error as ours, by what to do about it."""

    # --- the connection

    def connect(self) -> None:
        """Open the database anew."""
        self.close()
        try:
            self._open = self._opened()
        except self.errors as error:
            raise self._of_connecting(error) from error
        self._was_open = True

    def _of_connecting(self, error: Exception) -> OmnisyncError:
        ours = self.translate_error(error)
        # A server that answered before is being restarted: the run waits for it instead of asking for a person.
        if self._was_open and ours.code == ErpSetupError.code:
            return ErpBusyError()
        # A name or a password that cannot even be written.
        return ErpSetupError("destination_login", banco=self._database) if isinstance(ours, RecordError) else ours

    def _unreachable(self) -> ErpSetupError:
        return ErpSetupError(banco=self._database, servidor=self._server)

    def close(self) -> None:
        """Give the connection back. Idempotent."""
        lost, self._open = self._open, None
        if lost is not None:
            with suppress(*self.errors):
                lost.close()

    @property
    def _connection(self) -> Any:
        if self._open is None:
            if self._in_transaction:
                raise ErpBusyError
            self.connect()
        return self._open

    @contextmanager
    def _cursor(self, sql: str = "") -> Iterator[Any]:
        """Provide a cursor; what the driver raises while it is used becomes ours."""
        connection = self._connection
        with self._translating(sql), connection.cursor() as cursor:
            yield cursor

    @contextmanager
    def _translating(self, sql: str) -> Iterator[None]:
        try:
            yield
        except self.errors as error:
            raise self._translate(error, sql) from error

    def _translate(self, error: Exception, sql: str) -> OmnisyncError:
        if self._is_lost(error):
            self.close()
            return ErpBusyError()
        if "omnisync_" in sql.lower() and self._is_duplicate(error):
            # Our own key is never a record's fault: another run got there first, and the slice is done again.
            return ErpBusyError()
        return self.translate_error(error)

    def rights(self, table: DatabaseTable) -> Rights:
        """Return what this user may do with the table."""
        return rights_by_statements(self, table)

    # --- statements

    def execute(self, sql: str, values: Sequence[object] = ()) -> int:
        """Run one statement; answers how many rows it matched."""
        with self._cursor(sql) as cursor:
            cursor.execute(formatted(sql), values)
            return max(int(cursor.rowcount), 0)

    def execute_many(self, sql: str, rows: Iterable[Sequence[object]]) -> int:
        """Run one statement for each row; answers how many rows it matched in all."""
        with self._cursor(sql) as cursor:
            cursor.executemany(formatted(sql), list(rows))
            return max(int(cursor.rowcount or 0), 0)

    def select(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Return all rows of one query."""
        return self._read(sql, values)[1]

    def _read(self, sql: str, values: Sequence[object]) -> tuple[list[str], list[tuple[object, ...]]]:
        """Return the names of a query's columns, and its rows."""
        with self._cursor(sql) as cursor:
            self._run(cursor, sql, values)
            return [described[0] for described in cursor.description], self._fetched(cursor)

    @staticmethod
    def _fetched(cursor: Any) -> list[tuple[object, ...]]:
        """Return the rows of a query that ran. Only what they hold can be wrong by now."""
        try:
            return list(cursor.fetchall())
        except (ValueError, OverflowError) as error:
            raise unreadable() from error

    def _run(self, cursor: Any, sql: str, values: Sequence[object]) -> None:
        """Run a query."""
        cursor.execute(formatted(sql), values)

    @contextmanager
    def stream(self, sql: str, values: Sequence[object] = (), *, size: int = STREAM_ROWS) -> Iterator[StreamedRows]:
        """Provide the rows of one query as they come, in lots, all of them as of one moment."""
        self._begin_reading()
        cursor, is_read = None, False
        try:
            with self._translating(sql):
                cursor = self._reading_cursor()
                self._run(cursor, sql, values)
                names = [described[0] for described in cursor.description]

            def lots() -> Iterator[list[tuple[object, ...]]]:
                nonlocal is_read
                while True:
                    with self._translating(sql):
                        rows = cursor.fetchmany(size)
                    if not rows:
                        break
                    yield list(rows)
                is_read = True

            yield names, lots()
        finally:
            self._end_reading(cursor, is_read=is_read)

    def _begin_reading(self) -> None:
        """Begin what makes a stream's rows all of one moment; nothing where a single query is so by itself."""
        if self.begins_reading:
            self.execute(self.begins_reading)
            self._in_transaction, self._n_savepoints = True, 0

    def _reading_cursor(self) -> Any:
        """Return a cursor that gives its rows as they come."""
        return self._connection.cursor()

    def _end_reading(self, cursor: Any, *, is_read: bool) -> None:
        """End a stream. Rows left unfetched would have to be read all the same: the connection is closed."""
        if is_read:
            self.rollback()
        else:
            self._in_transaction = False
            self.close()
        if cursor is not None:
            with suppress(*self.errors):
                cursor.close()

    def select_among(self, sql: str, ids: Sequence[object], values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Return all rows of a query that ends with `IN {ids}`; `values` are bound before the ids."""
        found: list[tuple[object, ...]] = []
        for group in row_groups(ids, IDS_AT_ONCE):
            found += self.select(sql.replace("{ids}", f"({', '.join('?' * len(group))})"), (*values, *group))
        return found

    def execute_among(self, sql: str, ids: Sequence[object], values: Sequence[object] = ()) -> None:
        """Run a statement that ends with `IN {ids}`; `values` are bound before the ids."""
        for group in row_groups(ids, IDS_AT_ONCE):
            self.execute(sql.replace("{ids}", f"({', '.join('?' * len(group))})"), (*values, *group))

    def records_among(self, table: str, column: str, keys: Sequence[object]) -> list[dict[str, object]]:
        """Whole rows of a table by the values of one column, each with its columns' names."""
        found: list[dict[str, object]] = []
        for group in row_groups(keys, 200):
            marks = ", ".join("?" * len(group))
            sql = f"SELECT * FROM {self.quoted(table)} WHERE {self.quoted(column)} IN ({marks})"  # noqa: S608  # quoted names
            names, rows = self._read(sql, tuple(group))
            found += [dict(zip(names, row, strict=True)) for row in rows]
        return found

    def lock_row(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Return the rows of a plain query of one table, held until the transaction ends and read as of then."""
        return self.select(f"{sql} FOR UPDATE", values)

    def insert_rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Insert rows known to be new, the fastest way. On an error some may stand."""
        if rows:
            self.execute_many(self._insert(table, columns), rows)

    def insert_returning(self, table: str, columns: Sequence[str], row: Sequence[object], made: str) -> object:
        """Insert one row; answers what the database made of the column `made`."""
        return self.select(f"{self._insert(table, columns)} RETURNING {self.quoted(made)}", row)[0][0]

    def update_rows(
        self, table: str, columns: Sequence[str], keys: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> int:
        """Set `columns` where `keys` are equal; a row is the columns' values, then the keys'. Answers rows matched."""
        return self.execute_many(self._update(table, columns, keys), rows) if rows else 0

    def limited(self, sql: str, n: int) -> str:
        """Return the query, answering its first `n` rows only."""
        return f"{sql} LIMIT {n:d}"

    def encodable(self, text: str) -> str:
        """Return the text with `?` for each letter this database cannot hold."""
        return text

    def _insert(self, table: str, columns: Sequence[str]) -> str:
        names, marks = ", ".join(map(self.quoted, columns)), ", ".join("?" * len(columns))
        return f"INSERT INTO {self.quoted(table)} ({names}) VALUES ({marks})"  # noqa: S608  # quoted names

    def _update(self, table: str, columns: Sequence[str], keys: Sequence[str]) -> str:
        sets = ", ".join(f"{self.quoted(name)} = ?" for name in columns)
        where = " AND ".join(f"{self.quoted(name)} = ?" for name in keys)
        return f"UPDATE {self.quoted(table)} SET {sets} WHERE {where}"  # noqa: S608  # quoted names

    # --- transactions

    def begin(self) -> None:
        """Begin a writing transaction."""
        self.execute(self.begins)
        self._in_transaction, self._n_savepoints = True, 0

    def commit(self) -> None:
        """End the transaction; everything in it stands. After ErpBusyError the outcome is unknown."""
        try:
            self.execute(self.commits)
        finally:
            self._in_transaction = False

    def rollback(self) -> None:
        """End the transaction; nothing of it stands. Never raises on a broken connection."""
        was_begun, self._in_transaction = self._in_transaction, False
        if was_begun and self._open is not None:
            try:
                self.execute(self.rolls_back)
            except OmnisyncError:
                self.close()

    def savepoint(self) -> None:
        """Mark a place to return to. Marks may stand one within another."""
        self.execute(self.marks.format(f"omnisync_{self._n_savepoints + 1}"))
        self._n_savepoints += 1

    def release_savepoint(self) -> None:
        """Forget the last mark; what came after it stays."""
        if self.releases:
            self.execute(self.releases.format(f"omnisync_{self._n_savepoints}"))
        self._n_savepoints -= 1

    def return_to_savepoint(self) -> None:
        """Undo what came after the last mark, and forget the mark."""
        self.execute(self.returns.format(f"omnisync_{self._n_savepoints}"))
        self.release_savepoint()


def refused(motive: str) -> RefusedRecordError:
    """Return a record this database does not accept, in its own words."""
    return RefusedRecordError("erp_refused", motivo=motive)


def unreadable() -> RefusedRecordError:
    """Return a value in a row that the driver cannot make sense of: bytes that are no letters, a date beyond the
    calendar.
    """
    return RefusedRecordError(UNREADABLE_VALUE)


def wrong_layout(motive: str) -> ErpSetupError:
    """Return a statement that this database cannot run at all: the layout is for another."""
    return ErpSetupError("layout", motivo=motive)


def by_table(rows: Iterable[tuple[object, ...]]) -> dict[str, set[str]]:
    """Return pairs of table and column, by table."""
    found: dict[str, set[str]] = {}
    for table, column in rows:
        found.setdefault(str(table), set()).add(str(column))
    return found
