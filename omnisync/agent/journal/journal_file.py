"""The journal's file: its tables, and what happens when it is broken."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import msgspec

from omnisync.agent.journal.settings_copy import SettingsCopy
from omnisync.agent.sqlite_file import BUSY, BrokenFileError, FileFormat, SqliteFile

WorkResult = TypeVar("WorkResult")

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
    """The journal's SQLite file, for several threads and processes.

    A corrupt file is moved aside to `.corrompido-<date>` and built anew with the copy of its settings, and a notice.
    Raises TemporaryError when another process keeps it for longer than `busy`, SettingsError when the disk is full or
    the folder cannot be written.
    """

    def __init__(self, path: Path, *, busy: timedelta = BUSY) -> None:
        self._file = SqliteFile(path, _FORMAT, busy=busy)
        self._copy = _copy_in(path.parent)

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Return what this query finds."""
        return self._retrying(lambda: self._rows(sql, values))

    def change(self, sql: str, *values: object) -> int:
        """Return how many rows this one statement changed."""
        return self._retrying(lambda: self._change(sql, values))

    def atomically(self, work: Callable[[sqlite3.Connection], WorkResult]) -> WorkResult:
        """Do several statements as one. What `work` raises takes them all back."""
        return self._retrying(lambda: self._atomically(work))

    def change_settings(self, work: Callable[[sqlite3.Connection], WorkResult]) -> WorkResult:
        """Do what changes connections, schedules or De/Para, as one; their copy follows."""
        result = self.atomically(work)
        self._retrying(self._copy_settings)
        return result

    def keep_settings(self) -> None:
        """Copy the settings of a journal that has no copy of them yet: it is of an older version."""
        if not self._copy.path.exists():
            self._retrying(self._copy_settings)

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        self._file.close()

    def _rows(self, sql: str, values: tuple[object, ...]) -> list[sqlite3.Row]:
        with self._file.reading() as db:
            return db.execute(sql, values).fetchall()

    def _change(self, sql: str, values: tuple[object, ...]) -> int:
        with self._file.reading() as db:
            return db.execute(sql, values).rowcount

    def _atomically(self, work: Callable[[sqlite3.Connection], WorkResult]) -> WorkResult:
        with self._file.changing() as db:
            return work(db)

    def _copy_settings(self) -> None:
        with self._file.reading() as db:
            self._copy.save(db)

    def _retrying(self, work: Callable[[], WorkResult]) -> WorkResult:
        """Do the work; where the file was found broken it begins again, once, in the new one."""
        try:
            return work()
        except BrokenFileError:
            return work()


def _copy_in(folder: Path) -> SettingsCopy:
    return SettingsCopy(folder / "journal.settings.json")


def _note_rebuilt(db: sqlite3.Connection, kept: Path, broken_at: datetime) -> None:
    names = _copy_in(kept.parent).restore(db)
    words = {"arquivo": kept.name} | ({"conexoes": ", ".join(names)} if names else {})
    code = "journal_restored" if names else "journal_rebuilt"
    db.execute(
        "INSERT INTO notice (at, code, words) VALUES (?, ?, ?)",
        (broken_at.isoformat(), code, msgspec.json.encode(words)),
    )


_FORMAT = FileFormat(
    migrations=MIGRATIONS, newer="o histórico é de uma versão mais nova do Omnisync", on_rebuilt=_note_rebuilt
)
