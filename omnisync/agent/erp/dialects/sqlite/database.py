"""SQLite. Traps: a deferred BEGIN locks in spite of the timeout, and the outermost RELEASE would commit."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from omnisync.agent.erp.database import STREAM_ROWS, UNREADABLE_VALUE, StreamedRows
from omnisync.agent.erp.dialects.rights import rights_by_statements
from omnisync.agent.erp.dialects.sqlite import reflection
from omnisync.agent.erp.schema import DatabaseTable, Rights, Schema
from omnisync.agent.errors import (
    ErpBusyError,
    ErpFullError,
    ErpSetupError,
    ErpUndoneError,
    LayoutError,
    OmnisyncError,
    RefusedRecordError,
)

LOCK_TIMEOUT_S = 10.0
"""How long another writer is waited for."""
CACHE_KIB = 16_384
"""Of the file, kept in memory: the two megabytes SQLite keeps by itself hold next to nothing of an ERP's tables."""

# The id first: it tells two keys apart at once, and every look-up knows all three.
BINDING_TABLES = """
CREATE TABLE IF NOT EXISTS omnisync_binding (
    company TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,
    epoch TEXT NOT NULL, version INTEGER NOT NULL, hash TEXT NOT NULL, written_version INTEGER,
    origin TEXT NOT NULL, erp_key TEXT, erp_number TEXT, establishment TEXT NOT NULL, customer_id TEXT NOT NULL,
    label TEXT NOT NULL, merged_into TEXT, outcome TEXT NOT NULL, reason TEXT, warnings TEXT,
    outcome_at TEXT NOT NULL, receipt_pending INTEGER NOT NULL,
    PRIMARY KEY (id, kind, company)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS omnisync_binding_pending
    ON omnisync_binding (id, kind, company, receipt_pending) WHERE receipt_pending = 1;
CREATE INDEX IF NOT EXISTS omnisync_binding_unsettled
    ON omnisync_binding (company, outcome, kind, establishment, id) WHERE outcome IN ('refused', 'waiting');
CREATE TABLE IF NOT EXISTS omnisync_cursor (
    company TEXT NOT NULL, connection TEXT NOT NULL, stream TEXT NOT NULL,
    cursor TEXT NOT NULL, epoch TEXT NOT NULL,
    PRIMARY KEY (company, connection, stream)
) WITHOUT ROWID;
"""


CLOSED_PRAGMAS = frozenset(("writable_schema", "temp_store_directory", "data_store_directory"))
"""What makes a file unsafe to read, or leads out of it."""


def _authorized(action: int, name: str | None, *_rest: str | None) -> int:
    """Answer SQLite whether a statement may be prepared: a layout's SQL stays within the ERP's file."""
    is_closed = action == sqlite3.SQLITE_PRAGMA and (name or "").lower() in CLOSED_PRAGMAS
    return sqlite3.SQLITE_DENY if is_closed else sqlite3.SQLITE_OK


