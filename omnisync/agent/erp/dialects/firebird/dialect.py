"""Firebird 3 and later. Traps: no letters without a charset, one row a round trip, and locks on what is prepared.

A name in lower case stands for the same in capitals, as an unquoted name does in Firebird, unless the database holds it
in lower case; every other name is literal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from firebird import driver  # type: ignore[import-untyped]  # the driver has no types

from omnisync.agent.erp.database import Database, Dialect
from omnisync.agent.erp.dialects.firebird import reflection
from omnisync.agent.erp.dialects.firebird.binding_tables import BINDING_TABLES
from omnisync.agent.erp.dialects.firebird.connection import FirebirdConnection, FirebirdCursor
from omnisync.agent.erp.dialects.firebird.errors import (
    BUSY,
    CHARSET,
    DUPLICATE,
    LOCK_TIMEOUT,
    LOGIN,
    LOST,
    MISSING_COLUMN,
    MISSING_TABLE,
    PERMISSION,
    REFUSED,
    TRANSLITERATION,
    UNREACHABLE,
    codes_of,
    keep_bytes_of_messages,
    lines_of,
    motive_of,
    text_of,
)
from omnisync.agent.erp.dialects.rights import rights_by_statements
from omnisync.agent.erp.dialects.translation import (
    LETTERS,
    missing_column,
    missing_table,
    refused,
    unreachable,
    wrong_layout,
    wrong_login,
)
from omnisync.agent.erp.driver import DatabaseLogin, Driver
from omnisync.agent.erp.schema import columns_by_table
from omnisync.agent.erp.statements import BoundStatement, insert_text, row_groups, update_text
from omnisync.agent.errors import (
    ErpBusyError,
    ErpFullError,
    ErpRowInUseError,
    ErpSetupError,
    OmnisyncError,
    SettingsError,
)

_COLUMNS = """
SELECT TRIM(f.rdb$relation_name), TRIM(f.rdb$field_name)
FROM rdb$relation_fields f JOIN rdb$relations r ON r.rdb$relation_name = f.rdb$relation_name
WHERE COALESCE(r.rdb$system_flag, 0) = 0
"""
_READ_ONLY = 335544361
_IDS_AT_ONCE = 200
"""Ids in one query: the values of one message must fit in 64 KB, and a key has some eighty letters."""
_BLOCK = 32
"""Rows in one EXECUTE BLOCK at most."""


def _spelled(database: Database, name: str) -> str:
    """Return a layout's name as the database keeps it."""
    return name.upper() if name == name.lower() and name not in _names_in_lower_case(database) else name


def _names_in_lower_case(database: Database) -> frozenset[str]:
    """Return the few names that were made in lower case, by quotes."""
    connection: FirebirdConnection = database.connection
    if connection.names_in_lower_case is None:
        names = {str(name) for name in chain.from_iterable(database.select(_COLUMNS))}
        connection.names_in_lower_case = frozenset(name for name in names if name == name.lower())
    return connection.names_in_lower_case


def _among(sql: str, ids: Sequence[object], values: Sequence[object]) -> Iterator[BoundStatement]:
    """Return one prepared statement for all lots: the last one is filled up with its own last id."""
    size = min(_IDS_AT_ONCE, len(ids))
    among = sql.replace("{ids}", f"({', '.join('?' * size)})")
    for group in row_groups(ids, size) if ids else ():
        yield among, (*values, *group, *[group[-1]] * (size - len(group)))


