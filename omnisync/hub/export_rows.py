"""The rows of one dataset in the hub's database, many at a time: each database in the way that is its fastest.

All of it happens under the lock of the rows' set, so a key found absent is absent until the end of the transaction.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, func, select

from omnisync.hub.store import bulk
from omnisync.hub.tables import export_row, export_source

AT_ONCE = 1000
"""Rows in one statement."""

_row = export_row.c


class ExportRow(Struct, frozen=True, gc=False):
    """One line that is new or has changed. The version is empty when it deletes its row."""

    key: str
    sequence: int
    version: str
    line: str


class Mark(Struct, frozen=True):
    """The batch that names a key, and its source."""

    seen: int
    source: str


class StoredRow(Struct, frozen=True, gc=False):
    """The row under a key: an empty version is of a deleted one."""

    version: str
    source: str


class ExportRows(Protocol):
    """The operations of a database on the rows of one set."""

    def stored(self, keys: Collection[str]) -> dict[str, StoredRow]:
        """Return the row of every key that is there."""

    def write(self, new: Sequence[ExportRow], changed: Sequence[ExportRow], mark: Mark) -> None:
        """Put in keys that are not there, and change those that are."""

    def touch(self, keys: Collection[str], mark: Mark) -> None:
        """Only say that the keys were named."""

    def n_unseen(self, source: str, began: int) -> int:
        """Return how many living keys of a source no batch has named since."""

    def unseen(self, source: str, began: int) -> Iterator[list[str]]:
        """Yield those keys, some at a time; the caller deletes them before it asks for the next."""


def rows_of(db: Connection, set_id: int) -> ExportRows:
    """Return the rows of a set, by this database's own means."""
    return _PostgresqlRows(db, set_id) if db.dialect.name == "postgresql" else _SqliteRows(db, set_id)


def living_of(db: Connection, set_id: int, source: str) -> int:
    """Return how many living rows a source has."""
    s = export_source.c
    return int(db.execute(select(s.living).where(s.set_id == set_id, s.source == source)).scalar() or 0)


def add_living(db: Connection, set_id: int, more: Mapping[str, int]) -> None:
    """Change how many living rows each source has."""
    rows = [(set_id, source, n) for source, n in sorted(more.items()) if n]
    bulk(
        db,
        """
        INSERT INTO export_source (set_id, source, living) VALUES (?, ?, ?)
        ON CONFLICT (set_id, source) DO UPDATE SET living = export_source.living + excluded.living
        """,
        rows,
    )


class _SqliteRows:
    _UPSERT = """
        INSERT INTO export_row (set_id, key, sequence, seen, source, version, size, line)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (key, set_id) DO UPDATE SET sequence = excluded.sequence, seen = excluded.seen,
            source = excluded.source, version = excluded.version, size = excluded.size, line = excluded.line
    """
    _STORED = """
        SELECT key, version, source FROM export_row WHERE key IN (SELECT value FROM json_each(?)) AND set_id = ?
    """
    _UNSEEN = """
        FROM export_row INDEXED BY export_row_unseen WHERE set_id = ? AND source = ? AND seen <= ? AND version <> ''
    """
    _TOUCH = """
        UPDATE export_row SET seen = ?, source = ? WHERE key IN (SELECT value FROM json_each(?)) AND set_id = ?
    """

    def __init__(self, db: Connection, set_id: int) -> None:
        self._db = db
        self._set_id = set_id

    def stored(self, keys: Collection[str]) -> dict[str, StoredRow]:
        found = self._db.exec_driver_sql(self._STORED, (json.dumps(list(keys)), self._set_id))
        return {key: StoredRow(version, source) for key, version, source in found}

    def write(self, new: Sequence[ExportRow], changed: Sequence[ExportRow], mark: Mark) -> None:
        # An upsert costs no more than an insert here.
        bulk(self._db, self._UPSERT, [_tuple(self._set_id, row, mark) for row in (*new, *changed)])

    def touch(self, keys: Collection[str], mark: Mark) -> None:
        self._db.exec_driver_sql(self._TOUCH, (mark.seen, mark.source, json.dumps(list(keys)), self._set_id))

    def n_unseen(self, source: str, began: int) -> int:
        found = self._db.exec_driver_sql(f"SELECT count(*) {self._UNSEEN}", (self._set_id, source, began))
        return int(found.scalar_one())

    def unseen(self, source: str, began: int) -> Iterator[list[str]]:
        some = f"SELECT key {self._UNSEEN} LIMIT {AT_ONCE}"
        while keys := self._db.exec_driver_sql(some, (self._set_id, source, began)).scalars().all():
            yield list(keys)


