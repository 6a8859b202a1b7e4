"""Any SQL database as an ERP: a layout says where fields go, a dialect how this database is spoken to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from itertools import chain

import msgspec

from omnisync.agent.erp.base import DryRun, OpenIssue, Position, PreparedRecord, Slice, WriteResult
from omnisync.agent.erp.database import Database
from omnisync.agent.erp.export.row_stream import RowStream, Since, open_stream
from omnisync.agent.erp.layout.export_queries import ExportQuery
from omnisync.agent.erp.layout.plan import Layout, TablePlan
from omnisync.agent.erp.reflection import reflect
from omnisync.agent.erp.state.bindings import Bindings, encoded, origin_of
from omnisync.agent.erp.state.queries import RecordQueries
from omnisync.agent.erp.state.recovery import StateRecovery
from omnisync.agent.erp.upsert.decode import read_customers, read_orders, resolve_customers
from omnisync.agent.erp.upsert.dry_run import previewed_rows, written_rows
from omnisync.agent.erp.upsert.prepare_process import PrepareProcess
from omnisync.agent.erp.upsert.record_change import Binding, RecordChange, compare, count, unreadable_change
from omnisync.agent.erp.upsert.staging_results import read_outcomes
from omnisync.agent.erp.upsert.writer import RecordWriter, RejectedRecords
from omnisync.agent.errors import ErpSetupError, ErpUndoneError, RefusedRecordError
from omnisync.contract.feed import Change, Receipt, RecordKind
from omnisync.contract.rules import UNSUMMED
from omnisync.contract.streams import Stream

_FINGERPRINT = "layout"
"""The stream under which the layout's fingerprint is kept, beside the cursors: no stream of the hub has this name."""
_CODES_OF_LAYOUT = frozenset(
    {"payment_method_unmapped", "payment_terms_unmapped", "seller_unmapped", "establishment_unmapped"}
    | {
        "price_table_unmapped",
        "product_unknown",
        "code_unmapped",
        "lookup_ambiguous",
        "document_missing",
        "erp_refused",
        "lookup_refused",
        "erp_row_missing",
        "erp_no_number",
    }
)
"""What may be gone when the layout or De/Para changed."""


