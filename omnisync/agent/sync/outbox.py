"""The hub's state of our rows, and the batches on their way to it: one SQLite file per connection.

A batch and the rows in it are kept in one transaction, before it is sent; it goes when it was answered. So what stands
here is, at any moment, what the hub has once the batches here have reached it. The file may be lost: everything is then
sent again, and the hub finds most of it unchanged. Source: docs/architecture.md "The life of one export".
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from operator import lt
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from omnisync.agent.config.settings import Home
from omnisync.agent.sync.outbox_file import OutboxFile

WITHOUT_KEY = "\n"
"""What the name of a row begins with that has no key of its own: no key on the wire does."""
ROWS_PER_STATEMENT = 300
"""Kept by one statement, half the time of one each; SQLite may be built to take no more than 999 values."""


class DatasetState(Struct):
    """The state of one dataset. `hub` is the hub its rows went to.

    `snapshot` names one that is not over; `held` counts the deletes that the hub keeps back in it for a person's
    confirmation. `full_on` is the day all rows were last read, `since` the latest change seen, `next_n` the next row's
    number. `query` is the fingerprint of what was read; `held_keys` the digest of the keys whose deletes a person is
    asked about. `last_batch` is the last one that was answered, `living` how many keys the hub had after it; "" and -1
    where neither is known yet.
    """

    id: int
    hub: str
    snapshot: str
    held: int
    since: str | int | None
    full_on: str
    n_rows: int
    next_n: int
    query: str = ""
    held_keys: str = ""
    last_batch: str = ""
    living: int = -1


class Batch(Struct, frozen=True, kw_only=True):
    """A batch on its way. The body is gzip."""

    id: str
    lines: int
    digest: str
    body: bytes
    snapshot: str = ""
    is_final: bool = False
    is_confirmed: bool = False
    n: int = 0


class RowRefusal(Struct, frozen=True, kw_only=True):
    """A row that the hub has not as the ERP has it. `at` is since when."""

    key: str
    code: str
    pointer: str
    detail: str
    at: datetime
    system: str = ""
    dataset: str = ""


def outbox_of(home: Home, connection_name: str) -> Outbox:
    """Return the outbox of this connection. It is not opened yet."""
    return Outbox(home.exports / f"{connection_name}.db")


KnownRow = tuple[str, int, bytes]
"""A row: its key, its number, the hash of what the database answered."""
ChunkHashes = dict[bytes, bytes]
"""Rows that came one after another, by the one hash of what the database answered for all of them.

