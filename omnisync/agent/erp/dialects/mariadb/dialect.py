"""MariaDB and MySQL. Traps: a loose mode cuts texts in silence, and a deadlock takes the whole transaction back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import tzinfo
from functools import partial
from re import compile as pattern
from typing import Any

import pymysql  # type: ignore[import-untyped]  # the driver has no types
from pymysql.constants import CLIENT, SERVER_STATUS  # type: ignore[import-untyped]
from pymysql.cursors import SSCursor  # type: ignore[import-untyped]

from omnisync.agent.erp.charset import code_point
from omnisync.agent.erp.database import Database, Dialect
from omnisync.agent.erp.dialects.mariadb import reflection
from omnisync.agent.erp.dialects.rights import rights_by_statements
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
from omnisync.agent.erp.driver import DatabaseLogin, Driver, statement
from omnisync.agent.erp.schema import columns_by_table
from omnisync.agent.erp.statements import RowList, formatted, id_lists, insert_text
from omnisync.agent.erp.unreadable import readable_cells
from omnisync.agent.errors import (
    ErpBusyError,
    ErpFullError,
    ErpRowInUseError,
    ErpSetupError,
    OmnisyncError,
    RefusedRecordError,
)

# Keys compare by bytes: the usual collations call `ção` and `cao` the same. There are no partial indexes here.
BINDING_TABLES = (
    """
