"""The journal's file: its tables, how several processes open it at once, and what happens when it is broken."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import msgspec

from omnisync.agent.config.settings import cannot_write, waited_lock
from omnisync.agent.errors import OmnisyncError, SettingsError, TemporaryError

WorkResult = TypeVar("WorkResult")

BUSY = timedelta(seconds=5)
"""How long a call waits for another process before it gives up."""

MIGRATIONS = (
    """
    CREATE TABLE connection (name TEXT PRIMARY KEY, body BLOB NOT NULL);
    CREATE TABLE schedule (
        connection TEXT PRIMARY KEY REFERENCES connection ON DELETE CASCADE,
        body BLOB NOT NULL,
        saved_at TEXT NOT NULL
    );
    CREATE TABLE slot (
        connection TEXT NOT NULL REFERENCES connection ON DELETE CASCADE,
        on_day TEXT NOT NULL,
        at TEXT NOT NULL,
        PRIMARY KEY (connection, on_day, at)
    ) WITHOUT ROWID;
    CREATE TABLE run (
        n INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE DEFAULT ('run_' || lower(hex(randomblob(8)))),
        connection TEXT NOT NULL REFERENCES connection ON DELETE CASCADE,
        kind TEXT NOT NULL,
        origin TEXT NOT NULL,
        systems BLOB NOT NULL,
        establishments BLOB NOT NULL,
        ids BLOB NOT NULL,
        state TEXT NOT NULL DEFAULT 'waiting',
        stop_asked INTEGER NOT NULL DEFAULT 0,
        pid INTEGER,
        asked_at TEXT NOT NULL,
        started_at TEXT,
        ended_at TEXT,
        beat_at TEXT,
        counts BLOB NOT NULL DEFAULT X'7B7D',
        totals BLOB NOT NULL DEFAULT X'7B7D',
        phase TEXT NOT NULL DEFAULT '',
        rate REAL NOT NULL DEFAULT 0,
        code TEXT,
        words BLOB NOT NULL DEFAULT X'7B7D'
    );
    CREATE UNIQUE INDEX one_run_going ON run (connection) WHERE ended_at IS NULL;
    CREATE INDEX run_history ON run (connection, n);
    CREATE TABLE event (
        n INTEGER PRIMARY KEY,
        connection TEXT NOT NULL REFERENCES connection ON DELETE CASCADE,
        at TEXT NOT NULL,
        code TEXT NOT NULL
    );
    CREATE INDEX event_history ON event (connection, n);
    CREATE TABLE notice (n INTEGER PRIMARY KEY, at TEXT NOT NULL, code TEXT NOT NULL, words BLOB NOT NULL);
    CREATE TABLE note (key TEXT PRIMARY KEY, value TEXT NOT NULL);
    """,
    """
    CREATE TABLE unread (
        connection TEXT NOT NULL REFERENCES connection ON DELETE CASCADE,
        establishment TEXT NOT NULL,
        n_orders INTEGER NOT NULL,
        PRIMARY KEY (connection, establishment)
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE mapping (
        connection TEXT NOT NULL REFERENCES connection ON DELETE CASCADE,
        kind TEXT NOT NULL,
        code TEXT NOT NULL,
        erp_code TEXT NOT NULL,
        PRIMARY KEY (connection, kind, code)
    ) WITHOUT ROWID;
    CREATE TABLE confirmation (
        connection TEXT NOT NULL REFERENCES connection ON DELETE CASCADE,
        dataset TEXT NOT NULL,
        n INTEGER NOT NULL,
        asked_at TEXT NOT NULL,
        confirmed_at TEXT,
        PRIMARY KEY (connection, dataset)
    ) WITHOUT ROWID;
    """,
)
"""Each brings the file from its place in this list to the next. A released one is never edited."""


class JournalFile:
    """One SQLite file, open as often as there are calls at the same moment.

    A corrupt file is moved aside to `.corrompido-<date>` and built anew, with a notice. Raises TemporaryError when
    another process keeps it for long, SetupError when the disk is full or the folder cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[tuple[int, sqlite3.Connection]] = []
        self._is_checked = False

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Return what this query finds."""
        return self._do(lambda db: db.execute(sql, values).fetchall())

    def change(self, sql: str, *values: object) -> int:
        """Return how many rows this one statement changed."""
        return self._do(lambda db: db.execute(sql, values).rowcount)

    def atomically(self, work: Callable[[sqlite3.Connection], WorkResult]) -> WorkResult:
        """Do several statements as one. What `work` raises takes them all back."""

        def together(db: sqlite3.Connection) -> WorkResult:
            db.execute("BEGIN IMMEDIATE")  # a deferred one would meet BUSY at its first write, in spite of the timeout
            answer = work(db)
            db.execute("COMMIT")
            return answer

        return self._do(together)

    def close(self) -> None:
        """Let the file go. A later call opens it again."""
        with suppress(IndexError):  # another thread may take the last one first
            while True:
                self._idle.pop()[1].close()

    def _do(self, work: Callable[[sqlite3.Connection], WorkResult]) -> WorkResult:
        try:
            return self._try_twice(work)
        except sqlite3.Error as error:
            translated = self._translated(getattr(error, "sqlite_errorname", ""))
            if translated is None:
                raise
            raise translated from error
        except OSError as error:
            raise cannot_write(self._path.parent, error) from error

    def _try_twice(self, work: Callable[[sqlite3.Connection], WorkResult]) -> WorkResult:
        """Do the work; a file found corrupt is built anew, and the work begins again in the new one."""
        try:
            return self._try(work)
        except sqlite3.DatabaseError as error:
            if not _is_corrupt(error):
                raise
            self.close()
            self._is_checked = False
            return self._try(work)

    def _try(self, work: Callable[[sqlite3.Connection], WorkResult]) -> WorkResult:
        with self._open() as db:
            return work(db)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Provide a connection no other call uses meanwhile. After an error of the database it is not used again."""
        inode, db = self._checkout()
        try:
            yield db
        except sqlite3.Error:
            db.close()
            raise
        except BaseException:
            db.rollback()
            self._idle.append((inode, db))
            raise
        self._idle.append((inode, db))

    def _checkout(self) -> tuple[int, sqlite3.Connection]:
        """Return an idle connection to the very file that stands at the path: another process may have moved ours
        aside.
        """
        inode = self._inode()
        with suppress(IndexError):
            while True:
                opened, db = self._idle.pop()
                if opened == inode:
                    return opened, db
                db.close()
        return self._connect_new()

    def _connect_new(self) -> tuple[int, sqlite3.Connection]:
        """Return a new connection, made while no other process makes one: they would meet in the tables."""
        with waited_lock(self._path.with_suffix(".lock")):
            if not self._is_checked and self._is_broken():
                self._set_aside()
            self._is_checked = True
            db = _connect(self._path)
            try:
                _migrate(db)
            except BaseException:
                db.close()
                raise
            return self._inode(), db

    def _is_broken(self) -> bool:
        try:
            with closing(_connect(self._path)) as db:
                return bool(db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok")
        except sqlite3.DatabaseError as error:
            if not _is_corrupt(error):
                raise
            return True

    def _set_aside(self) -> None:
        """Move the broken file away, keeping it for who may want to look, and say so in the new one."""
        broken_at = datetime.fromtimestamp(self._path.stat().st_mtime, UTC)
        kept = self._path.with_name(f"{self._path.name}.corrompido-{broken_at:%Y-%m-%dT%H%M%S}")
        self._path.replace(kept)
        for part in ("-wal", "-shm"):
            self._path.with_name(self._path.name + part).unlink(missing_ok=True)
        words = msgspec.json.encode({"arquivo": kept.name})
        with closing(_connect(self._path)) as db:
            _migrate(db)
            db.execute(
                "INSERT INTO notice (at, code, words) VALUES (?, 'journal_rebuilt', ?)", (broken_at.isoformat(), words)
            )

    def _inode(self) -> int:
        try:
            return os.stat(self._path).st_ino
        except OSError:
            return -1

    def _translated(self, name: str) -> OmnisyncError | None:
        """SQLite's trouble in our words; None when it is a fault of ours."""
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_IOERR", "SQLITE_NOTADB", "SQLITE_CORRUPT")):
            return TemporaryError()
        if name.startswith("SQLITE_FULL"):
            return SettingsError("disk_full", pasta=self._path.parent)
        if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
            return SettingsError("folder_read_only", pasta=self._path.parent)
        return None


def _connect(path: Path) -> sqlite3.Connection:
    with suppress(FileExistsError):  # SQLite's own would be open to other accounts
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    db = sqlite3.connect(path, timeout=BUSY.total_seconds(), isolation_level=None, check_same_thread=False)
    try:
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")  # a power cut may take the last beats, never the file
        db.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        db.close()
        raise
    return db


def _migrate(db: sqlite3.Connection) -> None:
    """Bring the file to the last of MIGRATIONS. Raises SettingsError when it is of a newer program."""
    [version] = db.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise SettingsError(motivo="o histórico é de uma versão mais nova do Omnisync")
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        db.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;")


def _is_corrupt(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorname", "").startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT"))
