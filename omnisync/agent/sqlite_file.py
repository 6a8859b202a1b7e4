"""A SQLite file of the agent's own: made, migrated, opened by threads and processes, and rebuilt when it is broken."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec import Struct

from omnisync.agent.config.files import cannot_write, close_to_others, make_private_unopened, waited_lock
from omnisync.agent.errors import OmnisyncError, SettingsError, TemporaryError

BUSY = timedelta(seconds=5)
"""How long a call waits for another process before it gives up."""
PARTS = ("-wal", "-shm")
"""What SQLite keeps beside the file."""
FREE_BYTES = 2**20
"""Of a disk; with less it counts as full."""

OnRebuilt = Callable[[sqlite3.Connection, Path, datetime], None]
"""Called with the new file, where the broken one was kept, and when that was last written."""


class BrokenFileError(TemporaryError):
    """The file is no database, or a damaged one."""


class FileFormat(Struct, frozen=True, kw_only=True):
    """The content of a file, and how it is opened.

    Each of `migrations` brings the file from its place in the list (its `user_version`) to the next. A released one is
    never edited. `newer` is the reason given for a file of a newer program.

    With `on_rebuilt` the file is checked when it is first opened: a broken one is moved aside and built anew.
    """

    migrations: Sequence[str]
    newer: str
    pragmas: Sequence[str] = ()
    makes_folder: bool = False
    on_rebuilt: OnRebuilt | None = None


class SqliteFile:
    """One file, open as often as there are calls at the same moment.

    Raises BrokenFileError when it is found broken, TemporaryError when another process keeps it for longer than `busy`,
    SettingsError when the disk is full or the folder cannot be written.
    """

    def __init__(self, path: Path, format_: FileFormat, *, busy: timedelta = BUSY) -> None:
        self._path = path
        self._lock_path = path.with_suffix(".lock")
        self._format = format_
        self._busy = busy
        self._idle: list[tuple[int, sqlite3.Connection]] = []
        self._is_checked = False

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Provide a connection that no other call uses meanwhile, each statement by itself."""
        try:
            with self._checked_out() as db:
                yield db
        except sqlite3.Error as error:
            translated = self._translate(error)
            if translated is None:
                raise
            raise translated from error
        except OSError as error:
            raise cannot_write(self._path.parent, error) from error

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """Provide one transaction: all of it is kept, or nothing."""
        with self.reading() as db:
            db.execute("BEGIN IMMEDIATE")  # a deferred one would meet BUSY at its first write, in spite of the timeout
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:  # a COMMIT that failed leaves its transaction open
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        with suppress(IndexError):  # another thread may take the last one first
            while True:
                self._idle.pop()[1].close()

    def remove(self) -> None:
        """Delete the file, and the lock beside it unless another process holds it."""
        with suppress(sqlite3.Error):
            self.close()
        for part in ("", *PARTS):
            self._path.with_name(self._path.name + part).unlink(missing_ok=True)
        with suppress(OSError):
            self._lock_path.unlink(missing_ok=True)

    @contextmanager
    def _checked_out(self) -> Iterator[sqlite3.Connection]:
        """Provide an idle connection or a new one. After an error of the database it is not used again."""
        inode, db = self._idle_or_new()
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

    def _idle_or_new(self) -> tuple[int, sqlite3.Connection]:
        """Return a connection to the very file that stands at the path: another process may have moved ours aside."""
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
        if self._format.makes_folder:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with waited_lock(self._lock_path, timeout=self._busy):
            if self._format.on_rebuilt is not None and not self._is_checked and self._is_broken():
                self._rebuild(self._format.on_rebuilt)
            self._is_checked = True
            db = self._connect()
            try:
                self._migrate(db)
            except BaseException:
                db.close()
                raise
            return self._inode(), db

    def _connect(self) -> sqlite3.Connection:
        make_private_database(self._path)
        timeout = self._busy.total_seconds()
        db = sqlite3.connect(self._path, timeout=timeout, isolation_level=None, check_same_thread=False)
        try:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")  # a power cut may take the last transactions, never the file
            db.execute("PRAGMA foreign_keys = ON")
            for pragma in self._format.pragmas:
                db.execute(f"PRAGMA {pragma}")
        except BaseException:
            db.close()
            raise
        return db

    def _migrate(self, db: sqlite3.Connection) -> None:
        """Bring the file to the last of its migrations. Raises SettingsError when it is of a newer program."""
        [version] = db.execute("PRAGMA user_version").fetchone()
        migrations = self._format.migrations
        if version > len(migrations):
            raise SettingsError(motivo=self._format.newer)
        for number, script in enumerate(migrations[version:], start=version + 1):
            db.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;")

    def _is_broken(self) -> bool:
        try:
            with closing(self._connect()) as db:
                return bool(db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok")
        except sqlite3.DatabaseError as error:
            if not is_corrupt(error):
                raise
            return True

    def _rebuild(self, on_rebuilt: OnRebuilt) -> None:
        """Move the broken file aside, keep it for a later look, and note it in the new one."""
        broken_at = datetime.fromtimestamp(self._path.stat().st_mtime, UTC)
        kept = set_aside(self._path, f"{broken_at:-%Y-%m-%dT%H%M%S}")
        with closing(self._connect()) as db:
            self._migrate(db)
            on_rebuilt(db, kept, broken_at)

    def _inode(self) -> int:
        try:
            return os.stat(self._path).st_ino
        except OSError:
            return -1

    def _translate(self, error: sqlite3.Error) -> OmnisyncError | None:
        """Return SQLite's error as ours, by what to do about it; None when it is a fault of this program."""
        name = error_name(error)
        if is_corrupt(error):
            self.close()
            self._is_checked = False
            return BrokenFileError()
        if is_full(error, self._path.parent):
            return SettingsError("disk_full", pasta=self._path.parent)
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return TemporaryError("file_in_use", arquivo=self._path)
        if name.startswith("SQLITE_IOERR"):
            return TemporaryError()
        if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
            return SettingsError("folder_read_only", pasta=self._path.parent)
        return None


def error_name(error: BaseException) -> str:
    """Return SQLite's own name of an error (SQLITE_BUSY); empty for one that has none."""
    return getattr(error, "sqlite_errorname", "") or ""


def is_full(error: BaseException, folder: Path) -> bool:
    """Return whether a full disk is behind SQLite's error.

    It shows in several ways: what SQLite keeps beside a file to share it could not be made, or could not grow.
    """
    name = error_name(error)
    if name.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN")):
        with suppress(OSError):
            return shutil.disk_usage(folder).free < FREE_BYTES
    return name.startswith("SQLITE_FULL")


def make_private_database(path: Path) -> None:
    """Make the file where it is missing, and close it and what SQLite has beside it to other accounts.

    SQLite's own would be open to them. Raises OSError, and SettingsError for a link or another account's file.
    """
    make_private_unopened(path)
    for part in PARTS:
        with suppress(FileNotFoundError):
            close_to_others(path.with_name(path.name + part))


def set_aside(path: Path, suffix: str = "") -> Path:
    """Move a broken file away and return where it is kept. What SQLite had beside it is deleted."""
    kept = path.with_name(f"{path.name}.corrompido{suffix}")
    path.replace(kept)
    for part in PARTS:
        path.with_name(path.name + part).unlink(missing_ok=True)
    return kept


def is_corrupt(error: BaseException) -> bool:
    """Return whether an error of SQLite says that its file is no database, or a damaged one."""
    name = error_name(error)
    return name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT"))