CREATE TABLE IF NOT EXISTS omnisync_binding (
    company VARCHAR(60) NOT NULL, kind VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    epoch VARCHAR(40) NOT NULL, version BIGINT NOT NULL, hash VARCHAR(64) NOT NULL, written_version BIGINT,
    origin VARCHAR(20) NOT NULL, erp_key VARCHAR(100), erp_number VARCHAR(100),
    establishment VARCHAR(20) NOT NULL, customer_id VARCHAR(64) NOT NULL,
    label VARCHAR(255) NOT NULL, merged_into VARCHAR(64),
    outcome VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    reason TEXT, warnings MEDIUMTEXT, outcome_at VARCHAR(40) NOT NULL, receipt_pending TINYINT NOT NULL,
    PRIMARY KEY (company, kind, id),
    INDEX omnisync_binding_pending (company, receipt_pending, kind, id),
    INDEX omnisync_binding_unsettled (company, outcome, kind, establishment, id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin""",
    """
CREATE TABLE IF NOT EXISTS omnisync_cursor (
    company VARCHAR(60) NOT NULL, connection VARCHAR(100) NOT NULL, stream VARCHAR(60) NOT NULL,
    `cursor` TEXT NOT NULL, epoch VARCHAR(40) NOT NULL,
    PRIMARY KEY (company, connection, stream)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin""",
)
# The mode is ours whatever the server's: a text too long or a number too large is an error, never cut. Without gap
# locks (READ COMMITTED) two pages beside each other do not wait for one another.
_SETTINGS = (
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,"
    # A layout's own SQL is one text for every database: "a name", and || between texts.
    "ANSI_QUOTES,PIPES_AS_CONCAT', "
    "SESSION innodb_lock_wait_timeout = %s, SESSION lock_wait_timeout = %s, SESSION net_write_timeout = %s"
)

_DAYS = " UNION ALL ".join(f"SELECT {days} AS n" for days in range(0, 365, 30))
_OFFSETS = f"""
SELECT t, CONVERT_TZ(t, '+00:00', @@session.time_zone)
FROM (SELECT UTC_TIMESTAMP() + INTERVAL n DAY AS t FROM ({_DAYS}) days) moments
"""  # noqa: S608  # constant text

_EXCESS_RIGHTS = """
SELECT privilege_type FROM information_schema.user_privileges
WHERE grantee = CONCAT(
        '''', SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '''@''', SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')
    AND privilege_type IN ('FILE', 'SUPER', 'CREATE USER', 'SHUTDOWN')
ORDER BY privilege_type
"""

_LOST = frozenset({0, 1053, 1080, 1152, 1153, 1158, 1159, 1160, 1161, 1184, 1927, 2006, 2013, 2027, 2055})
_BUSY = _LOST | {1020, 1040, 1203, 1205, 1213, 1317, 1412, 1614, 1637, 1969, 3024, 3572}
_LOCK_WAIT_TIMEOUT = 1205
_READ_ONLY = 1792
_FULL = frozenset({1021, 1114})
_LOGIN = frozenset({1045, 1251, 1698, 1820, 1862, 4151})
_PERMISSION = frozenset({1044, 1142, 1143, 1227, 1290, 1370, 1792, 1836})
_UNREACHABLE = frozenset({1049, 1129, 1130, 2002, 2003, 2005})
# What a record may be refused for beside IntegrityError and DataError: the driver sorts these by their number only.
_REFUSED = frozenset({1048, 1264, 1265, 1292, 1329, 1364, 1366, 1406, 1411, 1442, 1644, 1690, 3819, 4025, 4078})
_TABLE = pattern(r"[Tt]able [`']([^ ]+)[`']")
_LETTER = pattern(r"Incorrect string value: '((?:\\x[0-9A-F]{2})+).*' for column .*`([^`]+)`\.`([^`]+)`")
_DUPLICATE = frozenset({1022, 1062, 1586})


def _connect(login: DatabaseLogin) -> Any:
    timeouts = login.timeouts
    connection = pymysql.connect(
        host=login.server,
        port=login.port or 3306,
        database=login.database,
        user=login.user,
        password=login.password,
        charset=login.charset or "utf8mb4",
        autocommit=True,
        connect_timeout=timeouts.connect_s,
        read_timeout=timeouts.statement_s,
        write_timeout=timeouts.statement_s,
        # Otherwise a row updated to what it was already counts as a row that is gone.
        client_flag=CLIENT.FOUND_ROWS,
        cursorclass=SSCursor,  # an ordinary one brings all rows at once, and breaks off at one it cannot read
    )
    with connection.cursor() as cursor:
        cursor.execute(_SETTINGS, (timeouts.lock_s, timeouts.lock_s, timeouts.statement_s))
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        if login.zone is not None:
            _set_zone(cursor, login.zone)
    return connection


def _set_lock_wait(connection: Any, wait_s: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION innodb_lock_wait_timeout = %s", (wait_s,))


def _set_zone(cursor: Any, zone: tzinfo) -> None:
    """Set the session's zone: by its name where the server has tables of zones, with the same hours the year round."""
    with suppress(pymysql.OperationalError):
        if key := zone_key(zone):
            cursor.execute("SET SESSION time_zone = %s", (key,))
            cursor.execute(_OFFSETS)
            if agrees(zone, [(moment, wall - moment) for moment, wall in cursor.fetchall()]):
                return
    cursor.execute("SELECT UTC_TIMESTAMP()")
    sign, hours, minutes = signed_offset(zone, cursor.fetchall()[0][0])
    cursor.execute("SET SESSION time_zone = %s", (f"{sign}{hours:02}:{minutes:02}",))


def _close(connection: Any) -> None:
    result = getattr(connection, "_result", None)
    if result is not None:
        # Rows still on the wire: the driver would go on reading them from a connection that is closed.
        result.unbuffered_active = False
    connection.close()


def _run(cursor: Any, sql: str, values: Sequence[object]) -> None:
    """Run a statement, whose rows are read as they are asked for: one with a text that is none, again and by cells."""
    cursor.execute(sql, values)
    result = cursor._result
    if result is not None and result.unbuffered_active:
        result._read_row_from_packet = partial(_row, result, result._read_row_from_packet)


def _read_rows(cursor: Any, size: int | None) -> RowList:
    """Return the next rows. Over a lost connection the cursor would wait for the rest of them when it is closed."""
    try:
        return list(cursor.fetchall() if size is None else cursor.fetchmany(size))
    except pymysql.Error:
        if not cursor.connection.open:
            cursor._result.unbuffered_active = False
        raise


def _row(result: Any, read: Callable[[Any], tuple[object, ...]], packet: Any) -> tuple[object, ...]:
    try:
        return read(packet)
    except UnicodeDecodeError:
        packet.rewind()
    sent = [packet.read_length_coded_string() for _ in result.converters]
    columns = zip(result.converters, sent, strict=True)
    cells = (partial(_cell, encoding, convert, value) for (encoding, convert), value in columns)
    return readable_cells(cells, (UnicodeDecodeError,))


def _cell(encoding: str | None, convert: Callable[[Any], object] | None, sent: bytes | None) -> object:
    if sent is None:
        return None
    value = sent.decode(encoding) if encoding is not None else sent
    return value if convert is None else convert(value)


def _insert_missing(
    database: Database, table: str, columns: Sequence[str], keys: Sequence[str], row: Sequence[object]
) -> None:
    """Insert one row, or leave the one that has the same unique key. IGNORE would hide every other error too."""
    same = database.quoted(keys[0])
    insert = insert_text(database.quoted, table, columns)
    database.execute(f"{insert} ON DUPLICATE KEY UPDATE {same} = {same}", row)


def _next_values(database: Database, sequence: str, n: int) -> list[object]:
    sql = f"SELECT NEXTVAL({database.quoted(sequence)})"
    return [database.select(sql)[0][0] for _ in range(n)]


def _tables(database: Database) -> dict[str, set[str]]:
    return columns_by_table(
        database.select(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE()"
        )
    )


def _make_binding_tables(database: Database) -> None:
    """Make our two tables where they are missing. Not inside a transaction: a CREATE would commit it."""
    if not {"omnisync_binding", "omnisync_cursor"} <= _tables(database).keys():
        for sql in BINDING_TABLES:
            database.execute(sql)


def _is_lost(connection: Any, error: Exception) -> bool:
    return not connection.open or _code(error) in _LOST


def _translate_error(error: Exception, login: DatabaseLogin) -> OmnisyncError:
    code, motive = _code(error), str(error.args[-1] if error.args else error)
    # 1030 tells of the disk in the words of the system only.
    if code in _FULL or (code == 1030 and "No space left" in motive):
        return ErpFullError(servidor=login.server)
    if code == _LOCK_WAIT_TIMEOUT:
        return ErpRowInUseError()
    if code in _BUSY or isinstance(error, pymysql.InterfaceError):
        return ErpBusyError()
    if code in _LOGIN:
        return wrong_login(login)
    if code in _PERMISSION:
        return ErpSetupError("destination_permission", tabela=_named(motive) or login.database)
    if code in _UNREACHABLE:
        return unreachable(login)
    if code == 1146:
        return missing_table(login, _named(motive))
    if code == 1054:
        return missing_column(login, motive)
    if isinstance(error, UnicodeEncodeError):
        return refused(LETTERS)
    if code == 1366 and (found := _LETTER.search(motive)) is not None:
        return RefusedRecordError("letter_refused", letra=_letter(found[1]), onde=f"{found[2]}.{found[3]}")
    if code in _REFUSED or isinstance(error, (pymysql.IntegrityError, pymysql.DataError)):
        return refused(_without_values(motive))
    return wrong_layout(motive)


def _letter(escaped: str) -> str:
    r"""Return the letter that the server shows as the bytes it begins with: \xF0\x9F\x98\x80."""
    sent = bytes(int(pair, 16) for pair in escaped.split("\\x")[1:])
    return "".join(map(code_point, sent.decode("utf-8", "ignore")[:1]))


def _code(error: BaseException) -> int:
    """Return the server's number of an error; -1 where it has none."""
    code = error.args[0] if error.args else -1
    return code if isinstance(code, int) else -1


def _named(motive: str) -> str:
    """Return the table a sentence names: Table 'erp.t' doesn't exist; denied to user 'x'@'y' for table `erp`.`t`."""
    found = _TABLE.search(motive)
    return found.group(1).rpartition(".")[2].strip("`'") if found else ""


def _without_values(motive: str) -> str:
    """Return a document or a name that met itself stays out of what is shown: Duplicate entry 'x' for key 'y'."""
    if motive.startswith("Duplicate entry"):
        return f"Duplicate entry for key {motive.rpartition(' for key ')[2]}"
    return motive


def _is_in_transaction(connection: Any) -> bool:
    """Return what the server said with its last answer: a procedure may have committed."""
    return bool(connection.server_status & SERVER_STATUS.SERVER_STATUS_IN_TRANS)


def _excess_rights(database: Database) -> tuple[str, ...]:
    """Return the rights over the whole server that no import needs."""
    return tuple(str(name) for (name,) in database.select(_EXCESS_RIGHTS))


DRIVER = Driver(
    begin_reading=statement("START TRANSACTION READ ONLY"),
    is_write_refused=lambda error: _code(error) == _READ_ONLY,
    is_in_transaction=_is_in_transaction,
    errors=(pymysql.Error, UnicodeEncodeError),
    connect=_connect,
    translate_error=_translate_error,
    is_lost=_is_lost,
    is_duplicate=lambda error: _code(error) in _DUPLICATE,
    encoding=lambda connection: str(connection.encoding),
    close=_close,
    run=_run,
    read_rows=_read_rows,
    marked=formatted,
    set_lock_wait=_set_lock_wait,
)
DIALECT = Dialect(
    label="MariaDB",
    driver=DRIVER,
    quotes=("`", "`"),
    has_schemas=True,
    among=id_lists(1000),
    contains="instr(upper({}), upper(?)) > 0".format,
    locked="{} FOR UPDATE".format,
    insert_missing=_insert_missing,
    next_values=_next_values,
    tables=_tables,
    reflect=reflection.read,
    rights=rights_by_statements,
    excess_rights=_excess_rights,
    make_binding_tables=_make_binding_tables,
)
