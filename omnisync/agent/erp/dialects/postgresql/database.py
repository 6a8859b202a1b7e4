"""PostgreSQL. Traps: COPY is three times faster than any INSERT, and errors of connecting carry no code."""

from __future__ import annotations

from collections.abc import Sequence
from re import IGNORECASE
from re import compile as pattern
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from omnisync.agent.erp.database import formatted
from omnisync.agent.erp.dialects.postgresql import reflection
from omnisync.agent.erp.dialects.server import (
    CONNECT_TIMEOUT_S,
    STATEMENT_TIMEOUT_S,
    Server,
    by_table,
    refused,
    unreadable,
    wrong_layout,
)
from omnisync.agent.erp.schema import DatabaseTable, Rights, Schema
from omnisync.agent.errors import ErpBusyError, ErpFullError, ErpSetupError, OmnisyncError

# Keys compare by bytes, as the hub does: a database's collation may call two ids equal, or sort them otherwise.
# The key begins with the id: before the table has statistics, company and kind are guessed to be enough, and every
# look-up of a page would walk all bindings.
BINDING_TABLES = """
CREATE TABLE IF NOT EXISTS omnisync_binding (
    company VARCHAR(60) COLLATE "C" NOT NULL, kind VARCHAR(20) COLLATE "C" NOT NULL,
    id VARCHAR(64) COLLATE "C" NOT NULL,
    epoch VARCHAR(40) NOT NULL, version BIGINT NOT NULL, hash VARCHAR(64) NOT NULL, written_version BIGINT,
    origin VARCHAR(20) NOT NULL, erp_key VARCHAR(100), erp_number VARCHAR(100),
    establishment VARCHAR(20) COLLATE "C" NOT NULL, customer_id VARCHAR(64) COLLATE "C" NOT NULL,
    label TEXT NOT NULL, merged_into VARCHAR(64) COLLATE "C", outcome VARCHAR(20) COLLATE "C" NOT NULL,
    reason TEXT, warnings TEXT, outcome_at VARCHAR(40) NOT NULL, receipt_pending SMALLINT NOT NULL,
    PRIMARY KEY (id, kind, company)
);
CREATE INDEX IF NOT EXISTS omnisync_binding_pending
    ON omnisync_binding (company, kind, id) WHERE receipt_pending = 1;
CREATE INDEX IF NOT EXISTS omnisync_binding_unsettled
    ON omnisync_binding (company, outcome, kind, establishment, id) WHERE outcome IN ('refused', 'waiting');
CREATE TABLE IF NOT EXISTS omnisync_cursor (
    company VARCHAR(60) COLLATE "C" NOT NULL, connection VARCHAR(100) COLLATE "C" NOT NULL,
    stream VARCHAR(60) COLLATE "C" NOT NULL, cursor TEXT NOT NULL, epoch VARCHAR(40) NOT NULL,
    PRIMARY KEY (company, connection, stream)
);
"""
_SETTINGS = (
    "SELECT set_config('lock_timeout', %s, false), set_config('statement_timeout', %s, false), "
    "set_config('default_transaction_isolation', 'read committed', false), "
    # A look-up of a page is a thousand keys: as the defaults reckon, reading a table of sixty thousand rows is cheaper.
    "set_config('random_page_cost', '1.1', false)"
)
_COLUMNS = """
SELECT CASE WHEN pg_table_is_visible(c.oid) THEN c.relname ELSE n.nspname || '.' || c.relname END, a.attname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relkind IN ('r', 'p', 'v', 'f') AND a.attnum > 0 AND NOT a.attisdropped
AND n.nspname NOT IN ('pg_catalog', 'information_schema')
"""
# The server's language is its administrator's choice, and the refusal of a login comes as a sentence only.
_LOGIN = pattern(r"password|senha|pg_hba|autentica|authentication|role .* (does not|não) exist", IGNORECASE)
_STARTING = pattern(r"starting up|shutting down|too many|iniciando|desligando|muitos", IGNORECASE)

_BUSY_CLASSES = frozenset({"08", "40", "53", "55", "57"})
_SETUP_CLASSES = frozenset({"0A", "0L", "0P", "25", "26", "2F", "34", "3B", "3D", "3F", "42", "58", "F0", "HV", "XX"})