class SqlErp:
    """The promise of `base.Erp` over one SQL database."""

    def __init__(
        self,
        database: Database,
        layout: Layout,
        *,
        company: str,
        connection: str,
        establishments: Sequence[str],
        clock: Callable[[], datetime],
        adjusts_centavo: bool = False,
        state_database: Database | None = None,
        prepare_process: PrepareProcess | None = None,
    ) -> None:
        """`state_database` is where bindings and cursors are kept, when that is not the ERP's database.

        `prepare_process` makes records ready in a process of its own, by this same layout.
        """
        self._database = database
        self._state_database = state_database or database
        self._layout = layout
        self._bindings = Bindings(self._state_database, company, connection)
        self._shown = RecordQueries(self._state_database, company)
        self._writer = RecordWriter(database, layout)
        self._recalling = (
            StateRecovery(database, layout, self._bindings, self._writer) if state_database is not None else None
        )
        self._here = frozenset(establishments)
        self._clock = clock
        self._adjusts_centavo = adjusts_centavo
        self._prepare_process = prepare_process
        self._fingerprint = layout.fingerprint + ("+centavo" if adjusts_centavo else "")

    # --- the promise; see base.Erp

    def prepare(self) -> None:
        self._database.connect()
        found = self._database.tables()
        for table in self._layout.tables:
            columns = found.get(table.name)
            if columns is None:
                raise ErpSetupError("destination_missing_table", banco=self._database.label, tabela=table.name)
            missing = table.all_names - columns
            if missing:
                motive = ", ".join(f"{table.name}.{name}" for name in sorted(missing))
                raise ErpSetupError("destination_missing_column", banco=self._database.label, motivo=motive)
        if self._recalling is not None:
            self._check_external_ids()
        self._state_database.make_binding_tables()
        self._notice_layout()

    def _check_external_ids(self) -> None:
        """Without our tables in the database only its unique keys keep a record from standing there twice."""
        schema = reflect(self._database)
        mains = [main.table for main in (self._layout.customer, self._layout.order) if main is not None]
        for table in mains:
            found = schema.table(table.name)
            if found is None or not found.is_unique(table.external_id):
                where = f"{table.name}.{table.external_id}"
                raise ErpSetupError(
                    "check_external_id_not_unique", onde=where, tabela=table.name, coluna=table.external_id
                )

    def _notice_layout(self) -> None:
        """A layout, De/Para or rule that changed since the last run gives what was refused for it another chance."""
        before = self._bindings.position(_FINGERPRINT)
        if before is not None and before.cursor == self._fingerprint:
            return
        with self._state_transaction():
            self._bindings.begin_stream(_FINGERPRINT)
            held = self._bindings.locked_position(_FINGERPRINT)
            if held is not None and held.cursor not in ("", self._fingerprint):
                self._bindings.requeue_by_reason(_CODES_OF_LAYOUT | (UNSUMMED if self._adjusts_centavo else set()))
            self._bindings.move_stream(_FINGERPRINT, self._fingerprint, "")

    def position(self, stream: Stream) -> Position:
        found = self._bindings.position(stream.name)
        if found is not None:
            return found
        with self._state_transaction():
            self._bindings.begin_stream(stream.name)
            return self._bindings.position(stream.name) or Position()

    def position_after_unknown_commit(self, stream: Stream) -> Position:
        self._database.connect()
        with self._state_transaction():
            return self._bindings.locked_position(stream.name) or Position()

    def prepare_page(self, stream: Stream, page: bytes) -> Mapping[str, PreparedRecord]:
        return self._prepare_process.prepare(stream, page) if self._prepare_process is not None else {}

    def write(self, part: Slice) -> WriteResult:
        try:
            return self._write(part)
        except (ErpUndoneError, RefusedRecordError):
            return self._write_bisecting(part)

    def _write_bisecting(self, part: Slice) -> WriteResult:
        """Write a slice that the ERP undid, or refused at its COMMIT, in parts: each a transaction of its own.

        The related customers go before the orders, then each list in halves, down to the guilty record. What was
        written before it stands; the cursor moves with the last part.
        """
        if part.related and part.changes:
            first = msgspec.structs.replace(part, changes=(), unreadable=(), moves_to=None)
            return self._write_both(first, msgspec.structs.replace(part, related=()))
        name = "related" if part.related else "changes"
        records: Sequence[Change] = getattr(part, name)
        if len(records) > 1:
            middle = len(records) // 2
            first = msgspec.structs.replace(part, unreadable=(), moves_to=None, **{name: records[:middle]})
            return self._write_both(first, msgspec.structs.replace(part, **{name: records[middle:]}))
        rejected: dict[tuple[str, str], str] = {}
        while True:
            try:
                return self._write(part, rejected)
            except (ErpUndoneError, RefusedRecordError) as error:
                guilty = next(((change.kind, change.id) for change in records), None)
                if guilty is None or guilty in rejected:
                    raise
                rejected[guilty] = str(error.words.get("motivo", "–"))

    def _write_both(self, first: Slice, rest: Slice) -> WriteResult:
        one, other = self.write(first), self.write(rest)
        return WriteResult(counts=one.counts + other.counts, receipts=one.receipts + other.receipts)

    def _write(self, part: Slice, rejected: RejectedRecords | None = None) -> WriteResult:
        with self._transaction():
            self._bindings.lock_stream(part.stream.name, part.expected)
            related, record_changes = self._write_slice(part, rejected)
            if self._recalling is not None:
                self._mark_cancellations(part, record_changes)
            now = self._clock()
            receipts = self._bindings.save(related, part.epoch, "", now)
            receipts += self._bindings.save(record_changes, part.epoch, part.establishment, now)
            if part.moves_to is not None:
                self._bindings.move_stream(part.stream.name, part.moves_to, part.epoch)
        # A related customer met before is no news: counting it in every page would drown the counts.
        news = [v for v in related if v.outcome_group != "unchanged" and v.needs_save]
        return WriteResult(counts=count(chain(news, record_changes)), receipts=tuple(receipts))

    def _mark_cancellations(self, part: Slice, record_changes: Sequence[RecordChange]) -> None:
        """Remember what is to be cancelled before the ERP's COMMIT.

        After a kill between the two a cancelled row could not be recognized as ours, nor opened again.
        """
        ids = [v.change.id for v in record_changes if v.outcome == "cancelled" and v.outcome_group == "written"]
        if ids:
            self._bindings.withdraw(ids)
            self._state_database.commit()
            self._state_database.begin()
            self._bindings.lock_stream(part.stream.name, part.expected)

    def dry_run_side_effects(self) -> list[str]:
        self._database.connect()
        if self._recalling is not None or "omnisync_binding" in self._database.tables():
            return []
        return ["as duas tabelas do Omnisync (omnisync_binding e omnisync_cursor) serão criadas vazias"]

    def dry_run(self, part: Slice) -> DryRun:
        try:
            self._state_database.begin()
            if self._recalling is not None:
                self._database.begin()
            related, record_changes = self._write_slice(part)
            landed = [v for v in chain(related, record_changes) if v.outcome_group == "written"]
            return DryRun(
                counts=count(chain((v for v in related if v.needs_save), record_changes)),
                tables=written_rows(self._database, self._layout, landed),
                unsettled=_reasons(record_changes),
            )
        finally:
            self._database.rollback()
            self._state_database.rollback()

    def preview(self, part: Slice) -> DryRun:
        related = compare(_once(part.related), {}, part.epoch, retrying=False)
        record_changes = compare(_once(part.changes), {}, part.epoch, retrying=False)
        read_customers(related)
        if part.kind == "customer":
            read_customers(record_changes)
        else:
            read_orders(record_changes, part, self._here, adjusts_centavo=self._adjusts_centavo)
        tables = previewed_rows(self._layout, [*related, *record_changes])
        return DryRun(
            counts=count(chain(related, record_changes)), tables=tables, unsettled=_reasons([*related, *record_changes])
        )

    def read_outcomes(self) -> int:
        outcome = self._layout.outcome
        staged = self._bindings.staged(self._here) if outcome is not None else {}
        if outcome is None or not staged:
            return 0
        with self._transaction():
            ends = read_outcomes(self._database, outcome, staged)
            self._bindings.save_staging_results(ends, self._clock())
            return len(ends)

    def requeue_by_reason(self, codes: Collection[str]) -> int:
        with self._state_transaction():
            return self._bindings.requeue_by_reason(codes)

    def choose(self, customer_id: str, erp_key: str) -> None:
        with self._state_transaction():
            self._bindings.choose(customer_id, erp_key)

    def waiting(self, establishments: Sequence[str]) -> Iterator[tuple[Stream, list[str]]]:
        return self._bindings.waiting(establishments)

    def pending(self, limit: int) -> list[Receipt]:
        return self._bindings.pending(limit)

    def acknowledge(self, receipts: Sequence[Receipt]) -> None:
        with self._state_transaction():
            self._bindings.acknowledge(receipts)

    def requeue(self, kind: RecordKind, ids: Sequence[str], *, again: bool = False) -> dict[Stream, list[str]]:
        with self._transaction():
            # What still has its row is only read again: forgotten, a later cancellation would not reach that row.
            there = self._existing(kind, ids) if again else set()
            return self._bindings.requeue(kind, ids, gone=[id_ for id_ in ids if id_ not in there] if again else ())

    def _existing(self, kind: RecordKind, ids: Sequence[str]) -> set[str]:
        """Return which of these records still have their row."""
        bindings = self._bindings.of(kind, ids)
        return self._writer.existing(kind, bindings.values(), ids)

    def open_issues(self, outcomes: Sequence[str], limit: int) -> list[OpenIssue]:
        return self._shown.open_issues(outcomes, limit)

    def with_warnings(self, limit: int) -> list[OpenIssue]:
        return self._shown.with_warnings(limit)

    def n_open_issues(self) -> dict[str, int]:
        return self._shown.n_open_issues()

    def waiting_since(self) -> datetime | None:
        return self._shown.waiting_since()

    def find(self, text: str, limit: int) -> list[OpenIssue]:
        return self._shown.find(text, limit)

    def rows(self) -> dict[str, int]:
        layout = self._layout
        customer = layout.customer.table if layout.customer is not None else None
        nouns = {"customers": customer, "orders": layout.order.table, "items": layout.item, "payments": layout.payment}
        return {noun: self._n_rows(table) if table is not None else 0 for noun, table in nouns.items()}

    def _n_rows(self, table: TablePlan) -> int:
        sql = f"SELECT count(*) FROM {self._database.quoted(table.name)}"  # noqa: S608  # a quoted name
        return int(str(self._database.select(sql)[0][0]))

    def exports(self) -> tuple[ExportQuery, ...]:
        return self._layout.exports

    def open_export(self, query: ExportQuery, since: Since = None) -> AbstractContextManager[RowStream]:
        return open_stream(self._database, query, since, self._clock().astimezone(query.zone).date())

    def close(self) -> None:
        if self._prepare_process is not None:
            self._prepare_process.close()
        self._database.close()
        self._state_database.close()

    # --- one transaction

    def _write_slice(
        self, part: Slice, rejected: RejectedRecords | None = None
    ) -> tuple[list[RecordChange], list[RecordChange]]:
        """Return the slice's rows put into the ERP's tables: the verdicts of the related customers, then its own."""
        related = self._customers(part, part.related, rejected)
        if part.kind == "customer":
            record_changes = self._customers(part, part.changes, rejected)
        else:
            record_changes = self._orders(part, {v.change.id: v for v in related}, rejected)
        return related, record_changes + self._unreadable(part)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Provide a transaction of the ERP's database and of our two tables: one and the same, where they stand there.

        Else the ERP commits first: a kill in between leaves rows that are found again by their external ids.
        """
        with self._state_transaction():
            if self._recalling is None:
                yield
            else:
                with _atomically(self._database):
                    yield

    def _state_transaction(self) -> AbstractContextManager[None]:
        """Return a transaction of our two tables alone."""
        return _atomically(self._state_database)

    def _customers(
        self, part: Slice, changes: Sequence[Change], rejected: RejectedRecords | None
    ) -> list[RecordChange]:
        record_changes = self._compare(part, "customer", changes)
        read_customers(record_changes)
        self._writer.customers(record_changes, rejected)
        return record_changes

    def _orders(
        self, part: Slice, related: dict[str, RecordChange], rejected: RejectedRecords | None
    ) -> list[RecordChange]:
        record_changes = self._compare(part, "order", part.changes)
        read_orders(record_changes, part, self._here, adjusts_centavo=self._adjusts_centavo)
        has_customers = self._layout.customer is not None
        customers = self._customers_of(record_changes, related)
        resolve_customers(record_changes, customers, has_customers=has_customers)
        if self._recalling is not None:
            self._recalling.skip_already_taken(record_changes)
        self._writer.orders(record_changes, customers, rejected)
        return record_changes

    def _compare(self, part: Slice, kind: RecordKind, changes: Sequence[Change]) -> list[RecordChange]:
        bindings = self._bindings.of(kind, [change.id for change in changes])
        record_changes = compare(_once(changes), bindings, part.epoch, retrying=part.expected is None)
        if self._recalling is not None:
            self._recalling.adopt_existing(kind, record_changes, part, self._clock())
        if part.prepared and kind == part.kind:
            for record_change in record_changes:
                if record_change.action == "read":
                    record_change.prepared = part.prepared.get(record_change.change.id)
        return record_changes

    def _customers_of(
        self, record_changes: Sequence[RecordChange], related: dict[str, RecordChange]
    ) -> dict[str, Binding]:
        ids = {v.customer_id for v in record_changes if v.action == "read" and v.is_read}
        known = self._bindings.customers(sorted(ids - related.keys()))
        # The related customers were written a moment ago in this transaction; their bindings are saved at its end.
        for id_ in ids & related.keys():
            known[id_] = _as_binding(related[id_])
        merged = {b.merged_into for b in known.values() if b.merged_into} - known.keys()
        return self._bindings.customers(sorted(merged)) | known

    def _unreadable(self, part: Slice) -> list[RecordChange]:
        bindings = self._bindings.of(part.kind, [u.id for u in part.unreadable])
        now, retrying = self._clock(), part.expected is None
        return [unreadable_change(u, bindings.get(u.id), retrying=retrying, now=now) for u in part.unreadable]


@contextmanager
def _atomically(database: Database) -> Iterator[None]:
    database.begin()
    try:
        yield
        database.commit()
    except BaseException:  # a COMMIT that failed leaves its transaction open
        database.rollback()
        raise


def _reasons(record_changes: Sequence[RecordChange]) -> list[tuple[str, str]]:
    return [(v.label or v.change.id, v.reason.message) for v in record_changes if v.reason is not None]


def _once(changes: Sequence[Change]) -> Sequence[Change]:
    """Return the newest of each record: a hub that repeats one within a page must not meet our own key."""
    if len({change.id for change in changes}) == len(changes):
        return changes
    newest: dict[str, Change] = {}
    for change in changes:
        other = newest.get(change.id)
        if other is None or change.version > other.version:
            newest[change.id] = change
    return list(newest.values())


def _as_binding(record_change: RecordChange) -> Binding:
    """Return what the binding of a verdict of this same transaction will say."""
    before = record_change.binding
    if before is not None and not record_change.needs_save:
        return before
    return Binding(
        id=record_change.change.id,
        epoch="",
        version=record_change.change.version,
        hash="",
        written_version=record_change.change.version,
        erp_key=record_change.erp_key or (before.erp_key if before is not None else None),
        erp_number=record_change.erp_number,
        establishment="",
        customer_id="",
        label=record_change.label,
        merged_into=record_change.merged_into,
        outcome=record_change.outcome or "unchanged",
        reason=encoded(record_change.reason),
        warnings=None,
        origin=origin_of(record_change),
    )