They are numbers in spans, each from its first to the one behind its last, packed as four bytes for either (little
endian): of a table that was reordered since it was numbered, each row is a span.
"""


class Outbox:
    """One connection's file, opened at the first use. One run at a time writes it; others may read.

    Raises OutboxLostError when the file was found broken and was begun anew, TemporaryError when another process keeps
    it for long, SettingsError when the disk is full or the folder cannot be written.
    """

    def __init__(
        self,
        path: Path,
        rows_per_statement: int = ROWS_PER_STATEMENT,
        file_at: Callable[[Path], OutboxFile] = OutboxFile,
    ) -> None:
        self._file = file_at(path)
        self._rows_per_statement = rows_per_statement

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        self._file.close()

    def remove(self) -> None:
        """Delete the file: its batches hold the company's rows."""
        self._file.remove()

    def dataset_state(self, system: str, name: str, *, hub: str, new_id: Callable[[], str]) -> DatasetState:
        """Return what is known of a dataset. Of another hub, or of one restored since, nothing is: a snapshot
        begins.
        """
        with self._file.changing() as db:
            row = db.execute("SELECT * FROM dataset WHERE system = ? AND name = ?", (system, name)).fetchone()
            if row is not None and row["hub"] != hub:
                _forget(db, row["id"])
                row = None
            if row is None:
                values = (system, name, hub, new_id())
                db.execute("INSERT INTO dataset (system, name, hub, snapshot) VALUES (?, ?, ?, ?)", values)
                row = db.execute("SELECT * FROM dataset WHERE system = ? AND name = ?", (system, name)).fetchone()
        fields = {name: row[name] for name in DatasetState.__struct_fields__}
        return DatasetState(**fields | {"since": msgspec.json.decode(row["since"])})

    def save_state(self, state: DatasetState, chunk_hashes: ChunkHashes | None = None) -> None:
        """Keep what was learned of a dataset, and its stretches if they are given."""
        with self._file.changing() as db:
            _save_state(db, state)
            if chunk_hashes is not None:
                told = (state.id, msgspec.msgpack.encode(chunk_hashes))
                db.execute("INSERT OR REPLACE INTO stretches (dataset, known) VALUES (?, ?)", told)

    def datasets(self) -> list[tuple[str, str]]:
        """Return the system and name of every dataset that the hub has rows of, or may have while a snapshot lasts."""
        sql = "SELECT system, name FROM dataset WHERE n_rows > 0 OR snapshot != '' ORDER BY system, name"
        with self._file.reading() as db:
            rows = db.execute(sql).fetchall()
        return [(row["system"], row["name"]) for row in rows]

    def forget(self, system: str = "", name: str = "") -> None:
        """Forget a dataset, or all of them: they are sent anew."""
        with self._file.changing() as db:
            sql = "SELECT id FROM dataset WHERE ? IN ('', system) AND ? IN ('', name)"
            for (id_,) in db.execute(sql, (system, name)).fetchall():
                _forget(db, id_)

    def chunk_hashes(self, state: DatasetState) -> ChunkHashes:
        """Return what was noted of stretches. None any more once a row was kept or dropped since, or is to be tried
        again: so a row of a stretch stands as it stood when the stretch was noted.
        """
        with self._file.reading() as db:
            row = db.execute("SELECT known FROM stretches WHERE dataset = ?", (state.id,)).fetchone()
        return msgspec.msgpack.decode(row["known"], type=ChunkHashes) if row is not None else {}

    def last_key(self, state: DatasetState) -> str:
        """Return the last key of all that are known, in the order of code points."""
        with self._file.reading() as db:
            sql = "SELECT key FROM row WHERE dataset = ? ORDER BY key DESC LIMIT 1"
            row = db.execute(sql, (state.id,)).fetchone()
        return row["key"] if row is not None else ""

    def known_rows(self, state: DatasetState, runs: Iterable[Sequence[str]]) -> dict[str, tuple[int, bytes]]:
        """Number and hash of those of these keys that are known, and maybe of others. Keys come in runs: one that rises
        is read as a stretch of the table, where few others stand in it; that is half the work."""
        between = "SELECT key, n, hash FROM row WHERE dataset = ? AND key BETWEEN ? AND ? LIMIT ?"
        among = "SELECT key, n, hash FROM row WHERE dataset = ? AND key IN (SELECT value FROM json_each(?))"
        found: dict[str, tuple[int, bytes]] = {}
        scattered: list[str] = []
        with self._file.reading() as db:
            cursor = db.cursor()
            cursor.row_factory = None  # plain tuples: half the time of this, the busiest query
            for run in runs:
                if all(map(lt, run, run[1:])):
                    limit = 2 * len(run)
                    rows = cursor.execute(between, (state.id, run[0], run[-1], limit)).fetchall()
                    if len(rows) < limit:
                        found.update((key, (n, hash_)) for key, n, hash_ in rows)
                        continue
                scattered += run
            if scattered:
                rows = cursor.execute(among, (state.id, msgspec.json.encode(scattered).decode())).fetchall()
                found.update((key, (n, hash_)) for key, n, hash_ in rows)
        return found

    def missing_keys(self, state: DatasetState, seen: bytearray) -> Iterator[str]:
        """Yield the keys of rows whose number is not marked in `seen`. Rows may be kept and dropped meanwhile."""
        after = ""
        sql = "SELECT key, n FROM row WHERE dataset = ? AND key > ? ORDER BY key LIMIT 10000"
        while True:
            with self._file.reading() as db:
                rows = [tuple(row) for row in db.execute(sql, (state.id, after))]
            if not rows:
                return
            yield from (key for key, n in rows if n >= len(seen) or not seen[n])
            after = rows[-1][0]

    def enqueue(
        self,
        state: DatasetState,
        batch: Batch | None,
        rows: Sequence[KnownRow],
        gone: Sequence[str] = (),
        refused: Sequence[RowRefusal] = (),
    ) -> None:
        """Keep a batch with the rows in it, those that are gone, and those that do not fit: all of it or nothing.

        `state` is brought up to date, and kept with it.
        """
        with self._file.changing() as db:
            id_ = state.id
            if rows or gone:
                db.execute("DELETE FROM stretches WHERE dataset = ?", (id_,))
            _enter(db, id_, rows, self._rows_per_statement)
            if batch is not None:
                columns = "dataset, id, lines, digest, snapshot, is_final, is_confirmed, body"
                told = (batch.id, batch.lines, batch.digest, batch.snapshot, batch.is_final, batch.is_confirmed)
                db.execute(
                    f"INSERT INTO batch ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608  # our own names
                    (id_, *told, batch.body),
                )
            _clear_refusals(db, id_, batch.id if batch is not None else "", [key for key, _, _ in rows])
            db.executemany("DELETE FROM row WHERE dataset = ? AND key = ?", [(id_, key) for key in gone])
            db.executemany("DELETE FROM refusal WHERE dataset = ? AND key = ?", [(id_, key) for key in gone])
            _refuse(db, id_, refused)
            _save_state(db, state)

    def compact_numbers(self, state: DatasetState) -> None:
        """Number the rows from 0 again: numbers of rows that are gone cost a byte each in every export."""
        with self._file.changing() as db:
            db.execute("CREATE TEMP TABLE numbered (key TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID")
            sql = "INSERT INTO numbered SELECT key, row_number() OVER (ORDER BY key) - 1 FROM row WHERE dataset = ?"
            state.n_rows = state.next_n = db.execute(sql, (state.id,)).rowcount
            of_key = "(SELECT n FROM numbered WHERE numbered.key = row.key)"
            db.execute(f"UPDATE row SET n = {of_key} WHERE dataset = ?", (state.id,))  # noqa: S608  # our own text
            db.execute("DROP TABLE numbered")
            db.execute("DELETE FROM stretches WHERE dataset = ?", (state.id,))
            _save_state(db, state)

    def pending(self, state: DatasetState) -> Iterator[Batch]:
        """Yield the dataset's batches that have not been answered, in the order they were kept; one in memory at a
        time.
        """
        after = 0
        while True:
            with self._file.reading() as db:
                row = db.execute(
                    "SELECT * FROM batch WHERE dataset = ? AND n > ? ORDER BY n LIMIT 1", (state.id, after)
                ).fetchone()
            if row is None:
                return
            after = row["n"]
            yield Batch(
                id=row["id"],
                lines=row["lines"],
                digest=row["digest"],
                body=row["body"],
                snapshot=row["snapshot"],
                is_final=bool(row["is_final"]),
                is_confirmed=bool(row["is_confirmed"]),
                n=row["n"],
            )

    def pending_ids(self, state: DatasetState) -> list[str]:
        """Return the names of those batches."""
        with self._file.reading() as db:
            rows = db.execute("SELECT id FROM batch WHERE dataset = ? ORDER BY n", (state.id,)).fetchall()
        return [row["id"] for row in rows]

    def acknowledge(
        self, state: DatasetState, batch: Batch, refused: Sequence[RowRefusal] = (), kept_back: Sequence[str] = ()
    ) -> None:
        """The hub took the batch, but for the rows it refused, and for the deletes it holds back: those stay known."""
        first = state.next_n
        state.next_n += len(kept_back)
        with self._file.changing() as db:
            db.execute("DELETE FROM batch WHERE n = ?", (batch.n,))
            db.execute("DELETE FROM refusal WHERE dataset = ? AND batch = ?", (state.id, batch.id))
            _refuse(db, state.id, refused)
            rows = [(state.id, key, n) for n, key in enumerate(kept_back, first)]
            sql = "INSERT OR IGNORE INTO row (dataset, key, n, hash) VALUES (?, ?, ?, X'')"
            state.n_rows += db.executemany(sql, rows).rowcount if rows else 0  # one may have come back meanwhile
            _save_state(db, state)

    def forget_repeated(self, state: DatasetState) -> None:
        """Keys that came twice are found again, if they still do."""
        with self._file.changing() as db:
            db.execute("DELETE FROM refusal WHERE dataset = ? AND code = 'repeated'", (state.id,))

    def try_again(self) -> int:
        """Forget the rows that were refused, so that the next export sends them as they are; how many they were."""
        with self._file.changing() as db:
            refused = "(SELECT dataset, key FROM refusal)"
            db.execute(f"UPDATE row SET hash = X'' WHERE (dataset, key) IN {refused}")  # noqa: S608  # our own text
            db.execute("DELETE FROM stretches WHERE dataset IN (SELECT dataset FROM refusal)")
            # Where a changed-at column spares rows, none of them would be read before the next day.
            db.execute("UPDATE dataset SET full_on = '' WHERE id IN (SELECT dataset FROM refusal)")
            return int(db.execute("SELECT count(*) FROM refusal").fetchone()[0])

    def refused(self, limit: int) -> list[RowRefusal]:
        """Return the rows that the hub has not as the ERP has them, newest first."""
        sql = (
            "SELECT r.*, d.system, d.name FROM refusal r JOIN dataset d ON d.id = r.dataset"
            " ORDER BY r.at DESC, d.id, r.key LIMIT ?"
        )
        with self._file.reading() as db:
            return [
                RowRefusal(
                    key="" if row["key"].startswith(WITHOUT_KEY) else row["key"],
                    code=row["code"],
                    pointer=row["pointer"],
                    detail=row["detail"],
                    at=datetime.fromisoformat(row["at"]),
                    system=row["system"],
                    dataset=row["name"],
                )
                for row in db.execute(sql, (limit,))
            ]

    def n_refused(self) -> int:
        """Return how many rows those are."""
        with self._file.reading() as db:
            return int(db.execute("SELECT count(*) FROM refusal").fetchone()[0])