class Sqlite:
    """One SQLite file as an ERP's database. Used from one thread.

    With `is_ours` it is the agent's own, with our two tables alone: made when it is missing, set aside when it is
    broken, for it may be lost.
    """

    label = "SQLite"

    def __init__(
        self,
        database: str,
        server: str = "",
        port: int = 0,
        user: str = "",
        password: str = "",
        charset: str = "",
        *,
        is_ours: bool = False,
    ) -> None:
        # A file has no server to log in to: the rest is there so that every database opens alike.
        self._database = database
        self._is_ours = is_ours
        self._open: sqlite3.Connection | None = None
        self._in_transaction = False
        self._undone: OmnisyncError | None = None

    def connect(self) -> None:
        """Open the file, which must exist: a mistyped path must not make an empty ERP."""
        self.close()
        if self._is_ours:
            self._connect_ours()
            return
        if not Path(self._database).is_file():
            raise ErpSetupError("destination_missing_file", banco=self._database)
        self._connect()

    def _connect_ours(self) -> None:
        try:
            self._connect()
            self.make_binding_tables()
        except ErpSetupError as error:
            if error.code != "destination_corrupt":
                raise
            self.close()
            broken = Path(self._database)
            broken.replace(broken.with_name(f"{broken.name}.corrompido"))
            for part in ("-wal", "-shm"):
                broken.with_name(broken.name + part).unlink(missing_ok=True)
            self._connect()
            self.make_binding_tables()

    def _connect(self) -> None:
        try:
            self._open = sqlite3.connect(self._database, timeout=LOCK_TIMEOUT_S, isolation_level=None)
            self._open.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)  # VACUUM attaches too: neither writes another file
            self._open.set_authorizer(_authorized)
            self._open.execute("PRAGMA foreign_keys = ON")
            self._open.execute(f"PRAGMA cache_size = -{CACHE_KIB:d}")
            self._write_ahead(self._open)
        except sqlite3.Error as error:
            raise self.translate_error(error) from error

    def _write_ahead(self, connection: sqlite3.Connection) -> None:
        """Switch the file to WAL. This statement does not wait: another connection may be using the file."""
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
        except sqlite3.OperationalError as error:
            if not isinstance(self.translate_error(error), ErpBusyError):
                raise

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._in_transaction, self._undone = False, None
        if self._open is not None:
            self._open.close()
            self._open = None

    def make_binding_tables(self) -> None:
        """Make our two tables where they are missing."""
        self._run(BINDING_TABLES)

    def _run(self, script: str) -> None:
        try:
            self._connection.executescript(script)
        except sqlite3.Error as error:
            raise self.translate_error(error) from error

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._undone is not None:
            raise self._undone
        if self._open is None:
            self.connect()
        assert self._open is not None
        return self._open

    def tables(self) -> dict[str, set[str]]:
        """Return the columns of every table, by its name."""
        found: dict[str, set[str]] = {}
        names = self.select("SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c", ())
        for table, column in names:
            found.setdefault(str(table), set()).add(str(column))
        return found

    def reflect(self) -> Schema:
        """Return everything the database says of itself to this user."""
        return reflection.read(self)

    def rights(self, table: DatabaseTable) -> Rights:
        """Return what this user may do with the table."""
        return rights_by_statements(self, table)

    def execute(self, sql: str, values: Sequence[object] = ()) -> int:
        """Run one statement; answers how many rows it matched."""
        with self._translating():
            return self._connection.execute(sql, values).rowcount

    def execute_many(self, sql: str, rows: Iterable[Sequence[object]]) -> int:
        """Run one statement for each row; answers how many rows it matched in all."""
        with self._translating():
            return self._connection.executemany(sql, rows).rowcount

    def select(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Return all rows of one query."""
        with self._translating():
            return self._connection.execute(sql, values).fetchall()

    @contextmanager
    def stream(self, sql: str, values: Sequence[object] = (), *, size: int = STREAM_ROWS) -> Iterator[StreamedRows]:
        """Provide the rows of one query as they come, in lots. In WAL a reader blocks no writer."""
        self.execute("BEGIN")
        try:
            with self._translating():
                cursor = self._connection.execute(sql, values)

            def lots() -> Iterator[list[tuple[object, ...]]]:
                while True:
                    with self._translating():
                        rows = cursor.fetchmany(size)
                    if not rows:
                        break
                    yield rows

            yield [described[0] for described in cursor.description], lots()
        finally:
            self.rollback()

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OverflowError, UnicodeEncodeError) as error:
            ours = self.translate_error(error)
            if self._in_transaction and self._open is not None and not self._open.in_transaction:
                # RAISE(ROLLBACK), or a disk that is full: what came after would stand outside of any transaction.
                is_record = isinstance(ours, RefusedRecordError)
                self._undone = ErpUndoneError(motivo=ours.words["motivo"]) if is_record else ours
            raise ours from error

    def select_among(self, sql: str, ids: Sequence[object], values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Return all rows of a query that ends with `IN {ids}`; `values` are bound before the ids.

        The ids travel as one JSON array in a subquery: a JOIN with json_each makes the planner scan the bindings
        outside (a thousand times slower).
        """
        if not ids:
            return []
        among = sql.replace("{ids}", "(SELECT value FROM json_each(?))")
        return self.select(among, (*values, msgspec.json.encode(ids).decode()))

    def execute_among(self, sql: str, ids: Sequence[object], values: Sequence[object] = ()) -> None:
        """Run a statement that ends with `IN {ids}`; `values` are bound before the ids."""
        among = sql.replace("{ids}", "(SELECT value FROM json_each(?))")
        self.execute(among, (*values, msgspec.json.encode(ids).decode()))

    def records_among(self, table: str, column: str, keys: Sequence[object]) -> list[dict[str, object]]:
        """Whole rows of a table by the values of one column, each with its columns' names."""
        sql = f"SELECT * FROM {self.quoted(table)} WHERE {self.quoted(column)} IN (SELECT value FROM json_each(?))"  # noqa: S608  # quoted names
        cursor = self._connection.execute(sql, (msgspec.json.encode(keys).decode(),))
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def lock_row(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Return the rows of a plain query; the writing transaction holds the whole file already."""
        return self.select(sql, values)

    def insert_rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Insert rows known to be new. On an error some may stand."""
        if rows:
            self.execute_many(self._insert(table, columns), rows)

    def update_rows(
        self, table: str, columns: Sequence[str], keys: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> int:
        """Set `columns` where `keys` are equal; a row is the columns' values, then the keys'. Answers rows matched."""
        if not rows:
            return 0
        sets = ", ".join(f"{self.quoted(name)} = ?" for name in columns)
        where = " AND ".join(f"{self.quoted(name)} = ?" for name in keys)
        return self.execute_many(f"UPDATE {self.quoted(table)} SET {sets} WHERE {where}", rows)  # noqa: S608  # quoted names

    def insert_returning(self, table: str, columns: Sequence[str], row: Sequence[object], made: str) -> object:
        """Insert one row; answers what the database made of the column `made`."""
        return self.select(f"{self._insert(table, columns)} RETURNING {self.quoted(made)}", row)[0][0]

    def next_values(self, sequence: str, n: int) -> list[object]:
        """SQLite has no sequences."""
        raise ErpSetupError("layout", motivo=f"o SQLite não tem sequências ({sequence})")

    def insert_missing(self, table: str, columns: Sequence[str], keys: Sequence[str], row: Sequence[object]) -> None:
        """Insert one row, or leave the one that has the same unique key."""
        conflict = ", ".join(map(self.quoted, keys))
        self.execute(f"{self._insert(table, columns)} ON CONFLICT ({conflict}) DO NOTHING", row)

    def _insert(self, table: str, columns: Sequence[str]) -> str:
        names, marks = ", ".join(map(self.quoted, columns)), ", ".join("?" * len(columns))
        return f"INSERT INTO {self.quoted(table)} ({names}) VALUES ({marks})"  # noqa: S608  # quoted names

    def quoted(self, name: str) -> str:
        """Return a name as it stands in the database. In double quotes a name that is missing would be taken for a
        text.
        """
        return "`{}`".format(name.replace("`", "``"))

    def limited(self, sql: str, n: int) -> str:
        """Return the query, answering its first `n` rows only."""
        return f"{sql} LIMIT {n:d}"

    def contains(self, column: str) -> str:
        """Return the condition that a text column holds the text of one `?`, whatever the case of the letters."""
        return f"instr(upper({column}), upper(?)) > 0"

    def encodable(self, text: str) -> str:
        """Return the text itself: a file holds every letter."""
        return text

    def begin(self) -> None:
        """Begin a writing transaction, holding the database's one write lock from the start."""
        self.execute("BEGIN IMMEDIATE")
        self._in_transaction = True

    def commit(self) -> None:
        """End the transaction; everything in it stands."""
        self.execute("COMMIT")
        self._in_transaction = False

    def rollback(self) -> None:
        """End the transaction; nothing of it stands. On a broken connection the database does so by itself."""
        self._in_transaction, self._undone = False, None
        if self._open is not None and self._open.in_transaction:
            self._open.execute("ROLLBACK")

    def savepoint(self) -> None:
        """Mark a place to return to."""
        self.execute("SAVEPOINT omnisync")

    def release_savepoint(self) -> None:
        """Forget the last mark; what came after it stays."""
        self.execute("RELEASE omnisync")

    def return_to_savepoint(self) -> None:
        """Undo what came after the last mark, and forget the mark."""
        self.execute("ROLLBACK TO omnisync")
        self.execute("RELEASE omnisync")

    def translate_error(self, error: Exception) -> OmnisyncError:
        """Return the driver's error as ours, by what to do about it."""
        text = str(error)
        if text.startswith(("too many attached databases", "not authorized", "cannot VACUUM")):
            return LayoutError(motivo="um SQL dele sai do banco do ERP (ATTACH, VACUUM, PRAGMA ou extensão)")
        if isinstance(error, (sqlite3.IntegrityError, sqlite3.DataError, OverflowError, UnicodeEncodeError)):
            return RefusedRecordError("erp_refused", motivo=text)
        if text.startswith("Could not decode to UTF-8"):
            return RefusedRecordError(UNREADABLE_VALUE)
        name = getattr(error, "sqlite_errorname", "") or ""
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return ErpBusyError()
        if name.startswith("SQLITE_FULL"):
            return ErpFullError(servidor="deste computador")
        if name.startswith("SQLITE_READONLY"):
            return ErpSetupError("destination_read_only", banco=self._database)
        if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
            return ErpSetupError("destination_corrupt", banco=self._database)
        if text.startswith("no such table"):
            return ErpSetupError("destination_missing_table", banco=self._database, tabela=text.rpartition(": ")[2])
        if "no such column" in text or "has no column" in text:
            return ErpSetupError("destination_missing_column", banco=self._database, motivo=text)
        return ErpSetupError(banco=self._database, servidor="deste computador")
