"""A connection of Firebird's driver, with cursors like any other's: statements are prepared once a transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import islice
from typing import Any

from firebird import driver  # type: ignore[import-untyped]  # the driver has no types
from firebird.driver.core import CHARSET_MAP  # type: ignore[import-untyped]

from omnisync.agent.erp.driver import DatabaseLogin
from omnisync.agent.erp.statements import RowList
from omnisync.agent.erp.unreadable import UNREADABLE, readable_cells
from omnisync.agent.errors import SettingsError

_ANSWERS_ROWS = (
    driver.StatementType.SELECT,
    driver.StatementType.SELECT_FOR_UPD,
    driver.StatementType.EXEC_PROCEDURE,
)
_UNREADABLE = (ValueError, OverflowError)
"""What the driver raises for bytes that are no letters, and for a date beyond the calendar."""


class FirebirdConnection:
    """The driver's connection, the statements prepared in its transaction, and what was learnt of the database."""

    def __init__(self, login: DatabaseLogin) -> None:
        charset = login.charset.upper()
        # Without one, or with NONE, letters are bytes: the ERP would show 'AÃ‡ÃƒO', without any error.
        if charset in ("", "NONE") or charset not in CHARSET_MAP:
            raise SettingsError(motivo="informe o charset da conexão com o Firebird, por exemplo WIN1252")
        self._driver_connection = driver.connect(
            f"{login.server}/{login.port or 3050}:{login.database}",
            user=login.user,
            password=login.password,
            charset=charset,
        )
        # The driver's own choice is to commit what a closed connection leaves half-way.
        self._driver_connection.main_transaction.default_action = driver.DefaultAction.ROLLBACK
        self._lock_s = login.timeouts.lock_s
        self._statements: dict[str, Any] = {}
        self.encoding: str = CHARSET_MAP[charset]
        self.block_sizes: dict[str, int] = {}
        self.names_in_lower_case: frozenset[str] | None = None

    def set_lock_wait(self, wait_s: int) -> None:
        """Set the longest wait for a lock, in seconds, of the transactions that begin from now on."""
        self._lock_s = wait_s

    def begin(self) -> None:
        """Begin a transaction that sees the newest committed version of each row.

        What a lock was waited for is read as it stands after the wait. In SNAPSHOT every wait that ends well would end
        in "update conflicts with concurrent update".
        """
        self._driver_connection.begin(driver.tpb(driver.Isolation.READ_COMMITTED_RECORD_VERSION, self._lock_s))

    def begin_reading(self) -> None:
        """Begin a transaction whose rows are all of one moment."""
        self._driver_connection.begin(driver.tpb(driver.Isolation.SNAPSHOT, self._lock_s, driver.TraAccessMode.READ))

    def commit(self) -> None:
        """End the transaction; everything in it stands."""
        self._forget_statements()
        self._driver_connection.commit()

    def rollback(self) -> None:
        """End the transaction; nothing of it stands."""
        self._forget_statements()
        self._driver_connection.rollback()

    def close(self) -> None:
        """Close the connection."""
        self._forget_statements()
        self._driver_connection.close()

    def cursor(self) -> FirebirdCursor:
        """Return a new cursor."""
        return FirebirdCursor(self, self._driver_connection.cursor())

    def prepared(self, cursor: Any, sql: str) -> Any:
        """Return the statement, prepared once a transaction.

        Held longer it would keep the ERP's people from altering its tables ("object in use").
        """
        if sql not in self._statements:
            self._statements[sql] = cursor.prepare(sql)
        return self._statements[sql]

    def free(self, sql: str) -> None:
        """Forget a statement that is not run again soon."""
        _free(self._statements.pop(sql))

    def _forget_statements(self) -> None:
        while self._statements:
            _free(self._statements.popitem()[1])


class FirebirdCursor:
    """The driver's cursor over prepared statements."""

    def __init__(self, connection: FirebirdConnection, cursor: Any) -> None:
        self.connection = connection
        self._driver_cursor = cursor
        self.rowcount = 0
        self.fetchall = cursor.fetchall
        self.close = cursor.close

    @property
    def description(self) -> Any:
        """Return the columns of the query that ran."""
        return self._driver_cursor.description

    def read_rows(self, size: int | None) -> RowList:
        """Return the next rows, all that are left or at most so many.

        A row with a value that is none is unpacked again from where the server put it, a column at a time. For a byte
        that is no letter of the column's charset the server gives a connection in UTF8 the character zero.
        """
        rows = self._decoded_rows(size)
        if self.connection.encoding != "utf_8":
            return rows
        return [row if all(map(_is_readable, row)) else tuple(map(_readable_or_mark, row)) for row in rows]

    def _decoded_rows(self, size: int | None) -> RowList:
        rows: RowList = []
        while True:
            left = None if size is None else size - len(rows)
            try:
                rows.extend(islice(iter(self._driver_cursor.fetchone, None), left))  # what came before an error stays
            except _UNREADABLE:
                rows.append(self._row_by_columns())
            else:
                return rows

    def _row_by_columns(self) -> tuple[object, ...]:
        statement = self._driver_cursor._stmt
        columns = statement._out_desc
        try:
            return readable_cells((partial(self._column, statement, column) for column in columns), _UNREADABLE)
        finally:
            statement._out_desc = columns

    def _column(self, statement: Any, column: Any) -> object:
        statement._out_desc = [column]
        return self._driver_cursor._unpack_output()[0]

    def prepare(self, sql: str) -> None:
        """Prepare a statement, which the next `execute` of it runs."""
        self.connection.prepared(self._driver_cursor, sql)

    def execute(self, sql: str, values: Sequence[object] = ()) -> None:
        """Run one statement. One that answers rows stays prepared, any other is freed."""
        statement = self.connection.prepared(self._driver_cursor, sql)
        if statement.type in _ANSWERS_ROWS:
            self._driver_cursor.execute(statement, values)
            return
        try:
            self._driver_cursor.execute(statement, values)
            self.rowcount = int(self._driver_cursor.affected_rows)
        finally:
            self.connection.free(sql)

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for each row."""
        statement = self.connection.prepared(self._driver_cursor, sql)
        # To ask what an INSERT matched is a second round trip for each row, to be told one.
        is_insert = statement.type is driver.StatementType.INSERT
        run, n_matched = self._driver_cursor.execute, 0
        for row in rows:
            run(statement, row)
            n_matched += 1 if is_insert else max(int(self._driver_cursor.affected_rows), 0)
        self.rowcount = n_matched


def _is_readable(cell: object) -> bool:
    return type(cell) is not str or "\0" not in cell


def _readable_or_mark(cell: object) -> object:
    return cell if _is_readable(cell) else UNREADABLE


def _free(statement: Any) -> None:
    try:
        statement.free()
    except driver.Error:
        # Gone with its connection: left as it is, the driver would complain of it on the console at the end.
        statement._istmt = None
