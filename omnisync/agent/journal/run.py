"""A run, and its row in the journal."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import msgspec
from msgspec import Struct

from omnisync.agent.phase import Phase, decode_phase
from omnisync.agent.progress import Counts, ExpectedCounts
from omnisync.agent.record_ref import RecordRef, decode_record_ref, encode_record_ref
from omnisync.agent.schedule import System

RunKind = Literal["import", "export", "both"]
Origin = Literal["button", "slot", "catch_up", "command", "retry"]
RunState = Literal[
    "waiting", "running", "cancelling", "done", "done_with_refusals", "cancelled", "failed", "interrupted"
]
Systems = Literal["all"] | tuple[System, ...]
_REFUSED_ROWS = "rows:refused"
"""Among the ids of a row: `resends_refused`."""


class RunScope(Struct, frozen=True, kw_only=True):
    """The scope a run is asked for: all, or these systems, establishments or records. No establishments means all.

    `records` are those a retry imports again; with `resends_refused` an export tries the rows that did not go out as
    they are.
    """

    kind: RunKind = "import"
    systems: Systems = "all"
    establishments: tuple[str, ...] = ()
    records: tuple[RecordRef, ...] = ()
    resends_refused: bool = False


EVERYTHING = RunScope()
"""An import of all that is new."""


class Run(Struct, frozen=True, kw_only=True):
    """One execution of a scope for one connection. Rate is rows/s."""

    id: str
    connection: str
    scope: RunScope
    origin: Origin
    state: RunState
    stop_asked: bool
    pid: int | None
    asked_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    beat_at: datetime | None
    counts: Counts
    totals: ExpectedCounts
    phase: Phase
    rate: float
    code: str | None
    words: Mapping[str, str]

    @property
    def kind(self) -> RunKind:
        """Return whether it imports, exports, or both."""
        return self.scope.kind

    @property
    def is_going(self) -> bool:
        """Return whether it has not ended."""
        return self.ended_at is None

    @property
    def duration(self) -> timedelta:
        """From its start to its end or last beat. A clock set back makes it zero, never less."""
        started_at = self.started_at or self.asked_at
        return max((self.ended_at or self.beat_at or started_at) - started_at, timedelta())


class Day(Struct, frozen=True, kw_only=True):
    """The runs asked for on one day of the wall."""

    on: date
    n_runs: int
    n_failed: int
    counts: Counts


def left_to_another(runs: Iterable[Run]) -> Run | None:
    """Return the last import of these runs, the newest first, where it left establishments to another computer."""
    last = next((run for run in runs if run.kind != "export"), None)
    return last if last is not None and last.code == "establishment_busy" else None


def holders_of(run: Run) -> dict[str, tuple[str, str]]:
    """Return who held the establishments that a run left to another computer: code → name and since when, if that is
    known.
    """
    told = run.words.get("donos") or "{}"
    return msgspec.json.decode(told, type=dict[str, tuple[str, str]])


class Event(Struct, frozen=True):
    """Something a person changed: schedule_on and schedule_off of the journal's own, others of who adds them."""

    at: datetime
    code: str


class Notice(Struct, frozen=True):
    """Something a person should read about the journal itself: journal_rebuilt, with the file that was kept."""

    at: datetime
    code: str
    words: Mapping[str, str]


_DECODED: Mapping[str, Any] = {
    "systems": Systems,
    "establishments": tuple[str, ...],
    "ids": tuple[str, ...],
    "counts": Counts,
    "totals": ExpectedCounts,
    "words": dict[str, str],
}


_COLUMNS = (
    *("kind", "systems", "establishments", "ids"),
    *(name for name in Run.__struct_fields__ if name != "scope"),
)


def run_of(row: sqlite3.Row) -> Run:
    """Return the run this row holds."""
    fields: dict[str, Any] = {name: row[name] for name in _COLUMNS}
    for name, type_ in _DECODED.items():
        fields[name] = msgspec.json.decode(fields[name], type=type_)
    for name in ("asked_at", "started_at", "ended_at", "beat_at"):
        fields[name] = decode_moment(fields[name]) if fields[name] else None
    ids: tuple[str, ...] = fields.pop("ids")
    records = tuple(ref for ref in map(decode_record_ref, ids) if ref is not None)
    scope = RunScope(
        **{name: fields.pop(name) for name in ("kind", "systems", "establishments")},
        records=records,
        resends_refused=_REFUSED_ROWS in ids,
    )
    decoded = {"stop_asked": bool(fields["stop_asked"]), "phase": decode_phase(fields["phase"])}
    return Run(**fields | decoded, scope=scope)


def scope_columns(scope: RunScope) -> tuple[object, ...]:
    """Return what a run's row keeps of its scope: kind, systems, establishments, ids."""
    ids = [*map(encode_record_ref, scope.records), *([_REFUSED_ROWS] if scope.resends_refused else [])]
    return (scope.kind, *map(msgspec.json.encode, (scope.systems, scope.establishments, ids)))


def encode_moment(moment: datetime) -> str:
    """In UTC and of one length, so that texts sort as moments do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def decode_moment(text: str) -> datetime:
    """Return the moment such a text says."""
    return datetime.fromisoformat(text)
