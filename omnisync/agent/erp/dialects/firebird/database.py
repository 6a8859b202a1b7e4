"""Firebird 3 and later. Traps: no letters without a charset, one row a round trip, and locks on what is prepared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

from firebird import driver  # type: ignore[import-untyped]  # the driver has no types
from firebird.driver.core import CHARSET_MAP  # type: ignore[import-untyped]

from omnisync.agent.erp.database import row_groups
from omnisync.agent.erp.dialects.firebird import reflection
from omnisync.agent.erp.dialects.firebird.binding_tables import BINDING_TABLES
from omnisync.agent.erp.dialects.firebird.errors import (
    BUSY,
    CHARSET,
    DUPLICATE,
    LOGIN,
    LOST,
    MISSING_COLUMN,
    MISSING_TABLE,
    PERMISSION,
    REFUSED,
    UNREACHABLE,
    codes_of,
    lines_of,
    motive_of,
)
from omnisync.agent.erp.dialects.server import Server, by_table, refused, wrong_layout
from omnisync.agent.erp.schema import Schema
from omnisync.agent.errors import ErpBusyError, ErpFullError, ErpSetupError, OmnisyncError, SettingsError

_COLUMNS = """
SELECT TRIM(f.rdb$relation_name), TRIM(f.rdb$field_name)
FROM rdb$relation_fields f JOIN rdb$relations r ON r.rdb$relation_name = f.rdb$relation_name
WHERE COALESCE(r.rdb$system_flag, 0) = 0
"""
_LOT = 200
"""Ids in one query: the values of one message must fit in 64 KB, and a key has some eighty letters."""
_BLOCK = 32
"""Rows in one EXECUTE BLOCK at most."""


class Firebird(Server):
    """One Firebird database as an ERP's: `database` is its path or alias on the server.

    A name in lower case stands for the same in capitals, as an unquoted name does in Firebird, unless the database
    holds it in lower case; every other name is literal.
    """

    label = "Firebird"
    errors = (driver.Error, ValueError, OverflowError, TypeError)

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
        self._statements: dict[str, Any] = {}
        self._block_sizes: dict[str, int] = {}
        self._small_names: frozenset[str] | None = None

    # --- the connection

    def _opened(self) -> Any:
        # Without one, or with NONE, letters are bytes: the ERP would show 'AÃ‡ÃƒO', without any error.
        if self._charset.upper() in ("", "NONE") or self._charset.upper() not in CHARSET_MAP:
            raise SettingsError(motivo="informe o charset da conexão com o Firebird, por exemplo WIN1252")
        connection = driver.connect(
            f"{self._server}/{self._port or 3050}:{self._database}",
            user=self._user,
            password=self._password,
            charset=self._charset.upper(),
        )
        # The driver's own choice is to commit what a closed connection leaves half-way.
        connection.main_transaction.default_action = driver.DefaultAction.ROLLBACK
        return connection

    def close(self) -> None:
        """Give the connection back. Idempotent."""
        self._small_names = None
        self._block_sizes.clear()
        self._forget_statements()
        super().close()

    def encodable(self, text: str) -> str:
        """Return the text with `?` for each letter the connection's charset cannot hold."""
        encoding = CHARSET_MAP[self._charset.upper()]
        return text.encode(encoding, "replace").decode(encoding)

    # --- statements

    @contextmanager
    def _cursor(self, sql: str = "") -> Iterator[Any]:
        """Provide a cursor. A statement outside a transaction gets one of its own, for there is no autocommit here."""
        if self._in_transaction:
            with super()._cursor(sql) as cursor:
                yield cursor
            return
        self.begin()
        try:
            with super()._cursor(sql) as cursor:
                yield cursor
        except BaseException:
            self.rollback()
            raise
        self.commit()

    def _prepared(self, cursor: Any, sql: str) -> Any:
        """Return the statement, prepared once a transaction.

        Held longer it would keep the ERP's people from altering its tables ("object in use").
        """
        if sql not in self._statements:
            self._statements[sql] = cursor.prepare(sql)
        return self._statements[sql]

    def _forget_statements(self) -> None:
        while self._statements:
            _free(self._statements.popitem()[1])

    def execute(self, sql: str, values: Sequence[object] = ()) -> int:
        """Run one statement; answers how many rows it matched."""
        with self._cursor(sql) as cursor:
            statement = cursor.prepare(sql)
            try:
                cursor.execute(statement, values)
                return max(int(cursor.affected_rows), 0)
            finally:
                _free(statement)

    def execute_many(self, sql: str, rows: Iterable[Sequence[object]]) -> int:
        """Run one statement for each row; answers how many rows it matched in all."""
        n_matched = 0
        with self._cursor(sql) as cursor:
            statement = self._prepared(cursor, sql)
            # To ask what an INSERT matched is a second round trip for each row, to be told one.
            is_insert = statement.type is driver.StatementType.INSERT
            for row in rows:
                cursor.execute(statement, row)
                n_matched += 1 if is_insert else max(int(cursor.affected_rows), 0)
        return n_matched

    def _run(self, cursor: Any, sql: str, values: Sequence[object]) -> None:
        cursor.execute(self._prepared(cursor, sql), values)

    def select_among(self, sql: str, ids: Sequence[object], values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Return all rows of a query that ends with `IN {ids}`; `values` are bound before the ids.

        The last lot is filled up with its own last id, so that all lots are one prepared statement.
        """
        size = min(_LOT, len(ids))
        among = sql.replace("{ids}", f"({', '.join('?' * size)})")
        return [row for lot in _padded_groups(ids, size) for row in self.select(among, (*values, *lot))]

    def execute_among(self, sql: str, ids: Sequence[object], values: Sequence[object] = ()) -> None:
        """Run a statement that ends with `IN {ids}`; `values` are bound before the ids."""
        size = min(_LOT, len(ids))
        among = sql.replace("{ids}", f"({', '.join('?' * size)})")
        if ids:
            self.execute_many(among, [(*values, *lot) for lot in _padded_groups(ids, size)])

    def lock_row(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Return the rows of a plain query of one table, held until the transaction ends and read as of then."""
        return self.select(f"{sql} WITH LOCK", values)

    def insert_rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Insert rows known to be new, many in one round trip. On an error some may stand."""
        self._in_blocks(table, columns, self._insert(table, columns), rows)

    def update_rows(
        self, table: str, columns: Sequence[str], keys: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> int:
        """Set `columns` where `keys` are equal; a row is the columns' values, then the keys'. Answers rows matched."""
        return self._in_blocks(table, [*columns, *keys], self._update(table, columns, keys), rows)

    def _in_blocks(self, table: str, columns: Sequence[str], sql: str, rows: Sequence[Sequence[object]]) -> int:
        """Run one statement for each row, many rows in one block of PSQL; what is left over goes by itself."""
        n_matched = n_done = 0
        if len(rows) >= _BLOCK:
            with self._cursor(sql) as cursor:
                size, block = self._block(cursor, table, columns, sql)
                n_done = len(rows) // size * size if size > 1 else 0
                for start in range(0, n_done, size):
                    cursor.execute(block, tuple(chain.from_iterable(rows[start : start + size])))
                    n_matched += sum(row[0] for row in cursor.fetchall())
        return n_matched + (self.execute_many(sql, rows[n_done:]) if n_done < len(rows) else 0)

    def _block(self, cursor: Any, table: str, columns: Sequence[str], sql: str) -> tuple[int, Any]:
        """Return the largest block of this statement that the server takes: a message has 64 KB of values. One is
        none.
        """
        size = self._block_sizes.get(sql, _BLOCK)
        while size > 1:
            try:
                block = self._prepared(cursor, self._block_text(table, columns, sql, size))
            except driver.DatabaseError as error:
                if self._is_lost(error):
                    raise
                size //= 2
            else:
                self._block_sizes[sql] = size
                return size, block
        self._block_sizes[sql] = 1
        return 1, None

    def _block_text(self, table: str, columns: Sequence[str], sql: str, size: int) -> str:
        width = len(columns)
        types = [f"TYPE OF COLUMN {self.quoted(table)}.{self.quoted(name)}" for name in columns]
        declared = ", ".join(f"p{i} {types[i % width]} = ?" for i in range(size * width))
        pieces = sql.split("?")
        lines = []
        for start in range(0, size * width, width):
            filled = zip(pieces, [*(f":p{i}" for i in range(start, start + width)), ""], strict=True)
            lines.append("".join(chain.from_iterable(filled)) + "; n = n + ROW_COUNT;")
        return f"EXECUTE BLOCK ({declared}) RETURNS (n INTEGER) AS BEGIN n = 0; {' '.join(lines)} SUSPEND; END"

    def next_values(self, sequence: str, n: int) -> list[object]:
        """Return the next n values of a generator, taken in one step, so that no other session gets one of them."""
        rows: list[Any] = self.select(f"SELECT GEN_ID({self.quoted(sequence)}, {n:d}) FROM rdb$database")  # noqa: S608  # a quoted name
        return list(range(rows[0][0] - n + 1, rows[0][0] + 1))

    def insert_missing(self, table: str, columns: Sequence[str], keys: Sequence[str], row: Sequence[object]) -> None:
        """Insert one row, or leave the one that has the same unique key."""
        self.savepoint()
        try:
            self.execute(self._insert(table, columns), row)
        except OmnisyncError as error:
            if self._open is None or error.__cause__ is None or not self._is_duplicate(error.__cause__):
                raise
            self.return_to_savepoint()
        else:
            self.release_savepoint()

    # --- the catalogue

    def make_binding_tables(self) -> None:
        """Make our two tables where they are missing."""
        found = self.tables()
        for table, statements in BINDING_TABLES.items():
            for statement in statements if table not in found else ():
                self._make(table, statement)

    def _make(self, table: str, statement: str) -> None:
        try:
            self.execute(statement)
        except OmnisyncError:
            # There is no IF NOT EXISTS: another run may have made it a moment ago.
            if table not in self.tables():
                raise

    def tables(self) -> dict[str, set[str]]:
        """Return the columns of every table and view by its name; names in capitals also in lower case."""
        return by_table(
            (table, column)
            for name, field in self.select(_COLUMNS)
            for table in _spellings(str(name))
            for column in _spellings(str(field))
        )

    def reflect(self) -> Schema:
        """Return everything the database says of itself to this user."""
        return reflection.read(self)

    def quoted(self, name: str) -> str:
        """Return a name as it stands in the database, quoted."""
        if name == name.lower() and name not in self._in_lower_case:
            name = name.upper()
        return '"{}"'.format(name.replace('"', '""'))

    @property
    def _in_lower_case(self) -> frozenset[str]:
        """The few names that were made in lower case, by quotes."""
        if self._small_names is None:
            names = {str(name) for name in chain.from_iterable(self.select(_COLUMNS))}
            self._small_names = frozenset(name for name in names if name == name.lower())
        return self._small_names

    def limited(self, sql: str, n: int) -> str:
        """Return the query, answering its first `n` rows only."""
        return f"{sql} ROWS {n:d}"

    def contains(self, column: str) -> str:
        """Return the condition that a text column holds the text of one `?`, whatever the case of the letters."""
        return f"{column} CONTAINING ?"

    # --- transactions

    def begin(self) -> None:
        """Begin a writing transaction."""
        # The newest committed version of each row: what a lock was waited for is read as it stands after the wait.
        # In SNAPSHOT every wait that ends well would end in "update conflicts with concurrent update".
        self._begin(driver.tpb(driver.Isolation.READ_COMMITTED_RECORD_VERSION, self.lock_timeout_s))

    def _begin_reading(self) -> None:
        self._begin(driver.tpb(driver.Isolation.SNAPSHOT, self.lock_timeout_s, driver.TraAccessMode.READ))

    def _begin(self, kind: bytes) -> None:
        with self._translating(""):
            self._connection.begin(kind)
        self._in_transaction, self._n_savepoints = True, 0

    def commit(self) -> None:
        """End the transaction; everything in it stands. After ErpBusyError the outcome is unknown."""
        self._forget_statements()
        try:
            self._connection.commit()
        except self.errors as error:
            ours = self._translate(error, "")
            self.rollback()  # a COMMIT that was refused leaves its transaction open
            raise ours from error
        self._in_transaction = False

    def rollback(self) -> None:
        """End the transaction; nothing of it stands. Never raises on a broken connection."""
        self._forget_statements()
        was_begun, self._in_transaction = self._in_transaction, False
        if was_begun and self._open is not None:
            try:
                self._open.rollback()
            except self.errors:
                self.close()

    # --- errors

    def _is_lost(self, error: Exception) -> bool:
        return self._open is None or not LOST.isdisjoint(codes_of(error))

    def _is_duplicate(self, error: BaseException) -> bool:
        return not DUPLICATE.isdisjoint(codes_of(error))

    def translate_error(self, error: Exception) -> OmnisyncError:
        """Return the driver's error as ours, by what to do about it."""
        codes, text = codes_of(error), str(error)
        if isinstance(error, UnicodeDecodeError) or codes & CHARSET:
            return SettingsError(motivo=f"o charset {self._charset} não serve para os textos do banco {self._database}")
        if not codes:
            return refused(text)
        if "No space left" in text or "disk full" in text:
            return ErpFullError(servidor=self._server)
        if codes & BUSY:
            return self._unreachable() if self._open is None else ErpBusyError()
        if codes & LOGIN:
            return ErpSetupError("destination_login", banco=self._database)
        if codes & PERMISSION:
            return ErpSetupError("destination_permission", tabela=text.split()[-1])
        if codes & REFUSED:
            return refused(motive_of(codes, text))
        if codes & MISSING_TABLE:
            return ErpSetupError("destination_missing_table", banco=self._database, tabela=lines_of(text)[-1])
        if codes & MISSING_COLUMN:
            return ErpSetupError("destination_missing_column", banco=self._database, motivo=motive_of(codes, text))
        return self._unreachable() if codes & UNREACHABLE else wrong_layout(motive_of(codes, text))


def _free(statement: Any) -> None:
    try:
        statement.free()
    except driver.Error:
        # Gone with its connection: left as it is, the driver would complain of it on the console at the end.
        statement._istmt = None


def _spellings(name: str) -> tuple[str, ...]:
    return (name, name.lower()) if name == name.upper() else (name,)


def _padded_groups(ids: Sequence[object], size: int) -> Iterator[Sequence[object]]:
    for lot in row_groups(ids, size) if ids else ():
        yield [*lot, *[lot[-1]] * (size - len(lot))]
