"""A SQLite file of the agent's own: migrated, shared, and rebuilt or reported when it is broken."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from omnisync.agent.config.files import file_lock
from omnisync.agent.errors import OutboxLostError, SettingsError, TemporaryError
from omnisync.agent.sqlite_file import BrokenFileError, FileFormat, SqliteFile
from omnisync.agent.sync.outbox import Outbox
from tests.support.export_setup import as_before

FIRST = "CREATE TABLE note (text TEXT);"
SECOND = "ALTER TABLE note ADD COLUMN at TEXT;"
HURRY = timedelta(milliseconds=50)


def format_of(*migrations: str) -> FileFormat:
    return FileFormat(migrations=migrations, newer="é de uma versão mais nova")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "notes.db"


def test_a_file_of_an_older_program_keeps_its_rows_and_gets_what_came_since(path: Path) -> None:
    with closing(SqliteFile(path, format_of(FIRST))) as older, older.changing() as db:
        db.execute("INSERT INTO note VALUES ('um')")
    with closing(SqliteFile(path, format_of(FIRST, SECOND))) as newer, newer.reading() as db:
        assert [tuple(row) for row in db.execute("SELECT text, at FROM note")] == [("um", None)]
    with closing(SqliteFile(path, format_of(FIRST))) as older, pytest.raises(SettingsError), older.reading():
        pass


def test_the_file_is_of_the_account_alone(path: Path) -> None:
    with closing(SqliteFile(path, format_of(FIRST))) as file, file.reading():
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_change_that_fails_leaves_nothing(path: Path) -> None:
    def fail(file: SqliteFile) -> None:
        with file.changing() as db:
            db.execute("INSERT INTO note VALUES ('um')")
            raise ValueError("half-way")

    with closing(SqliteFile(path, format_of(FIRST))) as file:
        with pytest.raises(ValueError, match="half-way"):
            fail(file)
        with file.reading() as db:
            assert db.execute("SELECT count(*) FROM note").fetchone()[0] == 0


def test_it_waits_for_another_process_as_long_as_it_was_told(path: Path) -> None:
    with closing(SqliteFile(path, format_of(FIRST), busy=HURRY)) as file:
        with file_lock(path.with_suffix(".lock")), pytest.raises(TemporaryError), file.reading():
            pass
        with file.reading() as db:
            db.execute("INSERT INTO note VALUES ('um')")
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(TemporaryError), file.changing():
                pass


OTHER_WRITER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
db.execute("BEGIN IMMEDIATE")
db.execute("INSERT INTO note VALUES ('outro')")
db.execute("COMMIT")
"""


def test_a_second_connection_leaves_the_first_ones_locks(path: Path) -> None:
    with closing(SqliteFile(path, format_of(FIRST))) as file:
        with file.changing() as db:
            db.execute("INSERT INTO note VALUES ('um')")
            with file.reading() as second:
                second.execute("SELECT text FROM note").fetchall()
            other = subprocess.run(
                [sys.executable, "-c", OTHER_WRITER, str(path)], capture_output=True, text=True, check=False
            )
        assert "database is locked" in other.stderr
        with file.reading() as db:
            assert [row["text"] for row in db.execute("SELECT text FROM note")] == ["um"]


def test_a_broken_file_is_reported_where_it_is_not_to_be_rebuilt(path: Path) -> None:
    path.write_bytes(b"not a database" * 100)
    with closing(SqliteFile(path, format_of(FIRST))) as file:
        with pytest.raises(BrokenFileError), file.reading():
            pass
        file.remove()
        assert list(path.parent.iterdir()) == []
        with file.reading() as db:
            assert db.execute("SELECT count(*) FROM note").fetchone()[0] == 0


def test_a_broken_file_is_moved_aside_and_built_anew_where_it_may_be_lost(path: Path) -> None:
    rebuilt: list[tuple[str, datetime]] = []

    def note(db: sqlite3.Connection, kept: Path, broken_at: datetime) -> None:
        db.execute("INSERT INTO note VALUES (?)", (kept.name,))
        rebuilt.append((kept.name, broken_at))

    path.write_bytes(b"not a database" * 100)
    form = FileFormat(migrations=(FIRST,), newer="é de uma versão mais nova", on_rebuilt=note)
    with closing(SqliteFile(path, form)) as file, file.reading() as db:
        [[kept]] = db.execute("SELECT text FROM note").fetchall()
    assert [name for name, _ in rebuilt] == [kept]
    assert path.with_name(kept).read_bytes() == b"not a database" * 100


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_an_outbox_of_an_older_version_keeps_its_rows(path: Path, version: int) -> None:
    with closing(Outbox(path)) as outbox:
        outbox.dataset_state("omniforce", "stock", hub="hub", new_id=lambda: "s1")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("INSERT INTO stretches VALUES (1, X'00')")
        if version < 3:
            db.execute("DROP TABLE refusal")
        as_before(db, version)
    with closing(Outbox(path)) as outbox:
        assert outbox.dataset_state("omniforce", "stock", hub="hub", new_id=lambda: "s2").snapshot == "s1"
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM stretches").fetchone() == (1 if version >= 3 else 0,)
        assert db.execute("SELECT count(*) FROM refusal").fetchone() == (0,)
        assert db.execute("PRAGMA user_version").fetchone() == (5,)


def test_an_outbox_makes_its_folder(tmp_path: Path) -> None:
    with closing(Outbox(tmp_path / "exports" / "producao.db")) as outbox:
        outbox.dataset_state("omniforce", "stock", hub="hub", new_id=lambda: "s1")
    assert (tmp_path / "exports").stat().st_mode & 0o777 == 0o700


def test_a_broken_outbox_is_begun_anew_by_the_next_call(path: Path) -> None:
    path.write_bytes(b"not a database" * 100)
    with closing(Outbox(path)) as outbox:
        with pytest.raises(OutboxLostError):
            outbox.dataset_state("omniforce", "stock", hub="hub", new_id=lambda: "s1")
        assert outbox.dataset_state("omniforce", "stock", hub="hub", new_id=lambda: "s2").snapshot == "s2"