class Postgresql(Server):
    """One PostgreSQL database as an ERP's. A name with a point is a schema and its table."""

    label = "PostgreSQL"
    errors = (psycopg.Error, UnicodeEncodeError)
    begins_reading = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

    def _opened(self) -> Any:
        connection = psycopg.connect(
            make_conninfo(
                host=self._server,
                port=self._port or 5432,
                dbname=self._database,
                user=self._user,
                password=self._password,
                connect_timeout=CONNECT_TIMEOUT_S,
                application_name="omnisync",
                # A cable pulled out is noticed in a minute, not in the two hours of the system's own watch.
                keepalives_idle=30,
                keepalives_interval=10,
                keepalives_count=3,
                client_encoding=self._charset or "UTF8",
            ),
            autocommit=True,
        )
        try:
            self._settle_in(connection)
        except psycopg.Error:
            connection.close()
            raise
        return connection

    def _settle_in(self, connection: psycopg.Connection[Any]) -> None:
        held = connection.info.parameter_status("server_encoding")
        # Spoken to in its own letters, so that one it cannot hold is met here. A database of bare bytes has none.
        if not self._charset and held not in (None, "SQL_ASCII"):
            connection.execute("SELECT set_config('client_encoding', %s, false)", [held])
        connection.execute(_SETTINGS, [f"{self.lock_timeout_s}s", f"{STATEMENT_TIMEOUT_S}s"])

    def make_binding_tables(self) -> None:
        """Make our two tables where they are missing."""
        if {"omnisync_binding", "omnisync_cursor"} <= self.tables().keys():
            return
        self.begin()
        try:
            # Two that make them at once would collide in the catalogue, in spite of IF NOT EXISTS.
            self.select("SELECT pg_advisory_xact_lock(hashtext('omnisync'))")
            for statement in BINDING_TABLES.split(";")[:-1]:
                self.execute(statement)
        except BaseException:
            self.rollback()
            raise
        self.commit()

    def tables(self) -> dict[str, set[str]]:
        """Return the columns of every table and view by its name; those outside the search path with their schema."""
        return by_table(self.select(_COLUMNS))

    def reflect(self) -> Schema:
        """Return everything the database says of itself to this user."""
        return reflection.read(self)

    def rights(self, table: DatabaseTable) -> Rights:
        """Return what this user may do with the table, by the server's own functions: it has triggers of statements."""
        return reflection.rights(self, table.name)

    def quoted(self, name: str) -> str:
        """Return a name as it stands in the database, quoted."""
        return ".".join('"{}"'.format(part.replace('"', '""')) for part in name.split("."))

    def contains(self, column: str) -> str:
        """Return the condition that a text column holds the text of one `?`, whatever the case of the letters."""
        return f"strpos(upper({column}), upper(CAST(? AS text))) > 0"

    def encodable(self, text: str) -> str:
        """Return the text with `?` for each letter this database cannot hold."""
        encoding = self._connection.info.encoding
        return text.encode(encoding, "replace").decode(encoding)

    def select_among(self, sql: str, ids: Sequence[object], values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Return all rows of a query that ends with `IN {ids}`; `values` are bound before the ids.

        The ids travel as one array without a type, which takes the column's: an index on CHAR(5) or on numbers works.
        """
        if not ids:
            return []
        # Planned for these ids each time: a prepared plan is made for ten, and compares every row with each of them.
        with self._cursor(sql) as cursor:
            cursor.execute(formatted(sql.replace("IN {ids}", "= ANY(?)")), (*values, _array(ids)), prepare=False)
            return self._fetched(cursor)

    @staticmethod
    def _fetched(cursor: Any) -> list[tuple[object, ...]]:
        """Return the rows of a query that ran: without a state, the error is the driver's own, of a value it cannot
        read.
        """
        try:
            return list(cursor.fetchall())
        except (psycopg.DataError, ValueError, OverflowError) as error:
            if getattr(error, "sqlstate", None) is not None:
                raise
            raise unreadable() from error

    def execute_among(self, sql: str, ids: Sequence[object], values: Sequence[object] = ()) -> None:
        """Run a statement that ends with `IN {ids}`; `values` are bound before the ids."""
        if ids:
            with self._cursor(sql) as cursor:
                cursor.execute(formatted(sql.replace("IN {ids}", "= ANY(?)")), (*values, _array(ids)), prepare=False)

    def insert_rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Insert rows known to be new, by COPY."""
        if not rows:
            return
        sql = f"COPY {self.quoted(table)} ({', '.join(map(self.quoted, columns))}) FROM STDIN"
        with self._cursor(sql) as cursor, cursor.copy(sql) as copy:
            for row in rows:
                copy.write_row(row)

    def next_values(self, sequence: str, n: int) -> list[object]:
        """Return the next n values of a sequence."""
        rows = self.select("SELECT nextval(CAST(? AS regclass)) FROM generate_series(1, ?)", (self.quoted(sequence), n))
        return [row[0] for row in rows]

    def _reading_cursor(self) -> Any:
        """Return a cursor of the server's: an ordinary one brings all rows before it gives the first."""
        return self._connection.cursor("omnisync")

    def insert_missing(self, table: str, columns: Sequence[str], keys: Sequence[str], row: Sequence[object]) -> None:
        """Insert one row, or leave the one that has the same unique key."""
        conflict = ", ".join(map(self.quoted, keys))
        self.execute(f"{self._insert(table, columns)} ON CONFLICT ({conflict}) DO NOTHING", row)

    def commit(self) -> None:
        """End the transaction; everything in it stands. After ErpBusyError the outcome is unknown."""
        try:
            with self._cursor() as cursor:
                cursor.execute("COMMIT")
                # A transaction that failed answers COMMIT with a rollback, and no error.
                if cursor.statusmessage == "ROLLBACK":
                    raise ErpBusyError
        finally:
            self._in_transaction = False

    def _is_lost(self, error: Exception) -> bool:
        return self._open is None or bool(self._open.closed)

    def _is_duplicate(self, error: BaseException) -> bool:
        return isinstance(error, psycopg.errors.UniqueViolation)

    def translate_error(self, error: Exception) -> OmnisyncError:
        """Return the driver's error as ours, by what to do about it."""
        state = getattr(error, "sqlstate", None)
        if isinstance(error, psycopg.OperationalError) and state is None:
            return self._without_state(str(error))
        if not isinstance(error, psycopg.Error) or state is None:
            return refused(str(error))
        motive = error.diag.message_primary or str(error)
        if state == "53100":
            return ErpFullError(servidor=self._server)
        if state[:2] in _BUSY_CLASSES:
            return ErpBusyError()
        if state[:2] == "28":
            return ErpSetupError("destination_login", banco=self._database)
        if state in ("42501", "25006"):
            # The table is named in the sentence only: "permission denied for table pedidos".
            return ErpSetupError("destination_permission", tabela=error.diag.table_name or motive.split()[-1])
        if state in ("42P01", "42703"):
            return self._missing(state, motive)
        if state in ("3D000", "3F000"):
            return self._unreachable()
        # A trigger may raise a state of its own making: what is not known to be the set-up's fault is the record's.
        return wrong_layout(motive) if state[:2] in _SETUP_CLASSES else refused(motive)

    def _missing(self, state: str, motive: str) -> ErpSetupError:
        if state == "42703":
            return ErpSetupError("destination_missing_column", banco=self._database, motivo=motive)
        table = motive.split('"')[1] if '"' in motive else motive
        return ErpSetupError("destination_missing_table", banco=self._database, tabela=table)

    def _without_state(self, text: str) -> OmnisyncError:
        """Return our error for no answer at all, or for a server that refuses to talk and has no code to give yet."""
        if self._open is not None or _STARTING.search(text):
            return ErpBusyError()
        if _LOGIN.search(text):
            return ErpSetupError("destination_login", banco=self._database)
        return self._unreachable()


def _array(ids: Sequence[object]) -> str:
    texts = (str(id_).replace("\\", "\\\\").replace('"', '\\"') for id_ in ids)
    return "{" + ",".join(f'"{text}"' for text in texts) + "}"
