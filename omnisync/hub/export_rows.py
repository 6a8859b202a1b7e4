"""The rows of one dataset in the hub's database, many at a time: each database in the way that is its fastest.

All of it happens under the lock of the rows' set, so a key found absent is absent until the end of the transaction.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Protocol

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, func, select

from omnisync.hub.store import bulk
from omnisync.hub.tables import export_row

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


class ExportRows(Protocol):
    """The operations of a database on the rows of one set."""

    def versions(self, keys: Collection[str]) -> dict[str, str]:
        """Return the version of every key that is there; an empty one is of a deleted row."""

    def write(self, new: Sequence[ExportRow], changed: Sequence[ExportRow], mark: Mark) -> None:
        """Put in keys that are not there, and change those that are."""

    def touch(self, keys: Collection[str], mark: Mark) -> None:
        """Only say that the keys were named."""


def rows_of(db: Connection, set_id: int) -> ExportRows:
    """Return the rows of a set, by this database's own means."""
    return _PostgresqlRows(db, set_id) if db.dialect.name == "postgresql" else _SqliteRows(db, set_id)


def missing_keys(db: Connection, set_id: int, source: str, started_seq: int) -> Iterator[list[str]]:
    """Yield the living keys of a source that no batch has named since, some at a time; they may be deleted
    meanwhile.
    """
    mine = _unseen(set_id, source, started_seq)
    after = 0
    while rows := db.execute(
        select(_row.key, _row.sequence).where(*mine, _row.sequence > after).order_by(_row.sequence).limit(AT_ONCE)
    ).all():
        yield [key for key, _ in rows]
        after = rows[-1].sequence


def n_missing_keys(db: Connection, set_id: int, source: str, started_seq: int) -> int:
    """Return how many `missing_keys` would give."""
    return int(
        db.execute(
            select(func.count()).select_from(export_row).where(*_unseen(set_id, source, started_seq))
        ).scalar_one()
    )


def n_live(db: Connection, set_id: int, source: str) -> int:
    """Return how many living rows a source has."""
    mine = (_row.set_id == set_id, _row.source == source, _row.version != "")
    return int(db.execute(select(func.count()).select_from(export_row).where(*mine)).scalar_one())


def _unseen(set_id: int, source: str, started_seq: int) -> tuple[ColumnElement[bool], ...]:
    # A row that changed later was named later, too: so its sequence bounds the walk through the index.
    is_old = (_row.sequence <= started_seq, _row.seen <= started_seq)
    return _row.set_id == set_id, *is_old, _row.source == source, _row.version != ""


class _SqliteRows:
    _UPSERT = """
        INSERT INTO export_row (set_id, key, sequence, seen, source, version, size, line)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (key, set_id) DO UPDATE SET sequence = excluded.sequence, seen = excluded.seen,
            source = excluded.source, version = excluded.version, size = excluded.size, line = excluded.line
    """
    _VERSIONS = "SELECT key, version FROM export_row WHERE key IN (SELECT value FROM json_each(?)) AND set_id = ?"
    _TOUCH = """
        UPDATE export_row SET seen = ?, source = ? WHERE key IN (SELECT value FROM json_each(?)) AND set_id = ?
    """

    def __init__(self, db: Connection, set_id: int) -> None:
        self._db = db
        self._set_id = set_id

    def versions(self, keys: Collection[str]) -> dict[str, str]:
        found = self._db.exec_driver_sql(self._VERSIONS, (json.dumps(list(keys)), self._set_id))
        return {key: version for key, version in found}

    def write(self, new: Sequence[ExportRow], changed: Sequence[ExportRow], mark: Mark) -> None:
        # An upsert costs no more than an insert here.
        bulk(self._db, self._UPSERT, [_tuple(self._set_id, row, mark) for row in (*new, *changed)])

    def touch(self, keys: Collection[str], mark: Mark) -> None:
        self._db.exec_driver_sql(self._TOUCH, (mark.seen, mark.source, json.dumps(list(keys)), self._set_id))


class _PostgresqlRows:
    # Keys, versions and lines have no line break in them, so many travel as one text: the driver's own arrays cost
    # more than all the rest. An array of one empty text comes out as none, hence the coalesce.
    _COPY = "COPY export_row (set_id, key, sequence, seen, source, version, size, line) FROM STDIN"
    # `set_id + 0` and no walk of the table: without statistics the planner takes a whole set for a few rows, and would
    # rather read all of it than look a thousand keys up. A join it would turn round; an upsert it cannot.
    _BY_KEY = "SET LOCAL enable_seqscan = off"
    _VERSIONS = "SELECT key, version FROM export_row WHERE set_id + 0 = %s AND key = ANY(string_to_array(%s, E'\\n'))"
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

    def versions(self, keys: Collection[str]) -> dict[str, str]:
        found = self._db.exec_driver_sql(self._VERSIONS, (self._set_id, "\n".join(keys)))
        return {key: version for key, version in found}

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


def _tuple(set_id: int, row: ExportRow, mark: Mark) -> tuple[object, ...]:
    return set_id, row.key, row.sequence, mark.seen, mark.source, row.version, len(row.line.encode()), row.line
