"""What an export stands between, all in memory and failing where it is told to: an ERP, a hub, the outbox's file."""

from __future__ import annotations

import gzip
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from omnisync.agent.erp.export.row_stream import RowStream
from omnisync.agent.erp.layout.export_queries import ExportQuery, compile_queries
from omnisync.agent.erp.layout.schema import Export
from omnisync.agent.errors import FeedError, TemporaryError
from omnisync.agent.hub_api.client import HubUploads
from omnisync.agent.hub_api.transport import BatchConflictError
from omnisync.agent.sync import change_detector
from omnisync.agent.sync.outbox import Outbox
from omnisync.agent.sync.outbox_file import OutboxFile
from omnisync.contract import batches
from omnisync.contract.batches import (
    FEW_DELETES,
    MAX_SHARE_DELETED,
    BatchAnswer,
    RefusedLine,
    UploadState,
    ValidRow,
    line_reader,
)
from omnisync.contract.datasets import DATASETS
from tests.support.simulation.faults import FaultInjector, no_fault

Row = tuple[Any, ...]
ZONE = ZoneInfo("America/Sao_Paulo")
MARK = "mark"
"""The column that says when a row changed; not one of the dataset's own."""
COLUMNS: dict[str, tuple[str, ...]] = {
    "products": ("code", "name", "unit", "ncm", "is_active"),
    "stock": ("establishment_code", "product_code", "on_hand", "reserved", "measured_at"),
}


@dataclass
class Snapshot:
    """Where one began, and how many rows there were."""

    begun_at: int
    n_rows: int
    is_over: bool = False


@dataclass
class StoredDataset:
    """One dataset at the hub: its rows, and when each key was last named."""

    rows: dict[str, ValidRow] = field(default_factory=dict)
    named: dict[str, int] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    answers: dict[str, tuple[str, BatchAnswer]] = field(default_factory=dict)


class MemoryHub:
    """A batch may fail before or after it was taken in: each is a point of `faults`."""

    def __init__(self) -> None:
        self.n_restored = 0
        self.shelves: dict[tuple[str, str], StoredDataset] = {}
        self.taken: list[ValidRow] = []
        self.faults = no_fault()
        self._now = 0

    @property
    def epoch(self) -> str:
        return f"e{self.n_restored}"

    def uploads(self) -> HubUploads:
        states = {
            (system, name): UploadState(
                system=system, dataset=name, last_batch=next(reversed(shelf.answers)), living=len(shelf.rows)
            )
            for (system, name), shelf in self.shelves.items()
            if shelf.answers
        }
        return HubUploads(epoch=self.epoch, states=states)

    def copy(self) -> tuple[int, dict[tuple[str, str], StoredDataset]]:
        """What a copy of its database holds."""
        return self._now, deepcopy(self.shelves)

    def put_back(self, copied: tuple[int, dict[tuple[str, str], StoredDataset]]) -> None:
        """Go on from a copy, without a word."""
        self._now, self.shelves = copied[0], deepcopy(copied[1])

    def send_batch(self, system: str, dataset: str, batch_id: str, body: bytes, **more: Any) -> BatchAnswer:
        answer: BatchAnswer = self.faults.around(self._taken, FeedError)((system, dataset), batch_id, body, **more)
        return answer

    def _taken(
        self,
        place: tuple[str, str],
        id_: str,
        body: bytes,
        *,
        digest: str,
        lines: int,
        snapshot: str = "",
        final: bool = False,
        confirmed: bool = False,
    ) -> BatchAnswer:
        shelf = self.shelves.setdefault(place, StoredDataset())
        if id_ in shelf.answers:
            known, answer = shelf.answers[id_]
            if known != digest:
                raise BatchConflictError
            return answer
        raw = gzip.decompress(body).split(b"\n") if lines else []
        assert digest == batches.content_digest(body)
        assert len(raw) == lines <= change_detector.MAX_LINES  # type: ignore[attr-defined]  # the one that tests make small
        shot = shelf.snapshots.setdefault(snapshot, Snapshot(self._now, len(shelf.rows)))
        self._now += 1
        n: Counter[str] = Counter()
        verdicts = line_reader(DATASETS[place])(raw, 1)
        assert len({verdict.key for verdict in verdicts}) == lines, "a key twice in a batch"
        refused = tuple(verdict for verdict in verdicts if isinstance(verdict, RefusedLine))
        for line in refused:
            assert line.key
            shelf.named[line.key] = self._now
        gone = []
        for row in verdicts:
            if isinstance(row, RefusedLine):
                continue
            self.taken.append(row)
            if row.version:
                n["unchanged" if self._is_as(shelf, row) else "stored"] += 1
                shelf.rows[row.key] = row
                shelf.named[row.key] = self._now
            else:
                assert not snapshot
                gone.append(row.key)
        living = [key for key in gone if key in shelf.rows]
        n["unchanged"] += len(gone) - len(living)
        is_many = len(living) > FEW_DELETES and len(living) * MAX_SHARE_DELETED > len(shelf.rows)
        n.update(_drop(shelf, living, is_held=is_many and not confirmed))
        if final and snapshot and not shot.is_over:
            missing = [key for key in shelf.rows if shelf.named[key] <= shot.begun_at]
            is_held = len(missing) * MAX_SHARE_DELETED > shot.n_rows and not confirmed
            n.update(_drop(shelf, missing, is_held=is_held))
            shot.is_over = not is_held
        answer = BatchAnswer(
            batch=id_,
            epoch=self.epoch,
            lines=lines,
            accepted=lines - len(refused),
            living=len(shelf.rows),
            refused=refused,
            **n,
        )
        shelf.answers[id_] = digest, answer
        return answer

    def _is_as(self, shelf: StoredDataset, row: ValidRow) -> bool:
        known = shelf.rows.get(row.key)
        return known is not None and known.version == row.version


