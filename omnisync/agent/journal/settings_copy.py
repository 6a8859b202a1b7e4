"""Copy connections, schedules and De/Para beside the journal, and bring them back where it was damaged."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from omnisync.agent.config.files import read_private, replace_file
from omnisync.agent.errors import SettingsError


class SavedMapping(Struct, frozen=True, array_like=True):
    """A line of De/Para."""

    kind: str
    code: str
    erp_code: str


class SavedConnection(Struct, frozen=True, kw_only=True):
    """A connection with its schedule and its De/Para, as the journal holds them."""

    name: str
    body: str
    schedule: str | None = None
    schedule_saved_at: str | None = None
    mappings: tuple[SavedMapping, ...] = ()


class SettingsCopy(Struct, frozen=True):
    """The copy of one journal's settings. It may be missing, and holds no secret."""

    path: Path

    def save(self, db: sqlite3.Connection) -> None:
        """Copy what the journal holds now. A disk that takes no copy hinders no change."""
        mappings: dict[str, list[SavedMapping]] = {}
        for name, *line in db.execute("SELECT connection, kind, code, erp_code FROM mapping ORDER BY 1, 2, 3"):
            mappings.setdefault(name, []).append(SavedMapping(*line))
        found = db.execute(
            "SELECT name, connection.body, schedule.body, saved_at FROM connection "
            "LEFT JOIN schedule ON schedule.connection = name ORDER BY name"
        )
        saved = [
            SavedConnection(
                name=name,
                body=_text(body),
                schedule=_text(schedule) if schedule is not None else None,
                schedule_saved_at=saved_at,
                mappings=tuple(mappings.get(name, ())),
            )
            for name, body, schedule, saved_at in found
        ]
        with suppress(SettingsError):
            replace_file(self.path, msgspec.json.encode(saved))

    def restore(self, db: sqlite3.Connection) -> list[str]:
        """Bring the copy into an empty journal; answers the names of the connections, none where there is no copy."""
        try:
            saved = msgspec.json.decode(read_private(self.path), type=list[SavedConnection])
        except (OSError, SettingsError, msgspec.DecodeError, UnicodeDecodeError):
            return []
        for one in saved:
            db.execute("INSERT INTO connection (name, body) VALUES (?, ?)", (one.name, one.body.encode()))
            if one.schedule is not None:
                db.execute(
                    "INSERT INTO schedule (connection, body, saved_at) VALUES (?, ?, ?)",
                    (one.name, one.schedule.encode(), one.schedule_saved_at),
                )
            db.executemany(
                "INSERT INTO mapping (connection, kind, code, erp_code) VALUES (?, ?, ?, ?)",
                [(one.name, line.kind, line.code, line.erp_code) for line in one.mappings],
            )
        return [one.name for one in saved]


def _text(body: bytes | str) -> str:
    return body if isinstance(body, str) else body.decode()
