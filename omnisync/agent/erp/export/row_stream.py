"""Rows on their way out, as the layout's query of a dataset answers them: in lots, each row with its key and its hash.

The hash is of what the database answered. Only rows whose hash is new are made into lines, and stretches of rows whose
one hash is known are not even looked into. Source: docs/architecture.md "The life of one export".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from itertools import pairwise
from operator import itemgetter
from typing import Any

import msgspec
from msgspec import Struct

from omnisync.agent.erp.database import Database
from omnisync.agent.erp.export.changed_at import Since, condition, later_of, newest
from omnisync.agent.erp.export.chunking import ROWS_PER_CHUNK, ChunkedRows, content_defined_chunks
from omnisync.agent.erp.export.serializer import LineSerializer, OptionalKey, SerializedLines
from omnisync.agent.erp.layout.export_queries import ExportQuery, check_names, known_names
from omnisync.agent.erp.row_hash import hash_rows
from omnisync.agent.erp.statements import RowList
from omnisync.agent.errors import LayoutError

END_OF_TIME = datetime.max.replace(tzinfo=UTC)

_raw = msgspec.msgpack.Encoder().encode
_UNPACKED = (TypeError, OverflowError, UnicodeEncodeError)
"""What is raised for a value that msgpack does not have."""


class RowGroup(Struct, frozen=True):
    """Some rows as they came. `chunks` are those they came in: how many rows, and the hash of them all."""

    keys: list[OptionalKey]
    hashes: list[bytes]
    chunks: list[tuple[int, bytes]]
    serialize: Callable[[Sequence[int]], SerializedLines]
    """The rows at these places as lines."""


class RowStream:
    """One dataset's rows, streamed. `latest` is from where to ask the next time, by the changed-at column's values in
    the rows that have come; None where they say nothing.
    """

    def __init__(
        self,
        query: ExportQuery,
        names: Sequence[str],
        row_lists: Iterator[RowList],
        rows_per_chunk: int = ROWS_PER_CHUNK,
    ) -> None:
        self._rows_per_chunk = rows_per_chunk
        self._row_lists = row_lists
        self._changed_at = _place_of(query, names)
        fields = known_names(query.dataset)
        own = [name for name in names if name != query.changed_at.lower() or name in fields]
        check_names(query.dataset, own)
        self._places = [names.index(name) for name in own]
        self._is_plain = len(own) == len(names)
        self._serializer = LineSerializer(query.dataset, own, query.zone)
        self._form = query.fingerprint(own)  # of a view the names alone may change
        self.latest: Since = None

    def groups(
        self, is_known: Callable[[bytes], bool] = lambda hash_: False, *, now: datetime = END_OF_TIME
    ) -> Iterator[RowGroup]:
        """Yield all rows, a lot at a time, without the stretches whose hash is known; nothing else is asked of the
        database meanwhile. A changed-at beyond `now` does not count for `latest`.
        """
        row_lists = (self._without_helper_column(rows, now) for rows in self._row_lists)
        for cut in content_defined_chunks(row_lists, self._hashes, self._rows_per_chunk):
            yield self._group(cut, is_known)

    def _without_helper_column(self, rows: RowList, now: datetime) -> RowList:
        """Return the rows without a column that is there only to say when they changed; that is noted."""
        if self._changed_at is not None:
            self.latest = later_of(self.latest, newest([row[self._changed_at] for row in rows], now))
        if self._is_plain:
            return rows
        pick: Callable[[Any], Any] = itemgetter(*self._places)
        return list(map(pick, rows)) if len(self._places) > 1 else [(row[self._places[0]],) for row in rows]

    def _hashes(self, rows: RowList) -> list[bytes]:
        return hash_rows(_raws(rows), self._form)

    def _group(self, cut: ChunkedRows, is_known: Callable[[bytes], bool]) -> RowGroup:
        """Return the rows of those stretches that are not known, with their keys and hashes."""
        bounds = pairwise([0, *cut.ends])
        some = [
            (start, end, hash_)
            for (start, end), hash_ in zip(bounds, cut.chunk_hashes, strict=True)
            if not is_known(hash_)
        ]
        rows, hashes_ = cut.rows, cut.hashes
        if len(some) < len(cut.chunk_hashes):
            rows = [row for start, end, _ in some for row in cut.rows[start:end]]
            hashes_ = [hash_ for start, end, _ in some for hash_ in cut.hashes[start:end]]
        keys = self._serializer.keys(rows)
        told = [(end - start, hash_) for start, end, hash_ in some]
        return RowGroup(keys, hashes_, told, lambda places: self._serialize(rows, keys, places))

    def _serialize(self, rows: RowList, keys: list[OptionalKey], places: Sequence[int]) -> SerializedLines:
        if len(places) < len(rows):
            rows, keys = [rows[place] for place in places], [keys[place] for place in places]
        return self._serializer.serialize(rows, keys)


@contextmanager
def open_stream(
    database: Database, query: ExportQuery, since: Since, today: date, rows_per_chunk: int = ROWS_PER_CHUNK
) -> Iterator[RowStream]:
    """Provide the rows of a dataset, all of them or those that changed since. Raises LayoutError for an unknown
    column.
    """
    values: list[object] = [today.isoformat() for _ in query.words]
    sql = query.sql
    if since is not None and query.changed_at:
        where, bound = condition(database.quoted(query.changed_at), since)
        sql = f"SELECT * FROM ({sql}) omnisync WHERE {where}"  # noqa: S608  # the layout's own
        values += bound
    with database.stream(sql, values) as (names, lots):
        yield RowStream(query, [name.lower() for name in names], lots, rows_per_chunk)


def _place_of(query: ExportQuery, names: Sequence[str]) -> int | None:
    name = query.changed_at.lower()
    if name and name not in names:
        raise LayoutError(motivo=f"export.{query.dataset.name}.changed_at: a consulta não tem a coluna {name}")
    return names.index(name) if name else None


def _raws(rows: RowList) -> list[bytes]:
    """Return what the database answered, row by row, as bytes: equal when the rows are."""
    try:
        return list(map(_raw, rows))
    except _UNPACKED:
        return list(map(_raw_of, rows))


def _raw_of(row: tuple[object, ...]) -> bytes:
    try:
        return _raw(row)
    except _UNPACKED:
        return repr(row).encode("utf-8", "replace")