class _PostgresqlRows:
    # Keys, versions and lines have no line break in them, so many travel as one text: the driver's own arrays cost
    # more than all the rest. An array of one empty text comes out as none, hence the coalesce.
    _COPY = "COPY export_row (set_id, key, sequence, seen, source, version, size, line) FROM STDIN"
    # `set_id + 0` and no walk of the table: without statistics the planner takes a whole set for a few rows, and would
    # rather read all of it than look a thousand keys up. A join it would turn round; an upsert it cannot.
    _BY_KEY = "SET LOCAL enable_seqscan = off"
    _STORED = """
        SELECT key, version, source FROM export_row
        WHERE set_id + 0 = %s AND key = ANY(string_to_array(%s, E'\\n'))
    """
    _TOUCH = """
        UPDATE export_row SET seen = %s, source = %s
        WHERE set_id + 0 = %s AND key = ANY(string_to_array(%s, E'\\n'))
    """
    _CHANGE = """
        INSERT INTO export_row (set_id, key, sequence, seen, source, version, size, line)
        SELECT %s, key, sequence, %s, %s, coalesce(version, ''), octet_length(line), line
        FROM unnest(string_to_array(%s, E'\\n'), string_to_array(%s, E'\\n')::bigint[], string_to_array(%s, E'\\n'),
            string_to_array(%s, E'\\n')) AS changed(key, sequence, version, line)
        ON CONFLICT (key, set_id) DO UPDATE SET sequence = excluded.sequence, seen = excluded.seen,
            source = excluded.source, version = excluded.version, size = excluded.size, line = excluded.line
    """

    def __init__(self, db: Connection, set_id: int) -> None:
        self._db = db
        db.exec_driver_sql(self._BY_KEY)
        self._set_id = set_id

    def stored(self, keys: Collection[str]) -> dict[str, StoredRow]:
        found = self._db.exec_driver_sql(self._STORED, (self._set_id, "\n".join(keys)))
        return {key: StoredRow(version, source) for key, version, source in found}

    def write(self, new: Sequence[ExportRow], changed: Sequence[ExportRow], mark: Mark) -> None:
        if new:
            driver: Any = self._db.connection.driver_connection
            with driver.cursor() as cursor, cursor.copy(self._COPY) as copy:
                for row in new:
                    copy.write_row(_tuple(self._set_id, row, mark))
        if changed:
            columns = zip(*((row.key, str(row.sequence), row.version, row.line) for row in changed), strict=True)
            values = (self._set_id, mark.seen, mark.source, *map("\n".join, columns))
            self._db.exec_driver_sql(self._CHANGE, values)

    def touch(self, keys: Collection[str], mark: Mark) -> None:
        self._db.exec_driver_sql(self._TOUCH, (mark.seen, mark.source, self._set_id, "\n".join(keys)))

    def n_unseen(self, source: str, began: int) -> int:
        unseen = select(func.count()).select_from(export_row).where(*self._unseen(source, began))
        return int(self._db.execute(unseen).scalar_one())

    def unseen(self, source: str, began: int) -> Iterator[list[str]]:
        after = 0
        ordered = select(_row.key, _row.sequence).where(*self._unseen(source, began)).order_by(_row.sequence)
        while rows := self._db.execute(ordered.where(_row.sequence > after).limit(AT_ONCE)).all():
            yield [key for key, _ in rows]
            after = rows[-1].sequence

    def _unseen(self, source: str, began: int) -> tuple[ColumnElement[bool], ...]:
        # A row that changed later was named later, too: so its sequence bounds the walk through the index.
        is_old = (_row.sequence <= began, _row.seen <= began)
        return _row.set_id == self._set_id, *is_old, _row.source == source, _row.version != ""


def _tuple(set_id: int, row: ExportRow, mark: Mark) -> tuple[object, ...]:
    return set_id, row.key, row.sequence, mark.seen, mark.source, row.version, len(row.line.encode()), row.line
