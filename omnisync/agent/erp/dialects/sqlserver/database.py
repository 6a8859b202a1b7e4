"""SQL Server. Traps: a trigger's error undoes the whole transaction, and letters are lost to `?` in silence.

Not run against a live server: the texts and the driver's errors are tested, the server is not there to be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from re import IGNORECASE
from re import compile as pattern
from typing import Any

import pymssql

from omnisync.agent.erp.dialects.server import (
    CONNECT_TIMEOUT_S,
    STATEMENT_TIMEOUT_S,
    Server,
    by_table,
    refused,
    wrong_layout,
)
from omnisync.agent.erp.dialects.sqlserver import reflection
from omnisync.agent.erp.dialects.sqlserver.errors import (
    BUSY,
    DUPLICATE,
    FULL,
    LOGIN,
    LOST,
    OWN_WORDS,
    PERMISSION,
    REFUSED,
    UNREACHABLE,
    number_and_text,
    number_of,
    table_named,
    without_values,
)
from omnisync.agent.erp.dialects.sqlserver.literals import counted, filled
from omnisync.agent.erp.schema import DatabaseTable, Rights, Schema
from omnisync.agent.errors import ErpBusyError, ErpFullError, ErpSetupError, ErpUndoneError, OmnisyncError

# Keys compare by their code points (BIN2): the usual collations call `ção`, `CAO` and `cao` the same. The indexes have
# no filter, which would make every other session's writes here depend on that session's settings.
BINDING_TABLES = {
    "omnisync_binding": """
CREATE TABLE omnisync_binding (
    company NVARCHAR(60) COLLATE Latin1_General_BIN2 NOT NULL, kind VARCHAR(20) COLLATE Latin1_General_BIN2 NOT NULL,
    id VARCHAR(64) COLLATE Latin1_General_BIN2 NOT NULL, epoch NVARCHAR(40) NOT NULL, version BIGINT NOT NULL,
    hash VARCHAR(64) NOT NULL, written_version BIGINT, origin VARCHAR(20) NOT NULL,
    erp_key NVARCHAR(100), erp_number NVARCHAR(100),
    establishment NVARCHAR(20) COLLATE Latin1_General_BIN2 NOT NULL,
    customer_id VARCHAR(64) COLLATE Latin1_General_BIN2 NOT NULL, label NVARCHAR(400) NOT NULL,
    merged_into VARCHAR(64) COLLATE Latin1_General_BIN2, outcome VARCHAR(20) COLLATE Latin1_General_BIN2 NOT NULL,
    reason NVARCHAR(MAX), warnings NVARCHAR(MAX), outcome_at VARCHAR(40) NOT NULL, receipt_pending TINYINT NOT NULL,
    CONSTRAINT omnisync_binding_key PRIMARY KEY (company, kind, id)
);
CREATE INDEX omnisync_binding_pending ON omnisync_binding (company, receipt_pending, kind, id);
CREATE INDEX omnisync_binding_unsettled ON omnisync_binding (company, outcome, kind, establishment, id)
""",
    "omnisync_cursor": """
