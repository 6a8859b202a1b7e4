"""PostgreSQL. Traps: COPY is three times faster than any INSERT, and errors of connecting carry no code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import tzinfo
from functools import partial
from re import IGNORECASE
from re import compile as pattern
from typing import Any

import psycopg
from psycopg.adapt import Transformer
from psycopg.conninfo import make_conninfo

from omnisync.agent.erp.database import Database, Dialect
from omnisync.agent.erp.dialects.postgresql import reflection
from omnisync.agent.erp.dialects.session_zone import agrees, signed_offset, zone_key
from omnisync.agent.erp.dialects.translation import (
    LETTERS,
    missing_column,
    missing_table,
    refused,
    unreachable,
    wrong_layout,
    wrong_login,
)
from omnisync.agent.erp.driver import DatabaseLogin, Driver, Timeouts, statement
from omnisync.agent.erp.schema import columns_by_table
from omnisync.agent.erp.statements import BoundStatement, RowList, formatted
from omnisync.agent.erp.unreadable import readable_cells
from omnisync.agent.errors import ErpBusyError, ErpFullError, ErpRowInUseError, ErpSetupError, OmnisyncError

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
_ZONE = "SELECT set_config('TimeZone', %s, false)"
_OFFSETS = """
SELECT t AT TIME ZONE 'UTC', extract(timezone FROM t) * interval '1 second'
FROM generate_series(now(), now() + interval '1 year', interval '30 days') AS t ORDER BY t
"""
_COLUMNS = """
SELECT CASE WHEN pg_table_is_visible(c.oid) THEN c.relname ELSE n.nspname || '.' || c.relname END, a.attname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relkind IN ('r', 'p', 'v', 'f') AND a.attnum > 0 AND NOT a.attisdropped
AND n.nspname NOT IN ('pg_catalog', 'information_schema')
"""
# The server's language is its administrator's choice, and the refusal of a login comes as a sentence only.
_WRITES = pattern(r'"(?:DELETE|INSERT|UPDATE|MERGE|TRUNCATE)"', IGNORECASE)
_LOGIN = pattern(r"password|senha|pg_hba|autentica|authentication|role .* (does not|não) exist", IGNORECASE)
_STARTING = pattern(r"starting up|shutting down|too many|iniciando|desligando|muitos", IGNORECASE)

_BUSY_CLASSES = frozenset({"08", "40", "53", "55", "57"})
_LOCK_NOT_AVAILABLE = "55P03"
_SETUP_CLASSES = frozenset({"0A", "0L", "0P", "25", "26", "2F", "34", "3B", "3D", "3F", "42", "58", "F0", "HV", "XX"})
_ANY = "= ANY(%s)"
_UNREADABLE = (psycopg.DataError, ValueError, OverflowError)
"""What is raised for a value without a form in Python: an infinite date, a year of five digits."""


def _connect(login: DatabaseLogin) -> Any:
    connection = psycopg.connect(
        make_conninfo(
            host=login.server,
            port=login.port or 5432,
            dbname=login.database,
            user=login.user,
            password=login.password,
            connect_timeout=login.timeouts.connect_s,
            application_name="omnisync",
            # A cable pulled out is noticed in a minute, not in the two hours of the system's own watch.
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
            client_encoding=login.charset or "UTF8",
        ),
        autocommit=True,
    )
    try:
        _set_up(connection, login.charset, login.timeouts)
        if login.zone is not None:
            _set_zone(connection, login.zone)
    except psycopg.Error:
        connection.close()
        raise
    return connection


def _set_up(connection: psycopg.Connection[Any], charset: str, timeouts: Timeouts) -> None:
    held = connection.info.parameter_status("server_encoding")
    # Spoken to in its own letters, so that one it cannot hold is met here. A database of bare bytes has none.
    if not charset and held not in (None, "SQL_ASCII"):
        connection.execute("SELECT set_config('client_encoding', %s, false)", [held])
    connection.execute(_SETTINGS, [f"{timeouts.lock_s}s", f"{timeouts.statement_s}s"])


def _set_lock_wait(connection: Any, wait_s: int) -> None:
    connection.execute("SELECT set_config('lock_timeout', %s, false)", [f"{wait_s}s"])


def _set_zone(connection: psycopg.Connection[Any], zone: tzinfo) -> None:
    """Set the session's zone: by its name where the server has the same hours for it the year round."""
    with suppress(psycopg.errors.InvalidParameterValue):
        if key := zone_key(zone):
            connection.execute(_ZONE, [key])
            if agrees(zone, connection.execute(_OFFSETS).fetchall()):
                return
    [(now, _), *_rest] = connection.execute(_OFFSETS).fetchall()
    sign, hours, minutes = signed_offset(zone, now)
    other = "+" if sign == "-" else "-"  # in these names west of Greenwich is more
    plain = f"Etc/GMT{other}{hours}" if hours else "UTC"  # the driver knows these too
    connection.execute(_ZONE, [f"<{sign}{hours:02}{minutes:02}>{other}{hours}:{minutes:02}" if minutes else plain])


