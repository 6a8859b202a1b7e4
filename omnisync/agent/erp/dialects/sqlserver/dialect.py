"""SQL Server. Traps: a trigger's error undoes the whole transaction, and letters are lost to `?` in silence.

Not run against a live server: the texts and the driver's errors are tested, the server is not there to be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from re import IGNORECASE
from re import compile as pattern

import pymssql

from omnisync.agent.erp.database import Database, Dialect, insert_each, update_each
from omnisync.agent.erp.dialects.sqlserver import reflection
from omnisync.agent.erp.dialects.sqlserver.connection import SqlServerConnection
from omnisync.agent.erp.dialects.sqlserver.errors import (
    BUSY,
    DUPLICATE,
    FULL,
    LOCK_TIMEOUT,
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
from omnisync.agent.erp.dialects.translation import (
    missing_column,
    missing_table,
    refused,
    unreachable,
    wrong_layout,
    wrong_login,
)
from omnisync.agent.erp.driver import DatabaseLogin, Driver, statement
from omnisync.agent.erp.schema import columns_by_table
from omnisync.agent.erp.statements import id_lists
from omnisync.agent.errors import ErpBusyError, ErpFullError, ErpRowInUseError, ErpSetupError, OmnisyncError

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
_FROM = pattern(r"\bFROM\s+(?:\[(?:[^]]|]])*]|\w+)(?:\.(?:\[(?:[^]]|]])*]|\w+))*", IGNORECASE)
_SELECT = pattern(r"\s*SELECT(\s+DISTINCT)?", IGNORECASE)


def _limited(sql: str, n: int) -> str:
    return _SELECT.sub(lambda found: f"{found.group()} TOP ({n:d})", sql, count=1)


def _locked(sql: str) -> str:
    return _FROM.sub(lambda found: found.group() + _LOCK_HINT, sql, count=1)


def _insert_rows(database: Database, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Insert rows known to be new. On an error some may stand. Bulk copy would pass triggers and checks by."""
    _check_encodable(database, table, columns, rows)
    insert_each(database, table, columns, rows)


def _update_rows(
    database: Database, table: str, columns: Sequence[str], keys: Sequence[str], rows: Sequence[Sequence[object]]
) -> int:
    _check_encodable(database, table, columns, rows)
    return update_each(database, table, columns, keys, rows)