def _clear_refusals(db: sqlite3.Connection, id_: int, batch: str, keys: Sequence[str]) -> None:
    """Clear the refusals of these rows: whether they are accepted now shows when the batch is answered."""
    if keys and db.execute("SELECT 1 FROM refusal WHERE dataset = ? LIMIT 1", (id_,)).fetchone():
        sql = (
            "UPDATE refusal SET batch = ? WHERE dataset = ? AND code != 'repeated'"
            " AND key IN (SELECT value FROM json_each(?))"
        )
        db.execute(sql, (batch, id_, msgspec.json.encode(keys).decode()))


def _enter(db: sqlite3.Connection, id_: int, entries: Sequence[KnownRow], rows_per_statement: int) -> None:
    """Keep rows. One that is known comes with the number it has."""
    rest = iter(sorted(entries))  # in the table's own order: each page is looked for once
    while some := list(islice(rest, rows_per_statement)):
        marks = ", ".join([f"({id_}, ?, ?, ?)"] * len(some))
        sql = f"INSERT OR REPLACE INTO row (dataset, key, n, hash) VALUES {marks}"  # noqa: S608  # marks alone
        # Of bytes sqlite3 asks each time whether they can become something else; of a bytearray it does not.
        db.execute(sql, [value for key, n, hash_ in some for value in (key, n, bytearray(hash_))])


