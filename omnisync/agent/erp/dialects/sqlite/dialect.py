"""SQLite. Traps: a deferred BEGIN locks in spite of the timeout, and the outermost RELEASE would commit."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from omnisync.agent.config.files import cannot_write
from omnisync.agent.erp.database import Database, Dialect
from omnisync.agent.erp.dialects.rights import rights_by_statements
from omnisync.agent.erp.dialects.sqlite import reflection
from omnisync.agent.erp.dialects.translation import missing_column, missing_table, refused, wrong_layout
from omnisync.agent.erp.driver import DatabaseLogin, Driver, statement
from omnisync.agent.erp.schema import columns_by_table
from omnisync.agent.erp.statements import BoundStatement, RowList, unchanged
from omnisync.agent.erp.unreadable import UNREADABLE
from omnisync.agent.errors import (
    ErpBusyError,
    ErpFullError,
    ErpSetupError,
    LayoutError,
    OmnisyncError,
)
from omnisync.agent.sqlite_file import error_name, is_corrupt, is_full, make_private_database, set_aside

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


def _connect(login: DatabaseLogin) -> sqlite3.Connection:
    """Open the file, which must exist: a mistyped path must not make an empty ERP."""
    if not Path(login.database).is_file():
        raise ErpSetupError("destination_missing_file", banco=login.database)
    return _opened(login)


def _connect_own(login: DatabaseLogin) -> sqlite3.Connection:
    """Open a file of the agent's own, which may be lost: made when it is missing, set aside when it is broken."""
    try:
        return _with_binding_tables(login)
    except sqlite3.DatabaseError as error:
        if not is_corrupt(error):
            raise
    set_aside(Path(login.database))
    return _with_binding_tables(login)


def _with_binding_tables(login: DatabaseLogin) -> sqlite3.Connection:
    try:
        make_private_database(Path(login.database))
    except OSError as error:
        raise cannot_write(Path(login.database).parent, error) from error
    connection = _opened(login)
    try:
        connection.executescript(BINDING_TABLES)
    except BaseException:
        connection.close()
        raise
    return connection


def _opened(login: DatabaseLogin) -> sqlite3.Connection:
    connection = sqlite3.connect(login.database, timeout=login.timeouts.lock_s, isolation_level=None)
    try:
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)  # VACUUM attaches too: neither writes another file
        connection.set_authorizer(_authorized)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB:d}")
        _write_ahead(connection, login.timeouts.lock_s)
    except BaseException:
        connection.close()
        raise
    return connection


def _write_ahead(connection: sqlite3.Connection, lock_s: float) -> None:
    """Switch the file to WAL, unless another connection uses it just now: that is not waited for."""
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
    except sqlite3.OperationalError as error:
        if not error_name(error).startswith(_BUSY):
            raise
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(lock_s * 1000):d}")


def _begin_reading(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN")
    connection.execute("PRAGMA query_only = ON")


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")
    connection.execute("PRAGMA query_only = OFF")


def _read_rows(cursor: sqlite3.Cursor, size: int | None) -> RowList:
    """Return the next rows. A row with a text that is none stays where it is when it fails, and is read again."""
    rows: RowList = []
    while True:
        left = None if size is None else size - len(rows)
        try:
            rows.extend(islice(cursor, left))  # what came before an error stays
        except sqlite3.OperationalError as error:
            if not str(error).startswith("Could not decode to UTF-8"):
                raise
        else:
            return rows
        cursor.connection.text_factory = _text_or_unreadable
        try:
            rows.append(next(cursor))
        finally:
            cursor.connection.text_factory = str


def _text_or_unreadable(raw: bytes) -> object:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return UNREADABLE


def _among(sql: str, ids: Sequence[object], values: Sequence[object]) -> Iterator[BoundStatement]:
    """Return one statement for all ids, which travel as one JSON array.

    In a subquery: a JOIN with json_each makes the planner scan the bindings outside (a thousand times slower).
    """
    if ids:
        among = sql.replace("{ids}", "(SELECT value FROM json_each(?))")
        yield among, (*values, msgspec.json.encode(ids).decode())


def _next_values(database: Database, sequence: str, n: int) -> list[object]:
    raise wrong_layout(f"o SQLite não tem sequências ({sequence})")


def _tables(database: Database) -> dict[str, set[str]]:
    return columns_by_table(database.select("SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c"))


def _make_binding_tables(database: Database) -> None:
    connection = database.connection
    with database.translating():
        connection.executescript(BINDING_TABLES)


_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED")
_DUPLICATE = ("SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_UNIQUE")
_LEADS_OUT = ("too many attached databases", "not authorized", "cannot VACUUM")


def _translate_error(error: Exception, login: DatabaseLogin) -> OmnisyncError:
    text, name = str(error), error_name(error)
    if text.startswith(_LEADS_OUT):
        return LayoutError(motivo="um SQL dele sai do banco do ERP (ATTACH, VACUUM, PRAGMA ou extensão)")
    if isinstance(error, (sqlite3.IntegrityError, sqlite3.DataError, OverflowError, UnicodeEncodeError)):
        return refused(text)
    if name.startswith(_BUSY):
        return ErpBusyError()
    folder = Path(login.database).parent
    if is_full(error, folder):
        return ErpFullError(servidor="deste computador")
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")) and not os.access(folder, os.W_OK):
        return ErpSetupError("folder_read_only", pasta=folder)
    if name.startswith("SQLITE_READONLY"):
        return ErpSetupError("destination_read_only", banco=login.database)
    if name.startswith("SQLITE_CANTOPEN"):
        return ErpSetupError("destination_missing_file", banco=login.database)
    if is_corrupt(error):
        return ErpSetupError("destination_corrupt", banco=login.database)
    if text.startswith("no such table"):
        return missing_table(login, text.rpartition(": ")[2])
    if "no such column" in text or "has no column" in text:
        return missing_column(login, text)
    return ErpSetupError(banco=login.database, servidor="deste computador")


DRIVER = Driver(
    errors=(sqlite3.Error, OverflowError, UnicodeEncodeError),
    connect=_connect,
    translate_error=_translate_error,
    is_lost=lambda connection, error: False,
    is_duplicate=lambda error: error_name(error) in _DUPLICATE,
    is_in_transaction=lambda connection: bool(connection.in_transaction),
    closes_unread_stream=False,
    # Holding the database's one write lock from the start; in WAL a reader blocks no writer.
    begin=statement("BEGIN IMMEDIATE"),
    begin_reading=_begin_reading,
    is_write_refused=lambda error: error_name(error).startswith("SQLITE_READONLY"),
    rollback=_roll_back,
    read_rows=_read_rows,
)
DIALECT = Dialect(
    label="SQLite",
    rounds_decimals=False,
    driver=DRIVER,
    quotes=("`", "`"),  # in double quotes a name that is missing would be taken for a text
    among=_among,
    contains="instr(upper({}), upper(?)) > 0".format,
    locked=unchanged,  # the writing transaction holds the whole file already
    next_values=_next_values,
    tables=_tables,
    reflect=reflection.read,
    rights=rights_by_statements,
    excess_rights=lambda database: (),  # whoever opens the file may do everything with it
    make_binding_tables=_make_binding_tables,
)
OWN_FILE = msgspec.structs.replace(DIALECT, driver=msgspec.structs.replace(DRIVER, connect=_connect_own))
"""A file of the agent's own, with our two tables alone."""