def _check_encodable(database: Database, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Refuse a letter that a column's code page does not hold: the server would write another one, in silence."""
    encodings = _encodings_of(database, table)
    try:
        for i, encoding in ((i, encodings[name]) for i, name in enumerate(columns) if name in encodings):
            for row in rows:
                text = row[i]
                if isinstance(text, str) and not text.isascii():
                    text.encode(encoding)
    except UnicodeEncodeError as error:
        raise refused(str(error)) from error


def _encodings_of(database: Database, table: str) -> Mapping[str, str]:
    connection: SqlServerConnection = database.connection
    if table not in connection.encodings:
        pages = database.select(_CODE_PAGES, (database.quoted(table),))
        connection.encodings[table] = {str(name): _encoding(page) for name, page in pages}
    return connection.encodings[table]


def _encoding(page: object) -> str:
    return "utf-8" if page == 65001 else f"cp{page}"


def _insert_returning(
    database: Database, table: str, columns: Sequence[str], row: Sequence[object], made: str
) -> object:
    """Insert one row; answers what the database made of the column `made`, as text.

    By way of a table of our own: OUTPUT to the client is refused on a table that has triggers.
    """
    _check_encodable(database, table, columns, [row])
    names, marks = ", ".join(map(database.quoted, columns)), ", ".join("?" * len(columns))
    sql = (
        "DECLARE @omnisync TABLE (made NVARCHAR(400));\n"  # noqa: S608  # quoted names
        f"INSERT INTO {database.quoted(table)} ({names}) OUTPUT INSERTED.{database.quoted(made)} INTO @omnisync "
        f"VALUES ({marks});\nSELECT made FROM @omnisync"
    )
    with database.cursor(sql) as cursor:
        cursor.execute(sql, row)
        return cursor.last_value()


def _insert_missing(
    database: Database, table: str, columns: Sequence[str], keys: Sequence[str], row: Sequence[object]
) -> None:
    """Insert one row, or leave the one that has the same unique key. The hint keeps its place from others."""
    quoted = database.quoted
    names, marks = ", ".join(map(quoted, columns)), ", ".join("?" * len(columns))
    same = " AND ".join(f"{quoted(key)} = ?" for key in keys)
    there = f"SELECT 1 FROM {quoted(table)}{_LOCK_HINT} WHERE {same}"  # noqa: S608  # quoted names
    sql = f"INSERT INTO {quoted(table)} ({names}) SELECT {marks} WHERE NOT EXISTS ({there})"  # noqa: S608  # quoted names
    database.execute(sql, (*row, *(row[columns.index(key)] for key in keys)))


def _next_values(database: Database, sequence: str, n: int) -> list[object]:
    if not n:
        return []
    marks = ", ".join(["(0)"] * n)
    sql = f"SELECT NEXT VALUE FOR {database.quoted(sequence)} FROM (VALUES {marks}) omnisync (n)"  # noqa: S608  # a quoted name
    return [row[0] for row in database.select(sql)]


def _tables(database: Database) -> dict[str, set[str]]:
    """Return the columns of every table and view by its name; others than the login finds with their schema."""
    return columns_by_table(database.select(_COLUMNS))


def _make_binding_tables(database: Database) -> None:
    found = _tables(database)
    for table, script in BINDING_TABLES.items():
        if table not in found:
            _make(database, table, script)


def _make(database: Database, table: str, script: str) -> None:
    database.begin()
    try:
        database.execute(script)
        database.commit()
    except OmnisyncError:
        database.rollback()
        # Another run may have made it a moment ago.
        if table not in _tables(database):
            raise


def _translate_error(error: Exception, login: DatabaseLogin) -> OmnisyncError:
    number, motive = number_and_text(error)
    if number in FULL:
        return ErpFullError(servidor=login.server)
    if number == LOCK_TIMEOUT:
        return ErpRowInUseError()
    if number in BUSY:
        return ErpBusyError()
    if number in LOGIN:
        return wrong_login(login)
    if number in PERMISSION:
        return ErpSetupError("destination_permission", tabela=table_named(motive) or login.database)
    if number in UNREACHABLE:
        return unreachable(login)
    if number in (208, 4902, 2812):
        return missing_table(login, table_named(motive))
    if number in (207, 4104, 4924):
        return missing_column(login, motive)
    if number in REFUSED or number >= OWN_WORDS:
        return refused(without_values(number, motive))
    if isinstance(error, pymssql.InterfaceError):
        return ErpBusyError()
    return wrong_layout(motive) if isinstance(error, pymssql.Error) else refused(motive)


def _translate_connect_error(error: Exception, login: DatabaseLogin) -> OmnisyncError:
    ours = _translate_error(error, login)
    return unreachable(login) if isinstance(ours, ErpBusyError) and number_of(error) in BUSY else ours


DRIVER = Driver(
    errors=(pymssql.Error, pymssql.Warning, UnicodeEncodeError),
    connect=SqlServerConnection,
    translate_error=_translate_error,
    translate_connect_error=_translate_connect_error,
    is_lost=lambda connection, error: number_of(error) in LOST or isinstance(error, pymssql.InterfaceError),
    is_duplicate=lambda error: number_of(error) in DUPLICATE,
    is_in_transaction=SqlServerConnection.is_in_transaction,
    set_lock_wait=SqlServerConnection.set_lock_wait,
    begin=statement("BEGIN TRANSACTION"),
    begin_reading=statement("BEGIN TRANSACTION"),  # none of its transactions is read-only: a rollback ends this one
    is_write_refused=lambda error: False,
    commit=statement("COMMIT TRANSACTION"),
    rollback=statement("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION"),
    savepoint="SAVE TRANSACTION {}",
    release_savepoint="",
    return_to_savepoint="ROLLBACK TRANSACTION {}",
)
DIALECT = Dialect(
    label="SQL Server",
    driver=DRIVER,
    quotes=("[", "]"),
    has_schemas=True,
    among=id_lists(1000),
    contains="CHARINDEX(UPPER(?), UPPER({})) > 0".format,
    limited=_limited,
    locked=_locked,
    insert_rows=_insert_rows,
    update_rows=_update_rows,
    insert_returning=_insert_returning,
    insert_missing=_insert_missing,
    next_values=_next_values,
    tables=_tables,
    reflect=reflection.read,
    rights=lambda database, table: reflection.rights(database, table.name),
    excess_rights=reflection.excess_rights,
    make_binding_tables=_make_binding_tables,
)
