"""The agent's memory: connections, schedules, slots, runs and a few settings. Shared by threads and processes.

It may be lost without losing or doubling a record: positions and bindings stand in the ERP's database. Time comes in
as an argument; moments are kept in UTC.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, tzinfo
from pathlib import Path

import msgspec

from omnisync.agent.errors import StoppedError
from omnisync.agent.journal.connections import Connections, need_connection, refuse_while_going
from omnisync.agent.journal.decisions import Decisions
from omnisync.agent.journal.journal_file import JournalFile
from omnisync.agent.journal.run import (
    Day,
    Notice,
    Origin,
    Run,
    RunScope,
    RunState,
    decode_moment,
    encode_moment,
    run_of,
    scope_columns,
)
from omnisync.agent.phase import Phase, encode_phase
from omnisync.agent.progress import Counts, ExpectedCounts
from omnisync.agent.schedule import Slot
from omnisync.agent.sqlite_file import BUSY

KEPT_FOR = timedelta(days=90)
KEPT_RUNS = 10_000


class Journal:
    """The agent's memory, in one SQLite file. What belongs to one connection stands in `connections`, what people
    decided in `decisions`.

    Every method raises TemporaryError when another process keeps the file for longer than `busy`, SetupError when the
    disk is full or the folder cannot be written, and NotConfiguredError for a connection that does not exist where
    it needs one.
    """

    def __init__(self, path: Path, *, zone: str | None = None, busy: timedelta = BUSY) -> None:
        """`zone` is the program's, for hours in sentences of connections that have none of their own.

        `busy` is how long a call waits for another process.
        """
        self._database = JournalFile(path, busy=busy)
        self._zone = zone
        self.connections = Connections(self._database, zone)
        self.decisions = Decisions(self._database)

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        self._database.close()

    # slots

    def served_slots(self, connection_name: str, on: date) -> tuple[Slot, ...]:
        """Return the slots of this day that were served, in order."""
        sql = "SELECT at FROM slot WHERE connection = ? AND on_day = ? ORDER BY at"
        rows = self._database.rows(sql, connection_name, on.isoformat())
        return tuple(Slot(on, time.fromisoformat(row["at"])) for row in rows)

    def last_served_slot(self, connection_name: str, before: date) -> Slot | None:
        """Return the newest slot that was served on a day before this one."""
        sql = "SELECT on_day, at FROM slot WHERE connection = ? AND on_day < ? ORDER BY on_day DESC, at DESC LIMIT 1"
        rows = self._database.rows(sql, connection_name, before.isoformat())
        return Slot(date.fromisoformat(rows[0]["on_day"]), time.fromisoformat(rows[0]["at"])) if rows else None

    def claim_slot(
        self, connection_name: str, slot: Slot, scope: RunScope, origin: Origin, now: datetime
    ) -> Run | None:
        """Serve the slot: ask for its run in the same transaction. None when it was served already.

        Raises RunInProgressError when the connection has a run going; the slot then stays to be served.
        """

        def claim(db: sqlite3.Connection) -> Run | None:
            need_connection(db, connection_name)
            values = (connection_name, slot.on.isoformat(), slot.at.isoformat("minutes"))
            if not db.execute("INSERT OR IGNORE INTO slot (connection, on_day, at) VALUES (?, ?, ?)", values).rowcount:
                return None
            return _enqueue(db, connection_name, scope, origin, now, self._zone)

        return self._database.atomically(claim)

    def free_slots(self, connection_name: str, after: datetime) -> None:
        """Forget the slots later than `after`, a moment of the new zone: they were served by the old one's clock."""
        sql = "DELETE FROM slot WHERE connection = ? AND on_day || ' ' || at > ?"
        self._database.change(sql, connection_name, after.strftime("%Y-%m-%d %H:%M"))

    # runs

    def enqueue_run(self, connection_name: str, scope: RunScope, origin: Origin, now: datetime) -> Run:
        """Enqueue a new run. Raises RunInProgressError when the connection has one going."""

        def enqueue(db: sqlite3.Connection) -> Run:
            need_connection(db, connection_name)
            return _enqueue(db, connection_name, scope, origin, now, self._zone)

        return self._database.atomically(enqueue)

    def start_run(self, run_id: str, now: datetime, pid: int) -> Run:
        """Process `pid` carries it from now on. Raises StoppedError when it is not waiting to be carried any more."""

        def start(db: sqlite3.Connection) -> Run:
            values = {"id": run_id, "now": encode_moment(now), "pid": pid}
            sql = (
                "UPDATE run SET state = CASE state WHEN 'waiting' THEN 'running' ELSE state END, started_at = :now,"
                " beat_at = :now, pid = :pid WHERE id = :id AND started_at IS NULL AND ended_at IS NULL"
            )
            if not db.execute(sql, values).rowcount:
                raise StoppedError
            return run_of(db.execute("SELECT * FROM run WHERE id = ?", (run_id,)).fetchone())

        self._database.keep_settings()
        return self._database.atomically(start)

    def heartbeat(
        self, run_id: str, now: datetime, counts: Counts, totals: ExpectedCounts, phase: Phase, *, rate: float = 0.0
    ) -> bool:
        """Write the run's heartbeat and progress. Return whether it should stop: a stop was requested, or it was
        closed.

        A run the journal no longer knows goes on: the journal was lost, the work was not.
        """
        encoded = msgspec.json.encode(counts), msgspec.json.encode(totals)
        self._database.change(
            "UPDATE run SET beat_at = ?, counts = ?, totals = ?, phase = ?, rate = ? WHERE id = ? AND ended_at IS NULL",
            *(encode_moment(now), *encoded, encode_phase(phase), rate, run_id),
        )
        sql = "SELECT stop_asked OR ended_at IS NOT NULL AS stops FROM run WHERE id = ?"
        return any(row["stops"] for row in self._database.rows(sql, run_id))

    def request_stop(self, run_id: str) -> None:
        """Ask it to stop at the next page. A run that has ended stays as it ended."""
        self._database.change(
            "UPDATE run SET stop_asked = 1, state = 'cancelling' WHERE id = ? AND ended_at IS NULL", run_id
        )

    def end_run(
        self,
        run_id: str,
        state: RunState,
        now: datetime,
        counts: Counts | None = None,
        code: str | None = None,
        words: Mapping[str, object] | None = None,
    ) -> bool:
        """Close it, once: answers False when it had ended already. Without counts those of the last beat stay."""
        said = {name: str(word) for name, word in (words or {}).items() if word is not None}
        values = (
            state,
            encode_moment(now),
            None if counts is None else msgspec.json.encode(counts),
            code,
            msgspec.json.encode(said),
            run_id,
        )
        sql = (
            "UPDATE run SET state = ?, ended_at = ?, counts = coalesce(?, counts), code = ?, words = ?"
            " WHERE id = ? AND ended_at IS NULL"
        )
        return self._database.change(sql, *values) > 0

    def close_orphaned_run(self, connection_name: str, now: datetime, is_alive: Callable[[Run], bool]) -> Run | None:
        """Close a run that is marked as going and has no process; return it as it was."""
        run = self.current_run(connection_name)
        if run is None or is_alive(run) or not self.end_run(run.id, "interrupted", now, code="interrupted"):
            return None
        return run

    def run(self, run_id: str) -> Run | None:
        """Return the run of this id, if the journal knows it."""
        return _first_run(self._database, "SELECT * FROM run WHERE id = ?", run_id)

    def current_run(self, connection_name: str) -> Run | None:
        """Return the run that is waiting, running or cancelling."""
        sql = "SELECT * FROM run WHERE connection = ? AND ended_at IS NULL"
        return _first_run(self._database, sql, connection_name)

    def last_run(self, connection_name: str) -> Run | None:
        """Return the newest run that has ended."""
        sql = "SELECT * FROM run WHERE connection = ? AND ended_at IS NOT NULL ORDER BY n DESC LIMIT 1"
        return _first_run(self._database, sql, connection_name)

    def runs(self, connection_name: str, limit: int, before: str | None = None) -> tuple[Run, ...]:
        """Return the newest runs, or those older than the run `before`, newest first."""
        sql = (
            "SELECT * FROM run WHERE connection = ? AND n < coalesce((SELECT n FROM run WHERE id = ?), 9e18)"
            " ORDER BY n DESC LIMIT ?"
        )
        return tuple(run_of(row) for row in self._database.rows(sql, connection_name, before, limit))

    def days(self, connection_name: str, since: date, zone: tzinfo) -> tuple[Day, ...]:
        """Runs summed by the day of the wall they were asked on, oldest first. A day without runs is not there."""
        rows = self._database.rows(
            "SELECT asked_at, state, counts FROM run WHERE connection = ? AND asked_at >= ?",
            connection_name,
            encode_moment(datetime.combine(since, time(), zone)),
        )
        days: dict[date, Day] = {}
        for row in rows:
            on = decode_moment(row["asked_at"]).astimezone(zone).date()
            day = days.get(on, Day(on=on, n_runs=0, n_failed=0, counts=Counts()))
            days[on] = Day(
                on=on,
                n_runs=day.n_runs + 1,
                n_failed=day.n_failed + (row["state"] in ("failed", "interrupted")),
                counts=day.counts + msgspec.json.decode(row["counts"], type=Counts),
            )
        return tuple(days[on] for on in sorted(days))

    # the rest

    def notices(self) -> tuple[Notice, ...]:
        """Return what happened to the journal itself, newest first."""
        rows = self._database.rows("SELECT at, code, words FROM notice ORDER BY n DESC")
        return tuple(Notice(decode_moment(row["at"]), row["code"], msgspec.json.decode(row["words"])) for row in rows)

    def get_meta(self, key: str) -> str | None:
        """Return the setting kept under this key, None where there is none."""
        rows = self._database.rows("SELECT value FROM note WHERE key = ?", key)
        return rows[0]["value"] if rows else None

    def set_meta(self, key: str, value: str) -> None:
        """Keep a setting under this key."""
        sql = "INSERT INTO note (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
        self._database.change(sql, key, value)

    def prune(self, now: datetime) -> None:
        """Drop what is older than 90 days, and runs beyond the newest 10,000. A run that is going stays.

        Counted from the newest run if that is earlier: a clock that was ahead for a moment forgets nothing.
        """

        def drop(db: sqlite3.Connection) -> None:
            newest = db.execute("SELECT max(asked_at) AS at FROM run").fetchone()["at"]
            oldest = encode_moment(min(now, decode_moment(newest) if newest else now) - KEPT_FOR)
            db.execute(
                "DELETE FROM run WHERE ended_at IS NOT NULL AND (asked_at < ? OR n <= coalesce("
                "(SELECT n FROM run ORDER BY n DESC LIMIT 1 OFFSET ?), 0))",
                (oldest, KEPT_RUNS),
            )
            db.execute("DELETE FROM event WHERE at < ?", (oldest,))
            db.execute("DELETE FROM slot WHERE on_day < ?", (oldest[:10],))

        self._database.atomically(drop)


def _enqueue(
    db: sqlite3.Connection, connection_name: str, scope: RunScope, origin: Origin, now: datetime, zone: str | None
) -> Run:
    refuse_while_going(db, connection_name, zone)
    cursor = db.execute(
        "INSERT INTO run (connection, origin, asked_at, kind, systems, establishments, ids)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (connection_name, origin, encode_moment(now), *scope_columns(scope)),
    )
    return run_of(db.execute("SELECT * FROM run WHERE n = ?", (cursor.lastrowid,)).fetchone())


def _first_run(database: JournalFile, sql: str, value: str) -> Run | None:
    rows = database.rows(sql, value)
    return run_of(rows[0]) if rows else None