def _commit(connection: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("COMMIT")
        # A transaction that failed answers COMMIT with a rollback, and no error.
        if cursor.statusmessage == "ROLLBACK":
            raise ErpBusyError


def _run(cursor: Any, sql: str, values: Sequence[object]) -> None:
    """Run a statement; one with a list of ids is planned for these ids each time.

    A prepared plan is made for ten of them, and compares every row with each of them.
    """
    if _ANY in sql:
        cursor.execute(sql, values, prepare=False)
    else:
        cursor.execute(sql, values)


def _read_rows(cursor: Any, size: int | None) -> RowList:
    """Return the next rows. Where a value among them does not load, what the server sent is loaded cell by cell."""
    try:
        return list(cursor.fetchall() if size is None else cursor.fetchmany(size))
    except _UNREADABLE as error:
        # A server's own error comes with its number, and without rows.
        if getattr(error, "sqlstate", None) is not None:
            raise
    sent = cursor.pgresult
    loaders = Transformer.from_context(cursor)
    loads = [loaders.get_loader(sent.ftype(n), sent.fformat(n)).load for n in range(sent.nfields)]
    return [
        readable_cells((partial(_loaded, load, sent.get_value(n, i)) for i, load in enumerate(loads)), _UNREADABLE)
        for n in range(sent.ntuples)
    ]


def _loaded(load: Callable[[Any], object], value: bytes | None) -> object:
    return None if value is None else load(value)


def _among(sql: str, ids: Sequence[object], values: Sequence[object]) -> Iterator[BoundStatement]:
    """Return one statement for all ids.

    They travel as one array without a type, which takes the column's: an index on CHAR(5) or on numbers works.
    """
    if ids:
        yield sql.replace("IN {ids}", "= ANY(?)"), (*values, _array(ids))


def _array(ids: Sequence[object]) -> str:
    texts = (str(id_).replace("\\", "\\\\").replace('"', '\\"') for id_ in ids)
    return "{" + ",".join(f'"{text}"' for text in texts) + "}"


def _insert_rows(database: Database, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Insert rows known to be new, by COPY."""
    sql = f"COPY {database.quoted(table)} ({', '.join(map(database.quoted, columns))}) FROM STDIN"
    with database.cursor(sql) as cursor, cursor.copy(sql) as copy:
        for row in rows:
            copy.write_row(row)


def _next_values(database: Database, sequence: str, n: int) -> list[object]:
    sql = "SELECT nextval(CAST(? AS regclass)) FROM generate_series(1, ?)"
    return [row[0] for row in database.select(sql, (database.quoted(sequence), n))]


def _tables(database: Database) -> dict[str, set[str]]:
    """Return the columns of every table and view by its name; those outside the search path with their schema."""
    return columns_by_table(database.select(_COLUMNS))


def _make_binding_tables(database: Database) -> None:
    if {"omnisync_binding", "omnisync_cursor"} <= _tables(database).keys():
        return
    database.begin()
    try:
        # Two that make them at once would collide in the catalogue, in spite of IF NOT EXISTS.
        database.select("SELECT pg_advisory_xact_lock(hashtext('omnisync'))")
        for sql in BINDING_TABLES.split(";")[:-1]:
            database.execute(sql)
    except BaseException:
        database.rollback()
        raise
    database.commit()


def _translate_error(error: Exception, login: DatabaseLogin) -> OmnisyncError:
    state = getattr(error, "sqlstate", None)
    if isinstance(error, psycopg.OperationalError) and state is None:
        return ErpBusyError()
    if isinstance(error, UnicodeEncodeError) or state == "22P05":
        return refused(LETTERS)
    if not isinstance(error, psycopg.Error) or state is None:
        return refused(str(error))
    motive = error.diag.message_primary or str(error)
    if state == "53100":
        return ErpFullError(servidor=login.server)
    if state[:2] in _BUSY_CLASSES:
        return ErpRowInUseError() if state == _LOCK_NOT_AVAILABLE else ErpBusyError()
    if state[:2] == "28":
        return wrong_login(login)
    if state in ("42501", "25006"):
        # The table is named in the sentence only: "permission denied for table pedidos".
        return ErpSetupError("destination_permission", tabela=error.diag.table_name or motive.split()[-1])
    if state == "42703":
        return missing_column(login, motive)
    if state == "42P01":
        return missing_table(login, motive.split('"')[1] if '"' in motive else motive)
    if state in ("3D000", "3F000"):
        return unreachable(login)
    # A trigger may raise a state of its own making: what is not known to be the set-up's fault is the record's.
    return wrong_layout(motive) if state[:2] in _SETUP_CLASSES else refused(motive)


def _translate_connect_error(error: Exception, login: DatabaseLogin) -> OmnisyncError:
    """Return our error for no answer at all, or for a server that refuses to talk and has no code to give yet."""
    text = str(error)
    has_state = not isinstance(error, psycopg.OperationalError) or error.sqlstate is not None
    if has_state or _STARTING.search(text):
        return _translate_error(error, login)
    return wrong_login(login) if _LOGIN.search(text) else unreachable(login)


def _is_write_refused(error: BaseException) -> bool:
    """Return whether a stream's query writes: a cursor takes none, and the transaction is read-only."""
    if isinstance(error, psycopg.errors.SyntaxError):
        return _WRITES.search(str(error)) is not None
    return isinstance(error, (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.FeatureNotSupported))


DRIVER = Driver(
    errors=(psycopg.Error, UnicodeEncodeError),
    connect=_connect,
    translate_error=_translate_error,
    translate_connect_error=_translate_connect_error,
    is_lost=lambda connection, error: bool(connection.closed),
    is_duplicate=lambda error: isinstance(error, psycopg.errors.UniqueViolation),
    read_rows=_read_rows,
    encoding=lambda connection: str(connection.info.encoding),
    run=_run,
    stream_cursor=lambda connection: connection.cursor("omnisync"),  # an ordinary one brings all rows at once
    begin_reading=statement("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
    is_write_refused=_is_write_refused,
    commit=_commit,
    marked=formatted,
    set_lock_wait=_set_lock_wait,
)
DIALECT = Dialect(
    label="PostgreSQL",
    driver=DRIVER,
    has_schemas=True,
    among=_among,
    contains="strpos(upper({}), upper(CAST(? AS text))) > 0".format,
    locked="{} FOR UPDATE".format,
    insert_rows=_insert_rows,
    next_values=_next_values,
    tables=_tables,
    reflect=reflection.read,
    rights=lambda database, table: reflection.rights(database, table.name),
    excess_rights=reflection.excess_rights,
    make_binding_tables=_make_binding_tables,
)