def _drop(shelf: StoredDataset, keys: Sequence[str], *, is_held: bool) -> dict[str, int]:
    if is_held:
        return {"held": len(keys)}
    for key in keys:
        del shelf.rows[key]
    return {"deleted": len(keys)}


class MemoryErp:
    """One dataset's rows, each with its mark behind it, answered `lot` at a time.

    After `breaks_after` rows, if that is not negative, the next reading breaks off.
    """

    def __init__(self, name: str, *, has_changed_at: bool, rows_per_chunk: int) -> None:
        self.name = name
        self.rows_per_chunk = rows_per_chunk
        self.has_changed_at = has_changed_at
        self.rows: list[Row] = []
        self.lot = 3
        self.n_layouts = 0
        self.breaks_after = -1

    @property
    def records(self) -> MemoryErp:
        """Its own record store, which has no record."""
        return self

    def prepare(self) -> None: ...

    def requeue_by_reason(self, codes: Sequence[str]) -> int:
        return 0

    def query(self) -> ExportQuery:
        sql = "SELECT x" + " " * self.n_layouts
        [query] = compile_queries({self.name: Export(sql=sql, changed_at=MARK if self.has_changed_at else "")}, ZONE)
        return query

    def exports(self) -> tuple[ExportQuery, ...]:
        return (self.query(),)

    @contextmanager
    def open_export(self, query: ExportQuery, since: Any = None) -> Iterator[RowStream]:
        rows = [row for row in self.rows if since is None or row[-1] >= since]
        if self.has_changed_at:
            yield RowStream(query, (*COLUMNS[self.name], MARK), self._lots(rows), self.rows_per_chunk)
        else:
            yield RowStream(query, COLUMNS[self.name], self._lots([row[:-1] for row in rows]), self.rows_per_chunk)

    def _lots(self, rows: list[Row]) -> Iterator[list[Row]]:
        for start in range(0, len(rows), self.lot):
            if start >= self.breaks_after >= 0:
                self.breaks_after = -1
                raise TemporaryError
            yield rows[start : start + self.lot]


class FlakyFile(OutboxFile):
    """Before, within and after each transaction is a point of `faults`.

    An error after it is a commit whose answer was lost.
    """

    def __init__(self, path: Path, faults: FaultInjector) -> None:
        super().__init__(path)
        self._faults = faults

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        self._faults.meet("before", TemporaryError)
        with super().changing() as db:
            yield db
            self._faults.meet("within", TemporaryError)
        self._faults.meet("after", TemporaryError)


def flaky(path: Path, faults: FaultInjector, *, rows_per_statement: int) -> Outbox:
    """The outbox there, whose file fails so."""
    return Outbox(path, rows_per_statement, lambda path: FlakyFile(path, faults))
