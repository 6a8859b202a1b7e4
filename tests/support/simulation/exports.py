"""What may happen around an export, one method for each, and what must be true after a whole one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, cast

from msgspec import Struct

from omnisync.agent.erp.base import Erp
from omnisync.agent.erp.export.chunking import ROWS_PER_CHUNK
from omnisync.agent.erp.export.serializer import LineSerializer
from omnisync.agent.errors import FeedError, StoppedError, TemporaryError
from omnisync.agent.hub_api.client import HubClient
from omnisync.agent.progress import ExportCounts, Progress
from omnisync.agent.sync.change_detector import BatchLimits
from omnisync.agent.sync.exporter import Exporter, ExportScope
from omnisync.agent.sync.outbox import ROWS_PER_STATEMENT, WITHOUT_KEY, Outbox
from omnisync.contract.batches import RefusedLine, line_reader
from tests.support.import_runs import Clock, runtime_at
from tests.support.record_samples import NOW
from tests.support.simulation.export_fakes import COLUMNS, ZONE, MemoryErp, MemoryHub, Row, StoredDataset, flaky
from tests.support.simulation.faults import FaultInjector, KillError, fault, no_fault
from tests.support.simulation.history import Event, replay

OF_A_ROW = ("delete", "delete_many", "update", "rekey", "copy", "swap")
"""What needs a row. A place means the row there, whatever number of rows there are."""
WIDTH_OF_KEY = {"products": 1, "stock": 2}


@dataclass
class Truth:
    """Of one key: each row's raw values, and what it is on the wire, or why it is not."""

    raws: list[str] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)

    @property
    def must_be_told(self) -> set[str]:
        """The codes of which one is told; none where all is well."""
        return {*self.codes, *(["repeated"] if len(self.raws) > 1 else [])}


class ExportSizes(Struct, frozen=True, kw_only=True):
    """The sizes an export works in."""

    rows_per_chunk: int = ROWS_PER_CHUNK
    rows_per_statement: int = ROWS_PER_STATEMENT
    limits: BatchLimits = BatchLimits()


