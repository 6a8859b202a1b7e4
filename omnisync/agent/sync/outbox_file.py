"""The outbox's file: its tables, and what happens when it is broken."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from omnisync.agent.errors import OutboxLostError
from omnisync.agent.sqlite_file import BrokenFileError, FileFormat, SqliteFile

CACHE_KIB = 32_000
CHECKPOINT_PAGES = 4000
"""Of the log, before they are put in their places: a first export writes the same pages again and again."""
_TABLES = """
CREATE TABLE IF NOT EXISTS dataset (
    id INTEGER PRIMARY KEY, system TEXT NOT NULL, name TEXT NOT NULL, hub TEXT NOT NULL,
    snapshot TEXT NOT NULL, held INTEGER NOT NULL DEFAULT 0, since BLOB NOT NULL DEFAULT X'6E756C6C',
    full_on TEXT NOT NULL DEFAULT '', n_rows INTEGER NOT NULL DEFAULT 0, next_n INTEGER NOT NULL DEFAULT 0,
    UNIQUE (system, name)
);
CREATE TABLE IF NOT EXISTS row (
    dataset INTEGER NOT NULL, key TEXT NOT NULL, n INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (dataset, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stretches (dataset INTEGER PRIMARY KEY, known BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS batch (
    n INTEGER PRIMARY KEY AUTOINCREMENT, dataset INTEGER NOT NULL, id TEXT NOT NULL, lines INTEGER NOT NULL,
    digest TEXT NOT NULL, snapshot TEXT NOT NULL, is_final INTEGER NOT NULL, is_confirmed INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS batch_order ON batch (dataset, n);
CREATE TABLE IF NOT EXISTS refusal (
    dataset INTEGER NOT NULL, key TEXT NOT NULL, code TEXT NOT NULL, pointer TEXT NOT NULL, detail TEXT NOT NULL,
    at TEXT NOT NULL, batch TEXT NOT NULL DEFAULT '', PRIMARY KEY (dataset, key)
) WITHOUT ROWID;
DELETE FROM stretches;
"""
"""Brings an older file its missing tables. Stretches, which spare work and no more, were stored in another way."""
_QUERY_AND_HELD = """
ALTER TABLE dataset ADD COLUMN query TEXT NOT NULL DEFAULT '';
ALTER TABLE dataset ADD COLUMN held_keys TEXT NOT NULL DEFAULT '';
"""
_ANSWERED = """
ALTER TABLE dataset ADD COLUMN last_batch TEXT NOT NULL DEFAULT '';
ALTER TABLE dataset ADD COLUMN living INTEGER NOT NULL DEFAULT -1;
"""
_FORMAT = FileFormat(
    migrations=("", "", _TABLES, _QUERY_AND_HELD, _ANSWERED),
    newer="o arquivo de exportação é de uma versão mais nova do Omnisync",
    makes_folder=True,
    pragmas=(f"cache_size = -{CACHE_KIB}", f"wal_autocheckpoint = {CHECKPOINT_PAGES}"),
)


class OutboxFile:
    """The SQLite file of one outbox. Raises as `Outbox` does."""

    def __init__(self, path: Path) -> None:
        self._file = SqliteFile(path, _FORMAT)

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        self._file.close()

    def remove(self) -> None:
        """Delete the file."""
        self._file.remove()

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """Provide one transaction: all of it is kept, or nothing."""
        with self._removing_broken(), self._file.changing() as db:
            yield db

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Provide the file open, each statement by itself."""
        with self._removing_broken(), self._file.reading() as db:
            yield db

    @contextmanager
    def _removing_broken(self) -> Iterator[None]:
        """Delete a broken file: it holds the company's rows, and all that it held is sent again."""
        try:
            yield
        except BrokenFileError as error:
            self.remove()
            raise OutboxLostError from error
