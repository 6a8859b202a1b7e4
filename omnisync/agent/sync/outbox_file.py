"""The outbox's file: its tables, how it is opened, and what happens when it is broken or cannot be written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from omnisync.agent.config.settings import cannot_write
from omnisync.agent.errors import OmnisyncError, OutboxLostError, SettingsError, TemporaryError

VERSION = 3
CACHE_KIB = 32_000
CHECKPOINT_PAGES = 4000
"""Of the log, before they are put in their places: a first export writes the same pages again and again."""
BUSY_S = 5.0
TABLES = """
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
"""
ANEW = "DELETE FROM stretches;"
"""Tables came, and stretches, which spare work and no more, were told in another way."""


class OutboxFile:
    """Opened at the first use, by one thread at a time. Errors are as `Outbox` tells."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        opened, self._open = self._open, None
        if opened is not None:
            opened.close()

    def remove(self) -> None:
        """Delete the file."""
        with suppress(sqlite3.Error):
            self.close()
        self._open = None
        for part in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + part).unlink(missing_ok=True)

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """Provide one transaction: all of it is kept, or nothing."""
        with self.reading() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:  # a COMMIT that failed leaves its transaction open
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Provide the file open, each statement by itself."""
        try:
            if self._open is None:
                self._open = self._opened()
            yield self._open
        except sqlite3.Error as error:
            raise self._translated(error) from error
        except OSError as error:
            raise cannot_write(self._path.parent, error) from error

    def _opened(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        db = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")  # a power cut may take the last answers: they are asked again
            db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            [version] = db.execute("PRAGMA user_version").fetchone()
            if version > VERSION:
                raise SettingsError(motivo="o arquivo de exportação é de uma versão mais nova do Omnisync")
            if version < VERSION:
                db.executescript(f"BEGIN IMMEDIATE; {TABLES} {ANEW} PRAGMA user_version = {VERSION}; COMMIT;")
        except BaseException:
            db.close()
            raise
        return db

    def _translated(self, error: sqlite3.Error) -> OmnisyncError:
        name = getattr(error, "sqlite_errorname", "") or ""
        if name.startswith("SQLITE_FULL"):
            return SettingsError("disk_full", pasta=self._path.parent)
        if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
            return SettingsError("folder_read_only", pasta=self._path.parent)
        if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
            self.remove()
            return OutboxLostError()
        return TemporaryError()
