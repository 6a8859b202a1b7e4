"""Any SQL database as an ERP: a layout says where fields go, a dialect how this database is spoken to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from itertools import chain

import msgspec

from omnisync.agent.erp.base import (
    DryRun,
    ErpOptions,
    ErpScope,
    Position,
    PreparedRecord,
    RecordStore,
    Slice,
    WriteResult,
)
from omnisync.agent.erp.database import Database
from omnisync.agent.erp.export.changed_at import Since
from omnisync.agent.erp.export.row_stream import RowStream, open_stream
from omnisync.agent.erp.layout.export_queries import ExportQuery
from omnisync.agent.erp.layout.plan import Layout
from omnisync.agent.erp.layout.plan_compiler import with_rounding
from omnisync.agent.erp.layout_check.rounding import rounded_columns
from omnisync.agent.erp.slice_writer import SliceWriter, once
from omnisync.agent.erp.state.bindings import Bindings
from omnisync.agent.erp.state.preparation import CODES_OF_LAYOUT, check_external_ids, check_tables, notice_layout
from omnisync.agent.erp.state.record_store import SqlRecordStore
from omnisync.agent.erp.state.recovery import StateRecovery
from omnisync.agent.erp.state.transactions import Transactions
from omnisync.agent.erp.upsert.decode import read_customers, read_orders
from omnisync.agent.erp.upsert.dry_run import preview_rows, written_rows
from omnisync.agent.erp.upsert.new_records import NewRecordWriter
from omnisync.agent.erp.upsert.prepare_process import PrepareProcess
from omnisync.agent.erp.upsert.record_change import RecordChange, compare, count, with_sentences
from omnisync.agent.erp.upsert.record_reason import Describe
from omnisync.agent.erp.upsert.row_finder import RowFinder
from omnisync.agent.erp.upsert.staging_results import read_outcomes
from omnisync.agent.erp.upsert.writer import RecordWriter, RejectedRecords
from omnisync.agent.errors import (
    ErpCommittedError,
    ErpRowInUseError,
    ErpUndoneError,
    OmnisyncError,
    RecordError,
    RefusedRecordError,
    SetupError,
)
from omnisync.contract.feed import Change
from omnisync.contract.rules import UNSUMMED
from omnisync.contract.streams import Stream

_OF_A_RECORD = (ErpRowInUseError, ErpUndoneError, RefusedRecordError)
"""What ends a transaction, and is the fault of one of its records."""
MAX_IN_USE = 5
"""Of one slice. The ERP that holds more is busy as a whole: the slice is tried again later."""


class SqlErp:
    """The promise of `base.Erp` over one SQL database."""

    def __init__(
        self,
        database: Database,
        layout: Layout,
        *,
        scope: ErpScope,
        options: ErpOptions,
        clock: Callable[[], datetime],
        describe: Describe,
        state_database: Database | None = None,
        prepare_process: PrepareProcess | None = None,
    ) -> None:
        """`describe` makes the sentences of reasons.

        `state_database` is where bindings and cursors are kept, when that is not the ERP's database.

        `prepare_process` makes records ready in a process of its own, by this same layout.
        """
        self._database = database
        self._state_database = state_database or database
        self._layout = layout
        self._is_rounding_known = not database.dialect.rounds_decimals
        self._transactions = Transactions(database, self._state_database)
        self._bindings = Bindings(self._state_database, scope.company, scope.connection, describe)
        self._finder = RowFinder(database, layout)
        self._records = SqlRecordStore(self._transactions, layout, scope.company, self._bindings, self._finder)
        self._here = frozenset(scope.establishments)
        self._clock = clock
        self._describe = describe
        self._options = options
        self._slices = self._slice_writer(layout)
        self._prepare_process = prepare_process
        self._fingerprint = layout.fingerprint + ("+centavo" if options.adjusts_centavo else "")

    def _slice_writer(self, layout: Layout) -> SliceWriter:
        database, finder = self._database, self._finder
        is_apart = self._transactions.are_separate
        return SliceWriter(
            self._bindings,
            RecordWriter(database, layout, finder),
            NewRecordWriter(database, layout, finder),
            finder,
            establishments=self._here,
            adjusts_centavo=self._options.adjusts_centavo,
            recovery=StateRecovery(database, layout, self._bindings, finder) if is_apart else None,
        )

    @property
    def records(self) -> RecordStore:
        return self._records

    def prepare(self) -> None:
        self._database.connect()
        check_tables(self._database, self._layout)
        if self._transactions.are_separate:
            check_external_ids(self._database, self._layout)
        self._state_database.dialect.make_binding_tables(self._state_database)
        codes = CODES_OF_LAYOUT | (UNSUMMED if self._options.adjusts_centavo else set())
        notice_layout(self._transactions, self._bindings, self._fingerprint, codes)

    def position(self, stream: Stream) -> Position:
        found = self._bindings.position(stream.name)
        if found is not None:
            return found
        with self._transactions.of_state():
            self._bindings.begin_stream(stream.name)
            return self._bindings.position(stream.name) or Position()

    def position_after_unknown_commit(self, stream: Stream) -> Position:
        self._database.connect()
        with self._transactions.of_state():
            return self._bindings.locked_position(stream.name) or Position()

    def start_preparing(self) -> None:
        if self._prepare_process is not None:
            self._learn_rounding()
            self._prepare_process.start()

    def prepare_page(self, stream: Stream, page: bytes) -> Mapping[str, PreparedRecord]:
        return self._prepare_process.prepare(stream, page) if self._prepare_process is not None else {}

    def write(self, part: Slice) -> WriteResult:
        self._learn_rounding()
        try:
            return self._write(part)
        except ErpRowInUseError:
            with self._database.short_lock_waits():
                return self._write_bisecting(part, [])
        except (ErpUndoneError, RefusedRecordError):
            return self._write_bisecting(part, [])

    def _learn_rounding(self) -> None:
        """Read which columns round, before the first slice: a run that writes nothing never asks the catalogue."""
        if self._is_rounding_known:
            return
        try:
            rounded = rounded_columns(self._layout.file, self._database.dialect.reflect(self._database))
        except (SetupError, RecordError):
            rounded = {}  # a login that may not read the catalogue: the check has said what would round
        self._is_rounding_known = True
        if rounded:
            self._slices = self._slice_writer(with_rounding(self._layout, rounded))
            if self._prepare_process is not None:
                self._prepare_process.learn_rounding(rounded)

    def _write_bisecting(self, part: Slice, in_use: list[str]) -> WriteResult:
        """Write a slice that the ERP undid, or refused at its COMMIT, or of which it holds a row, in parts: each a
        transaction of its own.

        The related customers go before the orders, then each list in halves, down to the guilty record. What was
        written before it stands; the cursor moves with the last part. `in_use` are the records that met a held row.
        """
        if part.related and part.changes:
            first = msgspec.structs.replace(part, changes=(), unreadable=(), moves_to=None)
            return _sum(
                self._write_part(first, in_use), self._write_part(msgspec.structs.replace(part, related=()), in_use)
            )
        name = "related" if part.related else "changes"
        records: Sequence[Change] = getattr(part, name)
        if len(records) > 1:
            middle = len(records) // 2
            first = msgspec.structs.replace(part, unreadable=(), moves_to=None, **{name: records[:middle]})
            rest = msgspec.structs.replace(part, **{name: records[middle:]})
            return _sum(self._write_part(first, in_use), self._write_part(rest, in_use))
        rejected: dict[tuple[str, str], OmnisyncError] = {}
        while True:
            try:
                return self._write(part, rejected)
            except _OF_A_RECORD as error:
                guilty = next(((change.kind, change.id) for change in records), None)
                if guilty is None or guilty in rejected:
                    raise
                if isinstance(error, ErpRowInUseError):
                    if len(in_use) == MAX_IN_USE:
                        raise
                    in_use.append(guilty[1])
                rejected[guilty] = error

    def _write_part(self, part: Slice, in_use: list[str]) -> WriteResult:
        try:
            return self._write(part)
        except _OF_A_RECORD:
            return self._write_bisecting(part, in_use)

    @contextmanager
    def _remembering_committed(self, part: Slice) -> Iterator[None]:
        """Save what stands in the ERP though the slice ended: without a binding it would be inserted again."""
        try:
            yield
        except ErpCommittedError as error:
            records = [record for record in error.records if isinstance(record, RecordChange)]
            with self._transactions.of_both():
                for kind, establishment in (("customer", ""), ("order", part.establishment)):
                    own = [record for record in records if record.change.kind == kind]
                    self._bindings.save(own, part.epoch, establishment, self._clock())
            raise

    def _write(self, part: Slice, rejected: RejectedRecords | None = None) -> WriteResult:
        with self._remembering_committed(part), self._transactions.of_both():
            self._bindings.lock_stream(part.stream.name, part.expected)
            written = self._slices.write(part, self._clock(), rejected)
            if self._transactions.are_separate:
                _mark_cancellations(self._bindings, self._state_database, part, written.changes)
            now = self._clock()
            receipts = self._bindings.save(written.related, part.epoch, "", now)
            receipts += self._bindings.save(written.changes, part.epoch, part.establishment, now)
            if written.inserted is not None:
                receipts += self._bindings.save_inserted(written.inserted, part.epoch, part.establishment, now)
            if part.moves_to is not None:
                self._bindings.move_stream(part.stream.name, part.moves_to, part.epoch)
        # A related customer met before is no news: counting it in every page would drown the counts.
        news = [v for v in written.related if v.outcome_group != "unchanged" and v.needs_save]
        counts = count(chain(news, written.changes)) + written.unchanged
        if written.inserted is not None:
            counts += written.inserted.counts
        return WriteResult(counts=counts, receipts=tuple(receipts))

    def dry_run_side_effects(self) -> list[str]:
        self._database.connect()
        if self._transactions.are_separate or "omnisync_binding" in self._database.dialect.tables(self._database):
            return []
        return ["as duas tabelas do Omnisync (omnisync_binding e omnisync_cursor) serão criadas vazias"]

    def dry_run(self, part: Slice) -> DryRun:
        with self._remembering_committed(part):
            try:
                self._transactions.begin()
                written = self._slices.write(msgspec.structs.replace(part, prepared={}), self._clock())
                landed = [v for v in chain(written.related, written.changes) if v.outcome_group == "written"]
                return DryRun(
                    counts=count(chain((v for v in written.related if v.needs_save), written.changes))
                    + written.unchanged,
                    tables=written_rows(self._database, self._layout, landed),
                    unsettled=self._reasons(written.changes),
                )
            finally:
                self._transactions.rollback()

    def preview(self, part: Slice) -> DryRun:
        related = compare(once(part.related), {}, part.epoch, retrying=False)
        record_changes = compare(once(part.changes), {}, part.epoch, retrying=False)
        related = read_customers(related)
        if part.kind == "customer":
            record_changes = read_customers(record_changes)
        else:
            adjusts = self._options.adjusts_centavo
            record_changes = read_orders(record_changes, part, self._here, adjusts_centavo=adjusts)
        all_changes, tables = preview_rows(self._layout, [*related, *record_changes])
        return DryRun(counts=count(all_changes), tables=tables, unsettled=self._reasons(all_changes))

    def _reasons(self, record_changes: Sequence[RecordChange]) -> list[tuple[str, str]]:
        described = with_sentences(record_changes, self._describe)
        return [(v.label or v.change.id, v.reason.message) for v in described if v.reason is not None]

    def read_outcomes(self) -> int:
        outcome = self._layout.outcome
        staged = self._bindings.staged(self._here) if outcome is not None else {}
        if outcome is None or not staged:
            return 0
        with self._transactions.of_both():
            results = read_outcomes(self._database, outcome, staged)
            self._bindings.save_staging_results(results, self._clock())
            return len(results.ends)

    def exports(self) -> tuple[ExportQuery, ...]:
        return self._layout.exports

    def open_export(self, query: ExportQuery, since: Since = None) -> AbstractContextManager[RowStream]:
        today = self._clock().astimezone(query.zone).date()
        return open_stream(self._database, query, since, today, self._options.rows_per_chunk)

    def close(self) -> None:
        if self._prepare_process is not None:
            self._prepare_process.close()
        self._database.close()
        self._state_database.close()


def _sum(first: WriteResult, rest: WriteResult) -> WriteResult:
    return WriteResult(counts=first.counts + rest.counts, receipts=first.receipts + rest.receipts)


def _mark_cancellations(
    bindings: Bindings, state_database: Database, part: Slice, record_changes: Sequence[RecordChange]
) -> None:
    """Remember what is to be cancelled before the ERP's COMMIT.

    After a kill between the two a cancelled row could not be recognized as ours, nor opened again.
    """
    ids = [v.change.id for v in record_changes if v.outcome == "cancelled" and v.outcome_group == "written"]
    if ids:
        bindings.withdraw(ids)
        state_database.commit()
        state_database.begin()
        bindings.lock_stream(part.stream.name, part.expected)