def _save_state(db: sqlite3.Connection, state: DatasetState) -> None:
    told = {name: getattr(state, name) for name in DatasetState.__struct_fields__}
    sets = ", ".join(f"{name} = :{name}" for name in told if name != "id")
    since = msgspec.json.encode(state.since)
    db.execute(f"UPDATE dataset SET {sets} WHERE id = :id", told | {"since": since})  # noqa: S608  # our own names


def _refuse(db: sqlite3.Connection, id_: int, refused: Iterable[RowRefusal]) -> None:
    values: list[tuple[Any, ...]] = [
        (id_, one.key, one.code, one.pointer, one.detail, one.at.isoformat()) for one in refused
    ]
    db.executemany(
        "INSERT INTO refusal (dataset, key, code, pointer, detail, at) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (dataset, key) DO UPDATE SET code = excluded.code, pointer = excluded.pointer,"
        " detail = excluded.detail, at = excluded.at, batch = ''"
        " WHERE excluded.code != 'repeated' OR refusal.batch != ''",  # what is wrong with the row itself stays told
        values,
    )


def _forget(db: sqlite3.Connection, id_: int) -> None:
    for table in ("row", "stretches", "batch", "refusal"):
        db.execute(f"DELETE FROM {table} WHERE dataset = ?", (id_,))  # noqa: S608  # our own names
    db.execute("DELETE FROM dataset WHERE id = ?", (id_,))