CREATE TABLE omnisync_cursor (
    company NVARCHAR(60) COLLATE Latin1_General_BIN2 NOT NULL,
    connection NVARCHAR(100) COLLATE Latin1_General_BIN2 NOT NULL,
    stream NVARCHAR(60) COLLATE Latin1_General_BIN2 NOT NULL, [cursor] NVARCHAR(MAX) NOT NULL,
    epoch NVARCHAR(40) NOT NULL,
    CONSTRAINT omnisync_cursor_key PRIMARY KEY (company, connection, stream)
)
""",
}
# XACT_ABORT off: on, a refused row would undo the transaction and not itself alone. The order of day and month would
# else be the login's language's. NOCOUNT on: rows are counted by us, and the triggers' counts stay out of it.
_SETTINGS = (
    "SET ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS, ARITHABORT, CONCAT_NULL_YIELDS_NULL, QUOTED_IDENTIFIER ON; "
    "SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF; SET XACT_ABORT OFF; SET NOCOUNT ON; SET ROWCOUNT 0; "
    "SET TEXTSIZE 2147483647; SET DATEFORMAT ymd; SET TRANSACTION ISOLATION LEVEL READ COMMITTED; "
    "SET LOCK_TIMEOUT {lock_timeout_ms};"
)
# A name is short where the login's own search finds the table by it, and has its schema elsewhere.
_COLUMNS = """
SELECT CASE WHEN OBJECT_ID(QUOTENAME(o.name)) = o.object_id THEN o.name ELSE s.name + '.' + o.name END, c.name
FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id JOIN sys.columns c ON c.object_id = o.object_id
WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0
"""
_CODE_PAGES = """
SELECT c.name, CAST(COLLATIONPROPERTY(c.collation_name, 'CodePage') AS INT)
FROM sys.columns c JOIN sys.types t ON t.user_type_id = c.system_type_id
WHERE c.object_id = OBJECT_ID(?) AND t.name IN ('char', 'varchar', 'text')
"""
_LOCK_HINT = " WITH (UPDLOCK, HOLDLOCK, ROWLOCK)"
_BATCH = 100
"""Statements in one round trip."""

_FROM = pattern(r"\bFROM\s+(?:\[(?:[^]]|]])*]|\w+)(?:\.(?:\[(?:[^]]|]])*]|\w+))*", IGNORECASE)
_SELECT = pattern(r"\s*SELECT(\s+DISTINCT)?", IGNORECASE)
_IS_COUNTED = pattern(r"\s*(INSERT|UPDATE|DELETE|MERGE)\b", IGNORECASE)


class Sqlserver(Server):
    """One SQL Server database as an ERP's. A name with a point is a schema and its table.

    `server` may name an instance (`SERVIDOR\\SQLEXPRESS`), found by the server's own browser service. Statements travel
    with their values written into them, for this driver has no other way.
    """

    label = "SQL Server"
    errors = (pymssql.Error, pymssql.Warning, UnicodeEncodeError)
    begins, commits, rolls_back = "BEGIN TRANSACTION", "COMMIT TRANSACTION", "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION"
    marks, releases, returns = "SAVE TRANSACTION {}", "", "ROLLBACK TRANSACTION {}"

    def __init__(
        self,
        database: str,
        server: str = "localhost",
        port: int = 0,
        user: str = "",
        password: str = "",
        charset: str = "",
    ) -> None:
        super().__init__(database, server, port, user, password, charset)
        self._code_pages: dict[str, Mapping[str, str]] = {}
        self._undone: OmnisyncError | None = None

    # --- the connection

    def _opened(self) -> Any:
        return pymssql.connect(
            server=self._server,
            port=str(self._port or 1433),
            user=self._user or None,  # none at all: the account of Windows itself
            password=self._password or None,
            database=self._database,
            charset="UTF-8",
            appname="omnisync",
            autocommit=True,
            login_timeout=CONNECT_TIMEOUT_S,
            timeout=STATEMENT_TIMEOUT_S,
            conn_properties=_SETTINGS.format(lock_timeout_ms=self.lock_timeout_s * 1000),
        )

    def close(self) -> None:
        """Give the connection back. Idempotent."""
        self._code_pages.clear()
        self._undone = None
        super().close()

    @property
    def _connection(self) -> Any:
        if self._undone is not None:
            raise self._undone
        return super()._connection

    def _translate(self, error: Exception, sql: str) -> OmnisyncError:
        ours = super()._translate(error, sql)
        if (
            self._in_transaction
            and self._undone is None
            and self._open is not None
            and not self._is_transaction_alive()
        ):
            # What came after would stand outside of any transaction.
            is_record = not isinstance(ours, (ErpBusyError, ErpSetupError, ErpFullError))
            motive = ours.words.get("motivo")
            self._undone = ErpUndoneError(motivo=motive) if is_record else ours
        return ours

    def _is_transaction_alive(self) -> bool:
        """Return whether the transaction outlived an error: most leave it, a trigger's and a conversion's do not."""
        try:
            with self._open.cursor() as cursor:
                cursor.execute("SELECT XACT_STATE()")
                return bool(cursor.fetchall()[0][0] == 1)
        except self.errors:
            return False

    # --- statements

    def execute(self, sql: str, values: Sequence[object] = ()) -> int:
        """Run one statement; answers how many rows it matched."""
        if _IS_COUNTED.match(sql):
            return self.execute_many(sql, [values])
        with self._cursor(sql) as cursor:
            cursor.execute(filled(sql, values))
        return 0

    def execute_many(self, sql: str, rows: Iterable[Sequence[object]]) -> int:
        """Run one statement for each row, a hundred in one round trip; answers how many rows it matched in all.

        Not many rows in one VALUES: they would have to agree on the type of every column.
        """
        waiting, n_matched = iter(rows), 0
        while batch := list(islice(waiting, _BATCH)):
            with self._cursor(sql) as cursor:
                cursor.execute(counted(filled(sql, row) for row in batch))
                n_matched += int(_last_of(cursor))
        return n_matched

    def _run(self, cursor: Any, sql: str, values: Sequence[object]) -> None:
        cursor.execute(filled(sql, values))

    def lock_row(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Return the rows of a plain query of one table, held until the transaction ends and read as of then."""
        return self.select(_FROM.sub(lambda found: found.group() + _LOCK_HINT, sql, count=1), values)

    def insert_rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Insert rows known to be new. On an error some may stand. Bulk copy would pass triggers and checks by."""
        self._check_encodable(table, columns, rows)
        super().insert_rows(table, columns, rows)

    def update_rows(
        self, table: str, columns: Sequence[str], keys: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> int:
        """Set `columns` where `keys` are equal; a row is the columns' values, then the keys'. Answers rows matched."""
        self._check_encodable(table, columns, rows)
        return super().update_rows(table, columns, keys, rows)

    def _check_encodable(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Refuse a letter that a column's code page does not hold: the server would write another one, untold."""
        if not rows:
            return
        if table not in self._code_pages:
            pages = self.select(_CODE_PAGES, (self.quoted(table),))
            self._code_pages[table] = {str(name): _encoding(page) for name, page in pages}
        encodings = self._code_pages[table]
        try:
            for i, encoding in ((i, encodings[name]) for i, name in enumerate(columns) if name in encodings):
                for row in rows:
                    text = row[i]
                    if isinstance(text, str) and not text.isascii():
                        text.encode(encoding)
        except UnicodeEncodeError as error:
            raise self.translate_error(error) from error

    def insert_returning(self, table: str, columns: Sequence[str], row: Sequence[object], made: str) -> object:
        """Insert one row; answers what the database made of the column `made`, as text.

        By way of a table of our own: OUTPUT to the client is refused on a table that has triggers.
        """
        self._check_encodable(table, columns, [row])
        names, marks = ", ".join(map(self.quoted, columns)), ", ".join("?" * len(columns))
        sql = (
            f"INSERT INTO {self.quoted(table)} ({names}) OUTPUT INSERTED.{self.quoted(made)} INTO @omnisync "  # noqa: S608  # quoted names
            f"VALUES ({marks})"
        )
        with self._cursor(sql) as cursor:
            cursor.execute(
                f"DECLARE @omnisync TABLE (made NVARCHAR(400));\n{filled(sql, row)};\nSELECT made FROM @omnisync"  # noqa: S608  # quoted names
            )
            return _last_of(cursor)

    def next_values(self, sequence: str, n: int) -> list[object]:
        """Return the next n values of a sequence."""
        if not n:
            return []
        marks = ", ".join(["(0)"] * n)
        rows = self.select(f"SELECT NEXT VALUE FOR {self.quoted(sequence)} FROM (VALUES {marks}) omnisync (n)")  # noqa: S608  # a quoted name
        return [row[0] for row in rows]

    def insert_missing(self, table: str, columns: Sequence[str], keys: Sequence[str], row: Sequence[object]) -> None:
        """Insert one row, or leave the one that has the same unique key. The hint keeps its place from others."""
        names, marks = ", ".join(map(self.quoted, columns)), ", ".join("?" * len(columns))
        same = " AND ".join(f"{self.quoted(key)} = ?" for key in keys)
        there = f"SELECT 1 FROM {self.quoted(table)}{_LOCK_HINT} WHERE {same}"  # noqa: S608  # quoted names
        sql = f"INSERT INTO {self.quoted(table)} ({names}) SELECT {marks} WHERE NOT EXISTS ({there})"  # noqa: S608  # quoted names
        self.execute(sql, (*row, *(row[columns.index(key)] for key in keys)))

    def limited(self, sql: str, n: int) -> str:
        """Return the query, answering its first `n` rows only."""
        return _SELECT.sub(lambda found: f"{found.group()} TOP ({n:d})", sql, count=1)

    def contains(self, column: str) -> str:
        """Return the condition that a text column holds the text of one `?`, whatever the case of the letters."""
        return f"CHARINDEX(UPPER(?), UPPER({column})) > 0"

    # --- transactions

    def commit(self) -> None:
        """End the transaction; everything in it stands. After ErpBusyError the outcome is unknown."""
        try:
            super().commit()
        except OmnisyncError:
            self.close()  # a transaction that could not be committed is still open
            raise

    def rollback(self) -> None:
        """End the transaction; nothing of it stands. Never raises on a broken connection."""
        self._undone = None
        super().rollback()

    # --- the catalogue

    def make_binding_tables(self) -> None:
        """Make our two tables where they are missing."""
        found = self.tables()
        for table, script in BINDING_TABLES.items():
            if table not in found:
                self._make(table, script)

    def _make(self, table: str, script: str) -> None:
        self.begin()
        try:
            self.execute(script)
            self.commit()
        except OmnisyncError:
            self.rollback()
            # Another run may have made it a moment ago.
            if table not in self.tables():
                raise

    def tables(self) -> dict[str, set[str]]:
        """Return the columns of every table and view by its name; others than the login finds with their schema."""
        return by_table(self.select(_COLUMNS))

    def reflect(self) -> Schema:
        """Return everything the database says of itself to this user."""
        return reflection.read(self)

    def rights(self, table: DatabaseTable) -> Rights:
        """Return what this user may do with the table, by the server's own functions: it has triggers of statements."""
        return reflection.rights(self, table.name)

    def quoted(self, name: str) -> str:
        """Return a name as it stands in the database, quoted."""
        return ".".join("[{}]".format(part.replace("]", "]]")) for part in name.split("."))

    # --- errors

    def _is_lost(self, error: Exception) -> bool:
        return self._open is None or number_of(error) in LOST or isinstance(error, pymssql.InterfaceError)

    def _is_duplicate(self, error: BaseException) -> bool:
        return number_of(error) in DUPLICATE

    def translate_error(self, error: Exception) -> OmnisyncError:
        """Return the driver's error as ours, by what to do about it."""
        number, motive = number_and_text(error)
        make = self._by_number(number)
        if make is not None:
            return make(motive)
        if isinstance(error, pymssql.InterfaceError):
            return ErpBusyError()
        if not isinstance(error, pymssql.Error):
            return refused(motive)
        return wrong_layout(motive)

    def _by_number(self, number: int) -> Callable[[str], OmnisyncError] | None:
        if number in FULL:
            return lambda motive: ErpFullError(servidor=self._server)
        if number in BUSY:
            return lambda motive: self._unreachable() if self._open is None and not self._was_open else ErpBusyError()
        if number in LOGIN:
            return lambda motive: ErpSetupError("destination_login", banco=self._database)
        if number in PERMISSION:
            return lambda motive: ErpSetupError("destination_permission", tabela=table_named(motive) or self._database)
        if number in UNREACHABLE:
            return lambda motive: self._unreachable()
        if number in (208, 4902, 2812):
            return lambda motive: ErpSetupError(
                "destination_missing_table", banco=self._database, tabela=table_named(motive)
            )
        if number in (207, 4104, 4924):
            return lambda motive: ErpSetupError("destination_missing_column", banco=self._database, motivo=motive)
        if number in REFUSED or number >= OWN_WORDS:
            return lambda motive: refused(without_values(number, motive))
        return None


def _last_of(cursor: Any) -> Any:
    """Return the value in the last set of rows: a trigger may answer rows of its own before it."""
    rows = cursor.fetchall()
    while cursor.nextset():
        rows = cursor.fetchall()
    return rows[0][0]


def _encoding(page: object) -> str:
    return "utf-8" if page == 65001 else f"cp{page}"