def _insert_rows(database: Database, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    _in_blocks(database, table, columns, insert_text(database.quoted, table, columns), rows)


def _update_rows(
    database: Database, table: str, columns: Sequence[str], keys: Sequence[str], rows: Sequence[Sequence[object]]
) -> int:
    sql = update_text(database.quoted, table, columns, keys)
    return _in_blocks(database, table, [*columns, *keys], sql, rows)


def _in_blocks(
    database: Database, table: str, columns: Sequence[str], sql: str, rows: Sequence[Sequence[object]]
) -> int:
    """Run one statement for each row, many rows in one block; what is left over goes by itself."""
    n_matched = n_done = 0
    if len(rows) >= _BLOCK:
        types = [f"TYPE OF COLUMN {database.quoted(table)}.{database.quoted(name)}" for name in columns]
        with database.cursor(sql) as cursor:
            size, block = _largest_block(cursor, types, sql)
            n_done = len(rows) // size * size if size > 1 else 0
            for start in range(0, n_done, size):
                cursor.execute(block, tuple(chain.from_iterable(rows[start : start + size])))
                n_matched += sum(row[0] for row in cursor.fetchall())
    return n_matched + (database.execute_many(sql, rows[n_done:]) if n_done < len(rows) else 0)


def _largest_block(cursor: FirebirdCursor, types: Sequence[str], sql: str) -> tuple[int, str]:
    """Return the largest block of this statement that the server takes: a message has 64 KB of values. One is none."""
    sizes = cursor.connection.block_sizes
    size = sizes.get(sql, _BLOCK)
    while size > 1:
        block = _block_text(types, sql, size)
        try:
            cursor.prepare(block)
        except driver.DatabaseError as error:
            if not LOST.isdisjoint(codes_of(error)):
                raise
            size //= 2
        else:
            sizes[sql] = size
            return size, block
    sizes[sql] = 1
    return 1, ""


def _block_text(types: Sequence[str], sql: str, size: int) -> str:
    width = len(types)
    declared = ", ".join(f"p{i} {types[i % width]} = ?" for i in range(size * width))
    pieces = sql.split("?")
    lines = []
    for start in range(0, size * width, width):
        filled = zip(pieces, [*(f":p{i}" for i in range(start, start + width)), ""], strict=True)
        lines.append("".join(chain.from_iterable(filled)) + "; n = n + ROW_COUNT;")
    return f"EXECUTE BLOCK ({declared}) RETURNS (n INTEGER) AS BEGIN n = 0; {' '.join(lines)} SUSPEND; END"


def _insert_missing(
    database: Database, table: str, columns: Sequence[str], keys: Sequence[str], row: Sequence[object]
) -> None:
    """Insert one row, or leave the one that has the same unique key."""
    database.savepoint()
    try:
        database.execute(insert_text(database.quoted, table, columns), row)
    except OmnisyncError as error:
        if error.__cause__ is None or not _is_duplicate(error.__cause__):
            raise
        database.return_to_savepoint()
    else:
        database.release_savepoint()


def _next_values(database: Database, sequence: str, n: int) -> list[object]:
    """Return the next n values of a generator, taken in one step, so that no other session gets one of them."""
    rows: list[Any] = database.select(f"SELECT GEN_ID({database.quoted(sequence)}, {n:d}) FROM rdb$database")  # noqa: S608  # a quoted name
    return list(range(rows[0][0] - n + 1, rows[0][0] + 1))


def _tables(database: Database) -> dict[str, set[str]]:
    """Return the columns of every table and view by its name; names in capitals also in lower case."""
    return columns_by_table(
        (table, column)
        for name, field in database.select(_COLUMNS)
        for table in _spellings(str(name))
        for column in _spellings(str(field))
    )


def _spellings(name: str) -> tuple[str, ...]:
    return (name, name.lower()) if name == name.upper() else (name,)


def _make_binding_tables(database: Database) -> None:
    found = _tables(database)
    for table, statements in BINDING_TABLES.items():
        for sql in statements if table not in found else ():
            _make(database, table, sql)


def _make(database: Database, table: str, sql: str) -> None:
    try:
        database.execute(sql)
    except OmnisyncError:
        # There is no IF NOT EXISTS: another run may have made it a moment ago.
        if table not in _tables(database):
            raise


def _excess_rights(database: Database) -> tuple[str, ...]:
    """Return the names that may do everything in every database of the server, where the login has one."""
    names = database.select("SELECT TRIM(CURRENT_USER), TRIM(CURRENT_ROLE) FROM rdb$database")[0]
    return tuple(str(name) for name in names if name in ("SYSDBA", "RDB$ADMIN"))


def _is_duplicate(error: BaseException) -> bool:
    return not DUPLICATE.isdisjoint(codes_of(error))


def _translate_error(error: Exception, login: DatabaseLogin) -> OmnisyncError:
    codes, text = codes_of(error), text_of(error, login.charset)
    if isinstance(error, UnicodeDecodeError) or codes & CHARSET:
        return SettingsError(motivo=f"o charset {login.charset} não serve para os textos do banco {login.database}")
    if isinstance(error, UnicodeEncodeError) or codes & TRANSLITERATION:
        return refused(LETTERS)
    if not codes:
        return refused(text)
    if "No space left" in text or "disk full" in text:
        return ErpFullError(servidor=login.server)
    if codes & LOCK_TIMEOUT:
        return ErpRowInUseError()
    if codes & BUSY:
        return ErpBusyError()
    if codes & LOGIN:
        return wrong_login(login)
    if codes & PERMISSION:
        return ErpSetupError("destination_permission", tabela=text.split()[-1])
    if codes & REFUSED:
        return refused(motive_of(codes, text))
    if codes & MISSING_TABLE:
        return missing_table(login, lines_of(text)[-1])
    if codes & MISSING_COLUMN:
        return missing_column(login, motive_of(codes, text))
    return unreachable(login) if codes & UNREACHABLE else wrong_layout(motive_of(codes, text))


def _translate_connect_error(error: Exception, login: DatabaseLogin) -> OmnisyncError:
    ours = _translate_error(error, login)
    return unreachable(login) if isinstance(ours, ErpBusyError) else ours


keep_bytes_of_messages()
DRIVER = Driver(
    errors=(driver.Error, ValueError, OverflowError, TypeError),
    connect=FirebirdConnection,
    translate_error=_translate_error,
    translate_connect_error=_translate_connect_error,
    is_lost=lambda connection, error: not LOST.isdisjoint(codes_of(error)),
    is_duplicate=_is_duplicate,
    encoding=lambda connection: str(connection.encoding),
    has_autocommit=False,
    begin=FirebirdConnection.begin,
    begin_reading=FirebirdConnection.begin_reading,
    is_write_refused=lambda error: _READ_ONLY in codes_of(error),
    commit=FirebirdConnection.commit,
    rollback=FirebirdConnection.rollback,
    set_lock_wait=FirebirdConnection.set_lock_wait,
    read_rows=FirebirdCursor.read_rows,
)
DIALECT = Dialect(
    label="Firebird",
    driver=DRIVER,
    spelled=_spelled,
    among=_among,
    contains="{} CONTAINING ?".format,
    limited="{} ROWS {:d}".format,
    locked="{} WITH LOCK".format,
    insert_rows=_insert_rows,
    update_rows=_update_rows,
    insert_missing=_insert_missing,
    next_values=_next_values,
    tables=_tables,
    reflect=reflection.read,
    rights=rights_by_statements,
    excess_rights=_excess_rights,
    make_binding_tables=_make_binding_tables,
)
