"""The interface of a database, whatever its brand. Only differences between brands live behind it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from re import compile as pattern
from typing import Protocol

from omnisync.agent.erp.schema import DatabaseTable, Rights, Schema
from omnisync.agent.errors import OmnisyncError

STREAM_ROWS = 2000
"""Rows of a stream that are in memory at once."""
UNREADABLE_VALUE = "erp_unreadable"
"""The code of the RefusedRecordError that says a row was found and a value of it cannot be read."""
RowList = list[tuple[object, ...]]
StreamedRows = tuple[list[str], Iterator[RowList]]
"""A query as it comes: the names of its columns, and its rows in lots."""

_QUOTED_OR_MARK = pattern(r"'[^']*'|\"[^\"]*\"|`[^`]*`|\?|%")


class Database(Protocol):
    """One database of an ERP, over one connection, used from one thread. `connect` opens it; so does the first use.

    SQL texts are the callers' own, with `?` for each value; names in them went through `quoted`. Outside of `begin`
    and `commit` every statement stands by itself. Every method raises an OmnisyncError, never a driver's error:
    ErpBusyError (lock, deadlock, lost connection: roll back and do the whole transaction again), RefusedRecordError
    (what the statement carries is not accepted; with the code UNREADABLE_VALUE, what it found cannot be read, and the
    transaction goes on), SetupError (a person must act).
    """

    label: str

    def connect(self) -> None:
        """Open the database anew. Unreachable is ErpSetupError the first time and ErpBusyError once it was open."""

    def close(self) -> None:
        """Give the connection back. Idempotent."""

    def make_binding_tables(self) -> None:
        """Make our two tables where they are missing; no right to make tables is needed where they stand."""

    def tables(self) -> dict[str, set[str]]:
        """Return the columns of every table and view by its name, as a layout writes them."""

    def reflect(self) -> Schema:
        """Return everything the database says of itself to this user, over the connection that writes.

        A second library's reading would need a second connection, and knows neither rights nor triggers nor engines.
        """

    def rights(self, table: DatabaseTable) -> Rights:
        """Return what this user may do with the table. Nothing is left behind, and no trigger runs."""

    def quoted(self, name: str) -> str:
        """Return a name as it stands in the database, safe in a SQL text whatever letters and reserved words it is
        made of.
        """

    def limited(self, sql: str, n: int) -> str:
        """Return the query, answering its first `n` rows only."""

    def contains(self, column: str) -> str:
        """Return the condition that a text column (quoted) holds the text of one `?`, whatever the case of the
        letters.
        """

    def encodable(self, text: str) -> str:
        """Return the text with `?` for each letter this database cannot hold: for texts of ours, never for the
        ERP's.
        """

    def execute(self, sql: str, values: Sequence[object] = ()) -> int:
        """Run one statement; answers how many rows it matched."""

    def execute_many(self, sql: str, rows: Iterable[Sequence[object]]) -> int:
        """Run one statement for each row; answers how many rows it matched in all."""

    def insert_rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Insert rows known to be new, the fastest way. On an error some may stand: keep a savepoint before it."""

    def insert_returning(self, table: str, columns: Sequence[str], row: Sequence[object], made: str) -> object:
        """Insert one row; answers what the database made of the column `made`."""

    def next_values(self, sequence: str, n: int) -> list[object]:
        """Return the next n values of a sequence or generator. They are never given back."""

    def update_rows(
        self, table: str, columns: Sequence[str], keys: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> int:
        """Set `columns` where `keys` are equal; a row is the columns' values, then the keys'. Answers rows matched."""

    def insert_missing(self, table: str, columns: Sequence[str], keys: Sequence[str], row: Sequence[object]) -> None:
        """Insert one row, or leave the one that has the same unique key. Inside a transaction."""

    def select(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Return all rows of one query."""

    def stream(
        self, sql: str, values: Sequence[object] = (), *, size: int = STREAM_ROWS
    ) -> AbstractContextManager[StreamedRows]:
        """Return the rows of one query as they come, in lots of `size`: memory holds a lot or two, whatever the table's
        size.

        All of them as of one moment, without a lock that a writer of the ERP's would wait for (SQL Server: only where
        its rows are versioned). Outside of `begin`; until the block ends the connection does nothing else.
        """

    def select_among(self, sql: str, ids: Sequence[object], values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Return all rows of a query that ends with `IN {ids}`; `values` are bound before the ids.

        An ORDER BY holds within a lot of ids only. Ids are of the column's own type.
        """

    def execute_among(self, sql: str, ids: Sequence[object], values: Sequence[object] = ()) -> None:
        """Run a statement that ends with `IN {ids}`; `values` are bound before the ids."""

    def records_among(self, table: str, column: str, keys: Sequence[object]) -> list[dict[str, object]]:
        """Whole rows of a table by the values of one column, each with its columns' names."""

    def lock_row(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Return the rows of a plain query of one table, held until the transaction ends and read as of then."""

    def begin(self) -> None:
        """Begin a writing transaction."""

    def commit(self) -> None:
        """End the transaction; everything in it stands. After ErpBusyError the outcome is unknown: `settle`."""

    def rollback(self) -> None:
        """End the transaction; nothing of it stands. Never raises on a broken connection."""

    def savepoint(self) -> None:
        """Mark a place to return to. Marks may stand one within another."""

    def release_savepoint(self) -> None:
        """Forget the last mark; what came after it stays."""

    def return_to_savepoint(self) -> None:
        """Undo what came after the last mark, and forget the mark."""

    def translate_error(self, error: Exception) -> OmnisyncError:
        """Return the driver's error as ours, by what to do about it."""


@lru_cache(maxsize=512)
def formatted(sql: str) -> str:
    """Return a SQL text with the marks of drivers that fill in `%s`; quoted texts keep their `?`, and a `%` is
    doubled.
    """
    return _QUOTED_OR_MARK.sub(
        lambda found: "%s" if found.group() == "?" else found.group().replace("%", "%%"),
        sql,
    )


def row_groups(ids: Sequence[object], size: int) -> Iterable[Sequence[object]]:
    """Return the ids in lots of at most `size`."""
    return (ids[start : start + size] for start in range(0, len(ids), size))