class ExportSimulation:
    """One dataset of an ERP, its outbox and its hub."""

    def __init__(self, folder: Path, name: str, *, has_changed_at: bool, sizes: ExportSizes) -> None:
        self._path = folder / "out.db"
        self._name = name
        self._erp = MemoryErp(name, has_changed_at=has_changed_at, rows_per_chunk=sizes.rows_per_chunk)
        self._sizes = sizes
        self._hub = MemoryHub()
        self._now = NOW
        self._agreed = self._n_held = 0
        self._marks, self._ids = count(1), count(1)
        self._graves: list[Row] = []
        self._hub_copy = self._hub.copy()
        self._outbox_copy = b""
        self._clean: Mapping[str, Truth] | None = None  # what the hub was last told, if nothing but edits came since

    def happen(self, *events: Event) -> None:
        """What comes to pass around an export, and exports that end anywhere."""
        replay(self, events, lambda what: bool(self._erp.rows) or what not in OF_A_ROW)

    def insert(self, place: int, row: Row) -> None:
        rows = self._erp.rows
        rows.insert(place % (len(rows) + 1), self._marked(row))

    def append(self, some: Sequence[Row]) -> None:
        self._erp.rows += map(self._marked, some)

    def append_many(self, first: int, n: int) -> None:
        codes = [f"P{i:03}" for i in range(first, first + n)]
        is_products = self._name == "products"
        self.append([(code, "a", "UN", None, 1) if is_products else ("0001", code, "1", None, None) for code in codes])

    def delete(self, place: int) -> None:
        self._graves.append(self._erp.rows.pop(self._at(place)))

    def delete_many(self, place: int, n: int) -> None:
        rows, start = self._erp.rows, self._at(place)
        self._graves += rows[start : start + n]
        del rows[start : start + n]

    def bring_back(self, place: int) -> None:
        if self._graves:
            self._erp.rows.append(self._graves[place % len(self._graves)])

    def update(self, place: int, row: Row) -> None:
        n = WIDTH_OF_KEY[self._name]
        self._put(place, lambda old: (*old[:n], *row[n:]))

    def rekey(self, place: int, key: Any) -> None:
        n = WIDTH_OF_KEY[self._name]
        self._put(place, lambda old: (*old[: n - 1], key, *old[n:]))

    def copy(self, place: int, to: int) -> None:
        rows = self._erp.rows
        rows.insert(to % (len(rows) + 1), rows[self._at(place)])

    def swap(self, place: int, other: int) -> None:
        rows, one, two = self._erp.rows, self._at(place), self._at(other)
        rows[one], rows[two] = rows[two], rows[one]

    def shuffle(self, seed: int) -> None:
        Random(seed).shuffle(self._erp.rows)

    def sort(self) -> None:
        self._erp.rows.sort(key=lambda row: (str(row[0]), str(row[1])))

    def reverse(self) -> None:
        self._erp.rows.reverse()

    def _at(self, place: int) -> int:
        return place % len(self._erp.rows)

    def _put(self, place: int, edited: Callable[[Row], Row]) -> None:
        at = self._at(place)
        old = self._erp.rows[at]
        self._graves.append(old)
        self._erp.rows[at] = self._marked(edited(old[:-1]))

    def _marked(self, row: Row) -> Row:
        return (*row, next(self._marks))

    def read_in_lots_of(self, n: int) -> None:
        self._erp.lot = n

    def agree(self, is_agreed: bool) -> None:
        """To the deletes that the last export held, or to none."""
        self._agreed = self._n_held if is_agreed else 0

    def sleep(self) -> None:
        self._now += timedelta(days=1)

    def change_layout(self) -> None:
        self._clean = None
        self._erp.n_layouts += 1

    def restore_hub(self) -> None:
        self._clean = None
        self._hub.n_restored += 1

    def copy_hub(self) -> None:
        self._hub_copy = self._hub.copy()

    def put_hub_back(self) -> None:
        self._clean = None
        self._hub.put_back(self._hub_copy)

    def copy_outbox(self) -> None:
        with closing(Outbox(self._path)) as opened:
            opened.n_refused()  # so that there is a file
        self._outbox_copy = self._path.read_bytes()

    def put_outbox_back(self) -> None:
        self._clean = None
        self._path.unlink(missing_ok=True)
        if self._outbox_copy:
            self._path.write_bytes(self._outbox_copy)

    def try_again(self) -> None:
        self._clean = None
        with closing(Outbox(self._path)) as opened:
            opened.try_again()

    def forget(self) -> None:
        self._clean = None
        with closing(Outbox(self._path)) as opened:
            opened.forget()

    def export(self, *, is_full: bool = False, stop_at: int = 0, faults: FaultInjector | None = None) -> None:
        self._clean = None
        with suppress(KillError, StoppedError, TemporaryError, FeedError):
            self._run(is_full=is_full, stop_at=stop_at, faults=faults or no_fault())

    def export_all(self) -> None:
        self.export(is_full=True)

    def stop(self, at: int) -> None:
        self.export(stop_at=at)

    def break_outbox(self, at: int, how: str) -> None:
        self.export(faults=fault(at, how))

    def break_hub(self, after: int, how: str) -> None:
        self._hub.faults = fault(after + 1, how)
        self.export()

    def break_erp(self, after: int) -> None:
        self._erp.breaks_after = after
        self.export()

    def go_and_come_back(self, edits: Sequence[Event], run: Event, is_back: bool) -> None:
        """Edits, a run that may end anywhere, and the rows as they were; or as they are."""
        self._export_whole()
        before = list(self._erp.rows)
        self.happen(*edits, run)
        if is_back:
            self._erp.rows = before
        self.check()

    def _run(self, *, is_full: bool, stop_at: int = 0, faults: FaultInjector) -> ExportCounts:
        reports = count(1)

        def report(progress: Progress) -> bool:
            return next(reports) == stop_at

        with closing(flaky(self._path, faults, rows_per_statement=self._sizes.rows_per_statement)) as opened:
            counts = Exporter(
                cast(Erp, self._erp),
                cast(HubClient, self._hub),
                opened,
                scope=ExportScope(
                    hub_name="producao", systems=("omniforce",), agreed={self._name: self._agreed}, is_full=is_full
                ),
                report=report,
                runtime=runtime_at(lambda: self._now, Clock(), new_id=lambda: f"b{next(self._ids)}"),
                limits=self._sizes.limits,
            ).run()
        found = counts.exports[f"omniforce.{self._name}"]
        self._n_held = found.held
        return found

    def _export_whole(self) -> ExportCounts:
        """With nothing in its way, and a yes to whatever is held."""
        self._erp.breaks_after, self._hub.faults = -1, no_fault()
        self._hub.taken.clear()
        self._agreed = 0
        counts = self._run(is_full=True, faults=no_fault())
        while counts.held:
            self._agreed = counts.held
            counts = self._run(is_full=True, faults=no_fault())
        self._agreed = 0
        return counts

    def check(self) -> None:
        """After a whole export the hub has what the ERP has, the rest is told, and a second one sends nothing."""
        counts = self._export_whole()
        truths = self._truths()
        self._check_hub(truths)
        self._check_sent(truths)
        told = self._refusals()
        self._check_told(told, truths)
        self._check_numbers(len(truths))
        assert counts.read == len(self._erp.rows)
        again = self._export_whole()
        assert self._hub.taken == [], "sent again"
        assert (again.read, again.sent, again.prepared, again.held) == (len(self._erp.rows), 0, 0, 0)
        assert self._refusals().keys() == told.keys()
        self._clean = truths

    def _truths(self) -> dict[str, Truth]:
        """The ERP's rows one by one, by key; a row without a key by its values."""
        dataset = self._erp.query().dataset
        maker = LineSerializer(dataset, COLUMNS[self._name], ZONE)
        read = line_reader(dataset)
        found: dict[str, Truth] = {}
        for *values, _ in self._erp.rows:
            row = tuple(values)
            [key] = maker.keys([row])
            made = maker.serialize([row], [key])
            truth = found.setdefault(WITHOUT_KEY + repr(row) if key is None else key, Truth())
            truth.raws.append(repr(row))
            if made.invalid:
                truth.codes.append(made.invalid[0][1].code)
                continue
            [verdict] = read(made.lines, 1)
            if isinstance(verdict, RefusedLine):
                truth.codes.append(verdict.code)
            else:
                truth.lines.append(verdict.line)
        return found

    def _check_hub(self, truths: Mapping[str, Truth]) -> None:
        at_hub = self._hub.shelves.get(("omniforce", self._name), StoredDataset()).rows
        assert at_hub.keys() <= truths.keys(), "not deleted"
        for key, truth in truths.items():
            if not truth.codes:  # else the hub may still have what the row was before
                assert key in at_hub, "not sent"
                assert at_hub[key].line in truth.lines

    def _check_sent(self, truths: Mapping[str, Truth]) -> None:
        """A row that did not change was not sent; nor the delete of one that is there."""
        if self._clean is None:
            return
        for row in self._hub.taken:
            before, now = self._clean.get(row.key, Truth()).raws, truths.get(row.key, Truth()).raws
            if row.version:
                assert before != now or len(now) > 1, ("sent though unchanged", row.key)
            else:
                assert not now, ("deleted though there", row.key)

    def _check_told(self, told: Mapping[str, str], truths: Mapping[str, Truth]) -> None:
        keyed = {key: code for key, code in told.items() if not key.startswith(WITHOUT_KEY)}
        wrong = {key: truth.must_be_told for key, truth in truths.items() if truth.must_be_told}
        assert keyed.keys() == {key for key in wrong if not key.startswith(WITHOUT_KEY)}
        for key, code in keyed.items():
            assert code in wrong[key], key
        assert len(told) == len(wrong)  # a row without a key is told under its hash

    def _check_numbers(self, n_keys: int) -> None:
        [[n_rows, next_n]] = self._rows("SELECT n_rows, next_n FROM dataset")
        numbers = [n for (n,) in self._rows("SELECT n FROM row")]
        assert len(numbers) == len(set(numbers)) == n_rows == n_keys
        assert max(numbers, default=-1) < next_n
        assert self._rows("SELECT id FROM batch") == []

    def _refusals(self) -> dict[str, str]:
        return dict(self._rows("SELECT key, code FROM refusal"))

    def _rows(self, sql: str) -> list[Any]:
        with closing(sqlite3.connect(self._path)) as db:
            return db.execute(sql).fetchall()


@contextmanager
def world(name: str, *, has_changed_at: bool, sizes: ExportSizes) -> Iterator[ExportSimulation]:
    """A world in which batches, chunks and numbers are as small as `sizes` say."""
    with TemporaryDirectory(prefix="omnisync-") as folder:
        yield ExportSimulation(Path(folder), name, has_changed_at=has_changed_at, sizes=sizes)
