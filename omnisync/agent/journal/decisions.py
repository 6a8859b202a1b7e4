"""People's decisions: the code map (app's code to ERP's code, De/Para), and confirmations."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from omnisync.agent.journal.connections import need_connection
from omnisync.agent.journal.journal_file import JournalFile
from omnisync.agent.journal.run import decode_moment, encode_moment


class Confirmation(Struct, frozen=True, kw_only=True):
    """A batch that would take `n` records of a dataset away, and waits for a person; or may go."""

    dataset: str
    n: int
    asked_at: datetime
    confirmed_at: datetime | None


class Decisions:
    """The answers of each connection. They go with it when it is removed."""

    def __init__(self, database: JournalFile) -> None:
        self._database = database

    # De/Para

    def mappings(self, connection_name: str) -> dict[str, dict[str, str]]:
        """Group (payment_method, seller, …) → code of the app → code of the ERP."""
        sql = "SELECT kind, code, erp_code FROM mapping WHERE connection = ? ORDER BY kind, code"
        found: dict[str, dict[str, str]] = {}
        for row in self._database.rows(sql, connection_name):
            found.setdefault(row["kind"], {})[row["code"]] = row["erp_code"]
        return found

    def save_mappings(self, connection_name: str, kind: str, codes: Mapping[str, str | None]) -> None:
        """Remember what these codes are in the ERP, all of them or none; None forgets a code.

        Raises NotConfiguredError for a connection that is no more.
        """
        gone = [(connection_name, kind, code) for code, erp_code in codes.items() if erp_code is None]
        told = [(connection_name, kind, code, erp_code) for code, erp_code in codes.items() if erp_code is not None]

        def save(db: sqlite3.Connection) -> None:
            need_connection(db, connection_name)
            db.executemany("DELETE FROM mapping WHERE connection = ? AND kind = ? AND code = ?", gone)
            db.executemany(
                "INSERT INTO mapping (connection, kind, code, erp_code) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (connection, kind, code) DO UPDATE SET erp_code = excluded.erp_code",
                told,
            )

        self._database.change_settings(save)

    # confirmations

    def request_confirmation(self, connection_name: str, dataset: str, n: int, now: datetime) -> None:
        """Let a person confirm that `n` records go. A confirmation of another number does not count."""

        def request(db: sqlite3.Connection) -> None:
            need_connection(db, connection_name)
            db.execute(
                "INSERT INTO confirmation (connection, dataset, n, asked_at) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (connection, dataset) DO UPDATE SET n = excluded.n, asked_at = excluded.asked_at,"
                " confirmed_at = CASE WHEN excluded.n = n THEN confirmed_at END",
                (connection_name, dataset, n, encode_moment(now)),
            )

        self._database.atomically(request)

    def confirmations(self, connection_name: str) -> tuple[Confirmation, ...]:
        """Return what was asked and is not over yet, confirmed or not, the oldest first."""
        sql = "SELECT * FROM confirmation WHERE connection = ? ORDER BY asked_at, dataset"
        return tuple(
            Confirmation(
                dataset=row["dataset"],
                n=row["n"],
                asked_at=decode_moment(row["asked_at"]),
                confirmed_at=decode_moment(row["confirmed_at"]) if row["confirmed_at"] else None,
            )
            for row in self._database.rows(sql, connection_name)
        )

    def confirm(self, connection_name: str, dataset: str, n: int, now: datetime) -> bool:
        """Confirm the `n` a person saw. Return False when the number has changed since."""
        sql = "UPDATE confirmation SET confirmed_at = ? WHERE connection = ? AND dataset = ? AND n = ?"
        return self._database.change(sql, encode_moment(now), connection_name, dataset, n) > 0

    def is_confirmed(self, connection_name: str, dataset: str, n: int) -> bool:
        """Return whether a person agreed that so many go, or more."""
        sql = "SELECT 1 FROM confirmation WHERE connection = ? AND dataset = ? AND n >= ? AND confirmed_at IS NOT NULL"
        return bool(self._database.rows(sql, connection_name, dataset, n))

    def end_confirmation(self, connection_name: str, dataset: str) -> None:
        """It was done, or there is nothing to take away any more: the next time is asked anew."""
        self._database.change("DELETE FROM confirmation WHERE connection = ? AND dataset = ?", connection_name, dataset)
