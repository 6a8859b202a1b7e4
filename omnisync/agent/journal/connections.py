"""The connections: each with its schedule, the events of its history, and the orders that no agent reads."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime

import msgspec

from omnisync.agent.config.connection import Connection, connection_zone
from omnisync.agent.errors import NotConfiguredError, RunInProgressError, SettingsError
from omnisync.agent.journal.journal_file import JournalFile
from omnisync.agent.journal.run import Event, decode_moment, encode_moment, run_of
from omnisync.agent.schedule import Schedule, check
from omnisync.agent.zones import wall_hour


class Connections:
    """The connections of this computer. What belongs to one goes with it when it is removed."""

    def __init__(self, database: JournalFile, zone: str | None) -> None:
        """`zone` is the program's, for hours in sentences of connections that have none of their own."""
        self._database = database
        self._zone = zone

    def all(self) -> tuple[Connection, ...]:
        """Return all connections, by name."""
        rows = self._database.rows("SELECT body FROM connection ORDER BY name")
        return tuple(msgspec.json.decode(row["body"], type=Connection) for row in rows)

    def get(self, connection_name: str) -> Connection:
        """Return the connection of this name."""
        rows = self._database.rows("SELECT body FROM connection WHERE name = ?", connection_name)
        if not rows:
            raise NotConfiguredError(nome=connection_name)
        return msgspec.json.decode(rows[0]["body"], type=Connection)

    def save(self, connection: Connection) -> None:
        """Save the connection, in the place of the one of the same name. Secrets stand elsewhere."""
        sql = "INSERT INTO connection (name, body) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET body = excluded.body"
        values = (connection.name, msgspec.json.encode(connection))
        self._database.change_settings(lambda db: db.execute(sql, values))

    def remove(self, connection_name: str) -> None:
        """Delete the connection, its schedule and its history. Raises RunInProgressError while it has a run going."""

        def remove(db: sqlite3.Connection) -> int:
            refuse_while_going(db, connection_name, self._zone)
            return db.execute("DELETE FROM connection WHERE name = ?", (connection_name,)).rowcount

        if not self._database.change_settings(remove):
            raise NotConfiguredError(nome=connection_name)

    def schedule(self, connection_name: str) -> Schedule | None:
        """Return the connection's schedule; None when none was ever saved."""
        rows = self._database.rows("SELECT body FROM schedule WHERE connection = ?", connection_name)
        return msgspec.json.decode(rows[0]["body"], type=Schedule) if rows else None

    def schedule_saved_at(self, connection_name: str) -> datetime | None:
        """Return when the schedule was last saved: every slot that had come by then counts as served."""
        rows = self._database.rows("SELECT saved_at FROM schedule WHERE connection = ?", connection_name)
        return decode_moment(rows[0]["saved_at"]) if rows else None

    def save_schedule(self, connection_name: str, schedule: Schedule, now: datetime) -> None:
        """Save the schedule; its first run is the next slot. Raises SettingsError with the code of its fault."""
        for error in check(schedule):
            raise SettingsError(error.code)

        def save(db: sqlite3.Connection) -> None:
            need_connection(db, connection_name)
            db.execute(
                "INSERT INTO schedule (connection, body, saved_at) VALUES (?, ?, ?)"
                " ON CONFLICT (connection) DO UPDATE SET body = excluded.body, saved_at = excluded.saved_at",
                (connection_name, msgspec.json.encode(schedule), encode_moment(now)),
            )
            _add_event(db, connection_name, "schedule_on" if schedule.is_active else "schedule_off", now)

        self._database.change_settings(save)

    def unread_orders(self, connection_name: str) -> dict[str, int]:
        """Return how many orders each establishment has that the hub does not know, by code, as of the last run."""
        sql = "SELECT establishment, n_orders FROM unread WHERE connection = ? ORDER BY establishment"
        return {row["establishment"]: row["n_orders"] for row in self._database.rows(sql, connection_name)}

    def save_unread_orders(self, connection_name: str, orders: Mapping[str, int]) -> None:
        """Save those counts. A connection the journal no longer knows is passed over."""
        if self.unread_orders(connection_name) == orders:
            return

        def save(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM unread WHERE connection = ?", (connection_name,))
            db.executemany(
                "INSERT INTO unread SELECT name, ?, ? FROM connection WHERE name = ?",
                [(code, n, connection_name) for code, n in orders.items()],
            )

        self._database.atomically(save)

    def add_event(self, connection_name: str, code: str, now: datetime) -> None:
        """Save that a person changed something."""

        def add(db: sqlite3.Connection) -> None:
            need_connection(db, connection_name)
            _add_event(db, connection_name, code, now)

        self._database.atomically(add)

    def events(self, connection_name: str, limit: int) -> tuple[Event, ...]:
        """Return what people changed, newest first."""
        sql = "SELECT at, code FROM event WHERE connection = ? ORDER BY n DESC LIMIT ?"
        return tuple(
            Event(decode_moment(row["at"]), row["code"]) for row in self._database.rows(sql, connection_name, limit)
        )


def refuse_while_going(db: sqlite3.Connection, connection_name: str, zone: str | None) -> None:
    """Raise RunInProgressError, with the hour it began, while the connection has a run going."""
    row = db.execute("SELECT * FROM run WHERE connection = ? AND ended_at IS NULL", (connection_name,)).fetchone()
    if row is not None:
        run, connection = run_of(row), need_connection(db, connection_name)
        began_at = (run.started_at or run.asked_at).astimezone(connection_zone(connection, zone).zone)
        raise RunInProgressError(hora=wall_hour(began_at))


def need_connection(db: sqlite3.Connection, connection_name: str) -> Connection:
    """Return the connection of this name. Raises NotConfiguredError."""
    row = db.execute("SELECT body FROM connection WHERE name = ?", (connection_name,)).fetchone()
    if row is None:
        raise NotConfiguredError(nome=connection_name)
    return msgspec.json.decode(row["body"], type=Connection)


def _add_event(db: sqlite3.Connection, connection_name: str, code: str, now: datetime) -> None:
    db.execute("INSERT INTO event (connection, at, code) VALUES (?, ?, ?)", (connection_name, encode_moment(now), code))
